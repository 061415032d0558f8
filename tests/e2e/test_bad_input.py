"""Bad input gives a clear error at the earliest place, and nothing else stops working."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.condition import (
    REASON_CLUSTER_NOT_FOUND,
    REASON_INVALID_ITEM,
    REASON_PAYLOAD_TOO_LARGE,
    REASON_SERVER_NOT_FOUND,
)
from api.federated_context import Phase
from api.item import ContextType
from api.names import INLINE_LIMIT_BYTES
from kube.errors import ApiError
from kube.kinds import FEDERATED_CONTEXT
from tests.support.federation import Context, Federation, document, tool, until
from tests.support.fleet import SERVER, LocalFleet


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"clusters": ["member1"], "clusterSelector": {"matchLabels": {"a": "b"}}}, "clusters or clusterSelector"),
        ({"contextType": "models"}, 'Unsupported value: "models"'),
        ({"conflictPolicy": {"default": "FirstWriterWins"}}, "FirstWriterWins"),
        ({"mcpServerName": "Not A Name"}, "spec.mcpServerName"),
    ],
)
async def test_the_api_server_refuses_a_spec(federation: Federation, spec: dict[str, Any], said: str) -> None:
    async with federation.context() as context:
        with pytest.raises(ApiError, match="spec") as refused:
            await context.declare([document(f"{context.name}/a", "text")], **spec)
        assert refused.value.status in (400, 422)
        assert said in refused.value.message


async def test_the_api_server_refuses_an_item_that_is_there_twice(federation: Federation) -> None:
    async with federation.context() as context:
        twice = {
            "metadata": {"name": context.name, "namespace": SERVER},
            "spec": {
                "mcpServerName": SERVER,
                "contextType": "resources",
                "contextPayload": {"items": [document("a", "1"), document("a", "2")]},
            },
        }
        with pytest.raises(ApiError, match="Duplicate value") as refused:
            await federation.control_plane.create(FEDERATED_CONTEXT, twice)
        assert 'name":"a"' in refused.value.message


async def test_a_payload_that_is_too_large_is_an_error_and_members_keep_the_last_good(federation: Federation) -> None:
    async with federation.context() as context:
        items = [document(f"{context.name}/{n}", "x" * (INLINE_LIMIT_BYTES // 2)) for n in range(3)]
        await context.declare(items[:1])
        await context.settled()
        await context.declare(items)
        await until(lambda: context.status.phase is Phase.ERROR, 15, context.explain)
        (stalled,) = [c for c in context.status.conditions if c.type == "Stalled"]
        assert (stalled.status, stalled.reason) == ("True", REASON_PAYLOAD_TOO_LARGE)
        assert str(INLINE_LIMIT_BYTES) in stalled.message
        assert context.status.version == 1
        await context.declare(items[:1])
        await context.settled()


async def test_a_server_that_does_not_exist_is_named_for_each_cluster(
    fleet: LocalFleet, federation: Federation
) -> None:
    async with federation.context() as context:
        await context.declare([document(f"{context.name}/a", "text")], mcpServerName="nobody")
        wanted = {(member, REASON_SERVER_NOT_FOUND) for member in fleet.members}
        await until(lambda: failures(context) == wanted, 30, context.explain)
        assert context.status.phase is Phase.ERROR
        assert all("'nobody'" in exception.message for exception in context.status.exceptions)
        await still_works(federation)


async def test_a_cluster_that_does_not_exist_is_named_and_the_others_serve(
    fleet: LocalFleet, federation: Federation
) -> None:
    here = fleet.members[0]
    async with federation.context() as context:
        await context.declare([document(f"{context.name}/a", "text")], clusters=[here, "atlantis"])
        await until(lambda: failures(context) == {("atlantis", REASON_CLUSTER_NOT_FOUND)}, 30, context.explain)
        assert context.status.phase is Phase.ERROR
        await until(lambda: context.is_held(here), 30, context.explain)
        assert await federation.served(here, context.name) == context.digest
        assert not (context.volume(fleet.members[1]) / context.name).exists()


async def test_a_malformed_file_is_reported_with_its_line_while_other_items_flow(
    fleet: LocalFleet, federation: Federation
) -> None:
    here = fleet.members[0]
    async with federation.context(ContextType.TOOLS) as context:
        broken, other = f"{context.name}-broken", f"{context.name}-other"
        await context.declare([tool(broken, "old"), tool(other, "old")])
        await context.settled()

        malformed = '{\n  "definition": {},\n  oops\n}\n'
        context.write(here, f"tools/{broken}.json", malformed)
        await until(lambda: failures(context) == {(here, REASON_INVALID_ITEM)}, 15, context.explain)
        assert context.status.phase is Phase.ERROR
        assert f"tools/{broken}.json:3" in context.status.exceptions[0].message

        context.write(here, f"tools/{other}.json", in_file(tool(other, "new")))
        await until(lambda: description(context, other) == "new", 15, context.explain)
        await context.declare([tool(broken, "declared"), tool(other, "old")])
        await until(lambda: description(context, broken) == "declared", 15, context.explain)
        assert context.path(here, f"tools/{broken}.json").read_text() == malformed

        context.write(here, f"tools/{broken}.json", in_file(tool(broken, "mended")))
        await until(lambda: description(context, broken) == "mended", 15, context.explain)
        await context.settled()
        assert context.status.exceptions == []


def failures(context: Context) -> set[tuple[str, str]]:
    """The exceptions of the newest status, if it is of the newest generation."""
    status = context.status
    if status.observed_generation != context.generation:
        return set()
    return {(exception.cluster, exception.reason) for exception in status.exceptions}


def description(context: Context, item: str) -> str | None:
    """Description of a tool at the head."""
    items = context.head.items if context.head else []
    return next((i.content.definition["description"] for i in items if i.name == item and i.content), None)


def in_file(item: dict[str, Any]) -> str:
    """A tool as its file says it."""
    return json.dumps({key: value for key, value in item.items() if key != "name"}, indent=2) + "\n"


async def still_works(federation: Federation) -> None:
    """Whether another context is served as always."""
    async with federation.context() as context:
        await context.declare([document(f"{context.name}/a", "text")])
        await context.settled()
