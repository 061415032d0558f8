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


# The analyzer leaves files open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def schema() -> Any:
    return Analyzer("mcpfed").analyze(COMPONENTS)


def test_every_component_can_be_published(schema: Any) -> None:
    assert set(schema["component_definitions"]) == {component.__name__ for component in COMPONENTS}


def test_everything_that_a_user_writes_is_described_where_it_is_declared(schema: Any) -> None:
    """Pulumi finds the description of a field in the class that declares it, not in those that inherit it."""
    fields = [
        *((name, field) for each in schema["component_definitions"].values() for name, field in each.inputs.items()),
        *((name, field) for each in schema["type_definitions"].values() for name, field in each.properties.items()),
    ]
    described = {name for name, field in fields if field.description}
    assert {name for name, _ in fields} - described == set()
