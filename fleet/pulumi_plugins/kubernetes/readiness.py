"""When a created or updated object counts as ready: what the program waits for, else what its kind asks for.

A check returns what is still missing, in words, or "" when nothing is. Kinds without a check are ready at once. The
endpoints of a Service are not awaited, unlike in the official provider: a local fleet need not run what writes them.
"""

import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from fleet.pulumi_plugins.kubernetes import jsonpath
from fleet.pulumi_plugins.kubernetes.objects import annotation, flagged, group_of, nested
from fleet.pulumi_plugins.values import Object, is_list, is_object

Check: TypeAlias = Callable[[Object], str]

DEFAULT_SECONDS: Final = 600.0
"""How long to wait where neither the program nor the object's annotations say."""

TOKEN_SECONDS: Final = 5.0
"""How long to wait for the token of a ServiceAccount's Secret."""

TOKEN_TYPE: Final = "kubernetes.io/service-account-token"  # noqa: S105 - the name of a type
ENDED_AT_ONCE: Final = frozenset({"Namespace", "Pod", "DaemonSet", "Deployment", "StatefulSet", "Job"})
"""Kinds whose deletion is not awaited either when `pulumi.com/skipAwait` is set."""


def check_of(inputs: Object) -> Check | None:
    """Return what to wait for after a create or an update; None for nothing.

    Raises:
        ValueError: The annotation `pulumi.com/waitFor` cannot be read.
    """
    if flagged(inputs, "skipAwait"):
        return None
    if wait_for := annotation(inputs, "waitFor"):
        return all_of([_parse(text) for text in _expressions(wait_for)])
    if inputs.get("kind") == "Secret" and inputs.get("type") != TOKEN_TYPE:
        return None
    return _BY_KIND.get((group_of(str(inputs.get("apiVersion", ""))), str(inputs.get("kind", ""))))


def seconds(inputs: Object, asked: float) -> float:
    """Return how long to wait: the program's custom timeout, else `pulumi.com/timeoutSeconds`, else the default."""
    text = annotation(inputs, "timeoutSeconds")
    if asked > 0:
        return asked
    if text.isdigit():
        return float(text)
    return TOKEN_SECONDS if inputs.get("type") == TOKEN_TYPE else DEFAULT_SECONDS


def all_of(checks: list[Check]) -> Check:
    """Join checks: what the first unmet one misses, with its place among them."""

    def check(live: Object) -> str:
        missing = [text for text in (one(live) for one in checks) if text]
        met = len(checks) - len(missing)
        return f"[{met + 1}/{len(checks)}] {missing[0]}" if missing else ""

    return check


def _expressions(wait_for: str) -> list[str]:
    try:
        several = json.loads(wait_for)
    except json.JSONDecodeError:
        return [wait_for]
    if not is_list(several) or not several or not all(isinstance(text, str) for text in several):
        raise ValueError("pulumi.com/waitFor has to be one expression or a JSON array of at least one.")
    return several


def _parse(text: str) -> Check:
    form, _, rest = text.partition("=")
    if form == "jsonpath":
        return _path_check(rest)
    if form == "condition" and rest:
        kind, _, status = rest.partition("=")
        return lambda live: _condition(live, kind, status or "True")
    raise ValueError(f'pulumi.com/waitFor: expected "condition=..." or "jsonpath=...", got {text!r}.')


def _path_check(text: str) -> Check:
    body, brace, tail = text.rpartition("}")
    if not body.startswith("{") or not brace or (tail and (tail[0] != "=" or not tail[1:])):
        raise ValueError(f"pulumi.com/waitFor: expected jsonpath={{.path}} or jsonpath={{.path}}=value, got {text!r}.")
    path, expected = jsonpath.parse(body[1:]), tail[1:]

    def check(live: Object) -> str:
        found = path.select(live)
        if found and expected and (is_object(found[0]) or is_list(found[0])):
            raise ValueError(f"pulumi.com/waitFor: {{{path.text}}} is not a simple value.")
        met = bool(found) and (not expected or jsonpath.as_text(found[0]) == expected)
        return _unseen(live, None) or ("" if met else f"Waiting for {text}")

    return check


def _condition(live: Object, kind: str, status: str) -> str:
    conditions: list[Object] = nested(live, "status", "conditions") or []
    for condition in conditions:
        if str(condition.get("type")).lower() == kind.lower():
            met = str(condition.get("status")).lower() == status.lower()
            seen = _unseen(live, condition.get("observedGeneration"))
            return seen or ("" if met else f"Waiting for condition {kind}={status} (is {condition.get('status')})")
    return f"Waiting for condition {kind}={status}"


def _unseen(live: Object, observed: Any) -> str:
    """Say that a controller has not looked at the newest generation yet, "" where it has or does not tell."""
    generation = nested(live, "metadata", "generation")
    observed = nested(live, "status", "observedGeneration") if observed is None else observed
    behind = isinstance(generation, int) and isinstance(observed, int) and observed < generation
    return f"Generation {observed} is less than expected {generation}" if behind else ""


def _rolled_out(live: Object) -> str:
    wanted = nested(live, "spec", "replicas")
    wanted = 1 if wanted is None else wanted
    status: Object = live.get("status") or {}
    if status.get("observedGeneration", 0) < nested(live, "metadata", "generation"):
        return "Waiting for the rollout to begin"
    ready = "availableReplicas" if live.get("kind") == "Deployment" else "readyReplicas"
    for what, field in (("updated", "updatedReplicas"), ("ready", ready)):
        if (count := status.get(field, 0)) < wanted:
            return f"Waiting for Pods to be {what} ({count}/{wanted})"
    old = status.get("replicas", 0) - status.get("updatedReplicas", 0)
    return f"Waiting for {old} old Pods to end" if old > 0 else ""


def _service(live: Object) -> str:
    waits = nested(live, "spec", "type") == "LoadBalancer" and not nested(live, "status", "loadBalancer", "ingress")
    return "Waiting for the load balancer's address" if waits else ""


def _crd(live: Object) -> str:
    return _condition(live, "NamesAccepted", "True") or _condition(live, "Established", "True")


_BY_KIND: Final[dict[tuple[str, str], Check]] = {
    ("apps", "Deployment"): _rolled_out,
    ("apps", "StatefulSet"): _rolled_out,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
    ("apiregistration.k8s.io", "APIService"): lambda live: _condition(live, "Available", "True"),
    ("", "Namespace"): lambda live: "" if nested(live, "status", "phase") == "Active" else "Waiting for phase Active",
    ("", "Secret"): lambda live: "" if nested(live, "data", "token") else "Waiting for the token",
    ("", "Service"): _service,
}
