"""The components as a Pulumi package would publish them to programs in any language."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from api.__main__ import outdated
from api.federated_context import FederatedContextSpec
from api.model import Model
from api.schema import structural
from components.context_crds import ContextCRDs
from components.context_federation import ContextFederation
from components.federated_context import FederatedContext
from components.federation_controller import FederationController
from components.fleet import Fleet
from components.mcp_server import MCPServer
from components.member_controllers import MemberControllers
from stacks.federation.config import ClusterConfig, ControlPlaneConfig, FleetConfig, MemberConfig, StackConfig

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


def published(schema: Any, name: str) -> Any:
    """A type as the package publishes it, in the form of a CRD's schema."""
    definition = schema["type_definitions"][name]
    if definition.enum:
        return {"type": "string", "enum": [value.value for value in definition.enum]}
    return {
        "properties": {key: property_schema(schema, field) for key, field in definition.properties.items()},
        "required": {key for key, field in definition.properties.items() if not field.optional},
    }


def property_schema(schema: Any, field: Any) -> dict[str, Any]:
    name = (field.ref or "").rpartition(":")[2]
    shape = published(schema, name) if name in schema["type_definitions"] else {"type": field.type and field.type.value}
    if field.items:
        shape["items"] = property_schema(schema, field.items)
    if field.additional_properties:
        shape["additionalProperties"] = property_schema(schema, field.additional_properties)
    return {**shape, "description": field.description}


def assert_same(ours: Any, crds: Any, path: str) -> None:
    """Every field of a published type is the CRD's: name, requiredness, shape, values and wording."""
    assert set(ours.get("properties", {})) == set(crds.get("properties", {})), path
    assert set(ours.get("required", ())) == set(crds.get("required", ())), path
    for name, field in ours.get("properties", {}).items():
        wanted = crds["properties"][name]
        assert field["description"].startswith(wanted["description"]), f"{path}.{name}"
        assert field.get("enum", wanted.get("enum")) == wanted.get("enum"), f"{path}.{name}"
        assert field.get("type") in (None, wanted["type"]), f"{path}.{name}"
        assert_same(field, wanted, f"{path}.{name}")
    if "items" in ours and "x-kubernetes-preserve-unknown-fields" not in crds["items"]:
        assert_same(ours["items"], crds["items"], f"{path}[]")


def test_a_context_is_declared_in_programs_as_the_api_server_takes_it(schema: Any) -> None:
    ours, spec = published(schema, "ContextDeclarationArgs"), structural(FederatedContextSpec)
    items = spec["properties"].pop("contextPayload")["properties"]["items"]
    assert_same(ours["properties"].pop("items")["items"], items["items"], "items")
    for of_the_program in ("name", "namespace", "wait"):
        del ours["properties"][of_the_program]
    ours["required"] -= {"name", "namespace", "items"}
    assert_same(ours, spec, "spec")


@pytest.mark.parametrize(
    ("config", "name"), [(FleetConfig, "FleetArgs"), (MemberConfig, "MemberArgs"), (ClusterConfig, "ClusterArgs")]
)
def test_the_stack_is_configured_with_what_the_fleet_takes(schema: Any, config: type[Model], name: str) -> None:
    ours = schema["type_definitions"][name].properties
    fields = {field.alias or key: field for key, field in config.model_fields.items()}
    assert set(ours) == set(fields)
    assert {key for key in ours if not ours[key].optional} == {key for key in fields if fields[key].is_required()}
    for key in set(ours) - {"kubeconfig"}:  # a path or contents in the configuration, contents in the arguments
        assert ours[key].description == fields[key].description


def test_the_stack_is_configured_in_the_words_of_the_federation(schema: Any) -> None:
    ours = schema["component_definitions"]["ContextFederation"].inputs
    fields = {**StackConfig.model_fields, "member_endpoint": ControlPlaneConfig.model_fields["member_endpoint"]}
    del fields["declarations"]
    assert {key: field.description for key, field in ours.items()} == {
        field.alias or key: field.description for key, field in fields.items()
    }


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


def test_what_is_generated_is_up_to_date() -> None:
    assert outdated(Path(__file__).parents[2]) == []
