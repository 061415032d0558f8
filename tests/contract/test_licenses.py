"""Licences: the project's is declared wherever somebody looks, and nothing in its image asks for more than it gives."""

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]

COPYLEFT = re.compile(
    r"\bAGPL|\bGPL|Affero General Public|GNU General Public|\bGNU GPL|\bSSPL|Server Side Public", re.IGNORECASE
)
"""Licences under which the whole program would have to be, at each place where one is declared. Not the LGPL, under
which a library that is imported may be replaced, nor the MPL, which holds for its own files only."""


def shipped() -> list[str]:
    """The distributions that are installed into the image on such a platform as this."""
    lines = (ROOT / "requirements-controllers.txt").read_text().splitlines()
    pinned = [Requirement(line.rstrip("\\")) for line in lines if line[:1].isalnum()]
    return [each.name for each in pinned if each.marker is None or each.marker.evaluate()]


def declared(distribution: str) -> list[str]:
    """All that a distribution's metadata says of its licence."""
    found = metadata(distribution).json
    classifiers = [each for each in found.get("classifier", []) if each.startswith("License ::")]
    texts = [found.get("license_expression"), found.get("license"), *classifiers]
    return [str(text) for text in texts if text]


def is_copyleft(licence: str) -> bool:
    """Whether each alternative of a licence expression is under such a licence."""
    return all(COPYLEFT.search(alternative) for alternative in licence.split(" OR "))


@pytest.mark.parametrize("distribution", shipped())
def test_what_the_image_ships_declares_a_licence_that_does_not_claim_the_whole_program(distribution: str) -> None:
    licences = declared(distribution)
    assert licences
    assert [licence for licence in licences if is_copyleft(licence)] == []


@pytest.mark.parametrize(
    ("licence", "refused"),
    [
        ("GPL-2.0-or-later", True),
        ("MIT AND AGPL-3.0-only", True),
        ("License :: OSI Approved :: GNU General Public License v3 (GPLv3)", True),
        ("License :: OSI Approved :: GNU Affero General Public License v3", True),
        ("MIT OR GPL-2.0-only", False),
        ("LGPL-2.1-or-later", False),
        ("License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)", False),
        ("Mozilla Public License 2.0 (MPL 2.0)", False),
    ],
)
def test_licences_are_distinguished(licence: str, refused: bool) -> None:
    assert is_copyleft(licence) is refused


def test_the_projects_licence_is_declared_by_its_text_its_metadata_and_its_image() -> None:
    assert (ROOT / "LICENSE").read_text().split()[:4] == ["Apache", "License", "Version", "2.0,"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
    assert 'org.opencontainers.image.licenses="Apache-2.0"' in (ROOT / "images" / "Containerfile").read_text()
