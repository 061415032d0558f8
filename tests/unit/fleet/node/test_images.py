"""Image references and the entry points they name."""

import sys
from pathlib import Path

import pytest

from fleet.node.images import ImageUnknownError, local_catalog, repository_name, resolve_image


@pytest.mark.parametrize(
    "reference",
    [
        "mcp-federation",
        "mcp-federation:0.1.0",
        "registry.example:5000/team/mcp-federation",
        "registry.example:5000/team/mcp-federation:v1@sha256:0123",
    ],
)
def test_only_the_last_part_of_the_repository_names_an_image(reference: str) -> None:
    assert repository_name(reference) == "mcp-federation"


def test_the_projects_image_holds_its_packages_and_the_nodes_python() -> None:
    image = resolve_image(local_catalog(Path("/checkout")), "example/mcp-federation:1")
    packages = {inside for here, inside in image.directories if here.is_relative_to("/checkout")}
    assert packages == {f"/app/{name}" for name in ("api", "core", "kube", "files", "controllers")}
    assert (Path(sys.prefix), "/opt/venv") in image.directories
    assert image.environment["PATH"].startswith("/opt/venv/bin:")


def test_an_unknown_image_is_refused_with_the_names_that_are_known() -> None:
    with pytest.raises(ImageUnknownError, match=r'"nginx:1".*mcp-federation'):
        resolve_image(local_catalog(Path("/checkout")), "nginx:1")
