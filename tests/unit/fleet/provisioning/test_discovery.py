from fleet.provisioning.discovery import established_since
from kube.kinds import Object, ObjectKey

PLURALS = ("federatedcontexts", "mcpcontexts", "contextrevisions", "contextreplicas")


def definition(status: str, time: str) -> Object:
    return {"status": {"conditions": [{"type": "Established", "status": status, "lastTransitionTime": time}]}}


def definitions(last: str) -> dict[ObjectKey, Object]:
    found = {ObjectKey("", f"{plural}.mcpfed.io"): definition("True", "2026-11-22T10:00:00Z") for plural in PLURALS}
    return found | {ObjectKey("", "mcpcontexts.mcpfed.io"): definition(last, "2026-11-22T10:00:07Z")}


def test_kinds_are_known_since_the_last_of_them_was_served() -> None:
    assert established_since(definitions("True")) == 1795341607.0


def test_kinds_are_not_known_while_one_of_them_is_missing_or_not_served_yet() -> None:
    incomplete = definitions("True")
    del incomplete[ObjectKey("", "contextreplicas.mcpfed.io")]

    newborn = definitions("True") | {ObjectKey("", "mcpcontexts.mcpfed.io"): {"status": {"conditions": None}}}

    assert established_since({}) is None
    assert established_since(newborn) is None
    assert established_since(incomplete) is None
    assert established_since(definitions("False")) is None
