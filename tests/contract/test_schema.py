"""The components as a Pulumi package would publish them to programs in any language."""

from typing import Any

import pulumi
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.context_crds import ContextCRDs
from components.context_federation import ContextFederation
from components.federated_context import FederatedContext
from components.federation_controller import FederationController
from components.fleet import Fleet
from components.mcp_server import MCPServer
from components.member_controllers import MemberControllers

COMPONENTS: list[type[pulumi.ComponentResource]] = [
    ContextCRDs,
    ContextFederation,
    FederatedContext,
    FederationController,
    Fleet,
    MCPServer,
    MemberControllers,
]


@pytest.fixture(scope="module")
def schema() -> Any:
    return Analyzer("mcpfed").analyze(COMPONENTS)


def definitions(schema: Any) -> dict[str, Any]:
    return {**schema["component_definitions"], **schema["type_definitions"]}


def test_every_component_can_be_published(schema: Any) -> None:
    assert set(schema["component_definitions"]) == {component.__name__ for component in COMPONENTS}


def test_everything_that_a_user_writes_is_described(schema: Any) -> None:
    undescribed = [
        f"{name}.{field}"
        for name, definition in definitions(schema).items()
        for field, described in (getattr(definition, "inputs", None) or definition.properties).items()
        if not described.description
    ]
    assert undescribed == []
