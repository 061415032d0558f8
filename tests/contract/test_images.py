"""The container image: what is copied is what runs, what is installed is what that imports, all agree on its name."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from components.image import default_image
from components.pod import USER
from fleet.node.images import local_catalog

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "images"
PACKAGES = {"api", "core", "kube", "files", "controllers"}


@dataclass(frozen=True)
class Instruction:
    """A line of a Containerfile, whole."""

    word: str
    arguments: str


@cache
def containerfile() -> list[list[Instruction]]:
    """Its stages, each beginning with FROM; what comes before the first is left out."""
    text = re.sub(r"^\s*#.*\n", "", (IMAGES / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    stages: list[list[Instruction]] = []
    for word, _, arguments in (line.partition(" ") for line in lines):
        if word == "FROM":
            stages.append([])
        if stages:
            stages[-1].append(Instruction(word, arguments.strip()))
    return stages


def arguments_of(word: str, stage: list[Instruction]) -> list[str]:
    return [each.arguments for each in stage if each.word == word]


def copied() -> list[str]:
    """What is copied from the repository, in any stage."""
    every = [arguments for stage in containerfile() for arguments in arguments_of("COPY", stage)]
    return [source for each in every if not each.startswith("--from") for source in each.split()[:-1]]


def imports(package: str) -> Iterator[str]:
    """The top-level modules that a package imports anywhere."""
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
            if isinstance(node, ast.Import):
                yield from (name.name.partition(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module is not None
                yield node.module.partition(".")[0]


def ours(module: str) -> bool:
    return (ROOT / module / "__init__.py").exists()


def normalized(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def installed() -> set[str]:
    """The distributions that the image's requirements pin."""
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements-controllers.txt").read_text(), re.MULTILINE)
    return {normalized(distribution) for distribution in pinned}


def test_what_is_copied_exists_and_is_all_that_the_controllers_import_of_this_project() -> None:
    sources = copied()
    assert [source for source in sources if not (ROOT / source).exists()] == []
    needed, found = set[str](), {"controllers"}
    while found:
        needed |= found
        found = {module for package in found for module in imports(package) if ours(module)} - needed
    assert {source for source in sources if (ROOT / source).is_dir()} == needed == PACKAGES


def test_what_the_copied_packages_import_is_installed() -> None:
    distributions = packages_distributions()
    modules = {module for package in PACKAGES for module in imports(package) if not ours(module)}
    needed = {module: distributions.get(module, []) for module in modules - sys.stdlib_module_names}
    missing = {module for module, names in needed.items() if not installed() & {normalized(name) for name in names}}
    assert missing == set()


def test_no_provisioning_or_test_tool_is_installed() -> None:
    unwanted = {"pulumi", "pulumi-kubernetes", "pulumi-policy", "pytest", "hypothesis", "ruff", "basedpyright", "uv"}
    assert installed() & unwanted == set()


def test_only_what_is_copied_is_sent_to_the_engine() -> None:
    lines = [line for line in (IMAGES / "Containerfile.dockerignore").read_text().splitlines() if line[:1] != "#"]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())


def test_requirements_are_installed_by_their_hashes() -> None:
    programs, _ = containerfile()
    assert any("--require-hashes -r /requirements.txt" in run for run in arguments_of("RUN", programs))
    assert "requirements-controllers.txt /requirements.txt" in arguments_of("COPY", programs)


def test_all_stages_stand_on_the_one_base_that_the_build_may_choose() -> None:
    assert [arguments_of("FROM", stage)[0].split()[0] for stage in containerfile()] == ["${BASE}", "${BASE}"]


def test_it_runs_as_the_user_that_pods_demand() -> None:
    assert arguments_of("USER", containerfile()[-1]) == [f"{USER}:{USER}"]


def test_the_process_node_runs_the_programs_as_the_image_would() -> None:
    stage = containerfile()[-1]
    local = local_catalog(ROOT)[default_image().partition(":")[0]]
    variables = dict(re.findall(r'(\w+)="([^"]*)"', " ".join(arguments_of("ENV", stage))))
    first, other_first = variables.pop("PATH").split(":")[0], local.environment["PATH"].split(":")[0]
    assert first == other_first
    assert variables == {name: value for name, value in local.environment.items() if name != "PATH"}
    assert arguments_of("WORKDIR", stage) == [local.working_directory]
    assert local.user == USER


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH with all that images/build needs except for an engine."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("sh", "sed", "dirname"):
        found = shutil.which(name)
        assert found
        (directory / name).symlink_to(found)
    return directory


def engine(programs: Path, name: str, script: str = 'echo "$@"') -> None:
    """Puts a stand-in for a container engine on the PATH, which prints how it was called."""
    (programs / name).write_text(f"#!/bin/sh\n{script}\n")
    (programs / name).chmod(0o755)


def build(programs: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [IMAGES / "build", *arguments],
        env={"PATH": str(programs), **environment},
        cwd=programs,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("name", ["buildah", "podman", "docker"])
def test_every_engine_tags_it_with_the_reference_that_components_use(programs: Path, name: str) -> None:
    engine(programs, name)
    run = build(programs, "--pull")
    assert run.returncode == 0, run.stderr
    version = default_image().partition(":")[2]
    assert f"--build-arg VERSION={version} --tag {default_image()} --pull ." in run.stdout
    assert run.stdout.endswith(f"built {default_image()}\n")


def test_without_an_engine_it_says_what_to_install(programs: Path) -> None:
    run = build(programs)
    assert (run.returncode, run.stdout) == (1, "")
    assert "install buildah or podman, or start docker's daemon" in run.stderr


def test_docker_without_its_daemon_is_no_engine(programs: Path) -> None:
    engine(programs, "docker", "exit 1")
    assert "install buildah or podman, or start docker's daemon" in build(programs).stderr


def test_an_engine_can_be_chosen_and_is_not_replaced_by_another(programs: Path) -> None:
    engine(programs, "buildah")
    engine(programs, "podman", "echo podman $1")
    assert "podman build" in build(programs, ENGINE="podman").stdout
    missing = build(programs, ENGINE="docker")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "docker cannot build here" in missing.stderr


def test_a_failed_build_fails(programs: Path) -> None:
    engine(programs, "buildah", "exit 7")
    run = build(programs)
    assert run.returncode == 7
    assert "built" not in run.stdout


def test_files_name_no_registry() -> None:
    hosts = [
        (path.name, found)
        for path in IMAGES.iterdir()
        for found in re.findall(r"\b(?:docker|quay|ghcr|gcr|registry)\.[a-z.]+/?", path.read_text())
    ]
    assert hosts == []
