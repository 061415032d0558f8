"""What holds for whatever fleet, MCP servers and contexts are declared."""

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.declaration import WorkloadKind
from components.context_federation import ContextFederation, ContextFederationArgs
from tests.contract.federations import fleet
from tests.contract.recording import Registration, is_secret, record

names = st.from_regex(r"[a-z]([-a-z0-9]{0,12}[a-z0-9])?", fullmatch=True)
members = st.lists(names.filter(lambda name: name != "system"), max_size=4, unique=True)


@st.composite
def federations(draw: st.DrawFn) -> ContextFederationArgs:
    clusters = draw(members)
    placements: list[dict[str, Any]] = [
        {},
        {"cluster_selector": {"match_labels": {"tier": "edge"}}},
        *({"clusters": [cluster]} for cluster in clusters),
    ]
    placement = st.sampled_from(placements)
    where = st.lists(st.tuples(names, names), max_size=3, unique=True)
    servers: list[Any] = [
        {
            "namespace": namespace,
            "name": name,
            "kind": draw(st.sampled_from([*WorkloadKind, "Deployment", "StatefulSet"])),
            **draw(placement),
        }
        for namespace, name in draw(where)
    ]
    contexts: list[Any] = [
        {
            "namespace": namespace,
            "name": name,
            "mcp_server_name": name,
            "context_type": "prompts",
            "items": [{"name": "p"}],
            **draw(placement),
        }
        for namespace, name in draw(where)
    ]
    return {"fleet": fleet(*clusters, register=draw(st.booleans())), "servers": servers, "contexts": contexts}


def contexts(found: list[Registration]) -> list[Registration]:
    return [each for each in found if each.type == "kubernetes:mcpfed.io/v1alpha1:FederatedContext"]


@given(args=federations())
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_every_federation_is_declared_without_ambiguity(args: ContextFederationArgs) -> None:
    found = record(lambda: ContextFederation("federation", args))
    objects = [each for each in found if each.kubernetes_object]
    assert all(each.cluster.startswith("federation-fleet-") for each in objects)
    assert all(count == 1 for count in Counter((each.type, each.name) for each in found).values())
    assert all(count == 1 for count in Counter(each.place for each in objects).values())
    assert all(is_secret(each.inputs["data"]) for each in objects if "data" in each.inputs)
    declared = {(each["namespace"], each["name"]) for each in args.get("contexts", [])}
    assert {each.place[2:] for each in contexts(found)} == declared
    assert {each.cluster for each in contexts(found)} <= {"federation-fleet-control-plane"}
