import json
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from fleet.toolchain import golang, tools
from fleet.toolchain.background import made_in_background
from fleet.toolchain.golang import GoError, find_go
from fleet.toolchain.tools import (
    CLUSTER_TOOLS,
    FILES,
    KUBERNETES_PROVIDER,
    KUBERNETES_PROVIDER_VERSION,
    MANIFESTS,
    MODULES,
    PROGRAMS,
    PROVISIONING_TOOLS,
    PULUMI_LANGUAGE_EXECUTOR,
    STORE_TOOLS,
    ToolError,
    cache_directory,
    ensure_tools,
)

GO = """#!/bin/sh
case "$1" in
version) echo "go version go{version} linux/amd64" ;;
list) printf 'a\\nb\\nc\\n' ;;
mod) echo '{{"Dir": "{module}"}}' ;;
build)
  echo "$PWD $*" >> {log}
  for argument; do [ "$previous" = -o ] && output="$argument"; previous="$argument"; done
  printf 'half' > "$output"
  echo package/a >&2; echo package/b >&2
  {ending}
  printf 'whole' > "$output" ;;
esac
"""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


class Machine:
    """A machine with a cache, a PATH and a Go that only pretends to build."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = root / "bin"
        self.path.mkdir()
        self.log = root / "builds.log"
        self.module = root / "module"
        self.overlay = root / "overlay.json"
        monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        monkeypatch.setenv("PATH", f"{self.path}:/usr/bin:/bin")
        monkeypatch.delenv(tools.TOOLS_VARIABLE, raising=False)
        self.install_go()

    def install_go(self, version: str = "1.27.3", ending: str = "true") -> None:
        script(self.path / "go", GO.format(version=version, log=self.log, ending=ending, module=self.module))

    @property
    def builds(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


class Recorder:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def begin(self, step: str) -> None:
        self.said.append(f"begin {step}")

    def advance(self, step: str, done: int, total: int) -> None:
        self.said.append(f"{step} {done}/{total}")

    def end(self, step: str, outcome: str = "ready") -> None:
        self.said.append(f"end {step} {outcome}")

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.fixture
def progress() -> Recorder:
    return Recorder()


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def contents(directory: Path) -> Mapping[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir() if not path.name.startswith(".")}


def test_a_missing_tool_is_built_with_its_pins_and_then_taken_from_the_cache(
    machine: Machine, progress: Recorder
) -> None:
    found = ensure_tools(["karmada-scheduler"], progress)
    again = ensure_tools(["karmada-scheduler"], progress)

    built = cache_directory("cluster") / "karmada-scheduler"
    assert found == again == {"karmada-scheduler": built}
    assert built.read_text() == "whole"
    (build,) = machine.builds
    assert build.startswith(f"{MODULES}/cluster build -v -trimpath -tags=kubernetes_protomessage_one_more_release")
    assert build.endswith("github.com/karmada-io/karmada/cmd/scheduler")
    assert progress.said == [
        "begin karmada-scheduler",
        "karmada-scheduler 1/3",
        "karmada-scheduler 2/3",
        "end karmada-scheduler built",
    ]


def test_what_a_provider_embeds_is_laid_over_its_directory_while_it_is_built(
    machine: Machine, progress: Recorder
) -> None:
    copy = f'cp "${{argument#-overlay=}}" {machine.overlay}'
    machine.install_go(ending=f'for argument; do case "$argument" in -overlay=*) {copy} ;; esac; done')
    ensure_tools([KUBERNETES_PROVIDER], progress)

    source, target = machine.module / f"cmd/{KUBERNETES_PROVIDER}", MODULES / "kubernetes-provider"
    names = ("schema.json", "terraform-mapping.json")
    assert json.loads(machine.overlay.read_text()) == {
        "Replace": {str(target / name): str(source / name) for name in names}
    }
    assert not any((target / name).exists() for name in names)


def test_the_tools_of_a_fleet_are_those_of_its_clusters_and_those_that_provision_them(
    machine: Machine, progress: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "given"
    for name in (PROGRAMS.keys() | FILES.keys()) - set(STORE_TOOLS):
        script(given / name, name)
    monkeypatch.setenv(tools.TOOLS_VARIABLE, str(given))

    assert ensure_tools(progress=progress).keys() == {*CLUSTER_TOOLS, *PROVISIONING_TOOLS}
    assert {*PROVISIONING_TOOLS} == {"pulumi", KUBERNETES_PROVIDER, PULUMI_LANGUAGE_EXECUTOR}
    monkeypatch.delenv(tools.TOOLS_VARIABLE)
    assert ensure_tools(STORE_TOOLS, progress) == {name: cache_directory("store") / name for name in STORE_TOOLS}


def test_a_usable_tool_on_path_is_taken_and_an_unusable_one_is_not(machine: Machine, progress: Recorder) -> None:
    usable = script(machine.path / "etcd", "#!/bin/sh\necho 'etcd Version: 3.6.7'")
    script(machine.path / "kube-apiserver", "#!/bin/sh\necho 'Kubernetes v1.29.0'")

    found = ensure_tools(["etcd", "kube-apiserver"], progress)

    assert found["etcd"] == usable
    assert found["kube-apiserver"] == cache_directory("cluster") / "kube-apiserver"


def test_a_given_directory_is_used_as_it_is(
    machine: Machine, progress: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = script(tmp_path / "given" / "etcd", "not even a program")
    monkeypatch.setenv(tools.TOOLS_VARIABLE, str(tmp_path / "given"))

    assert ensure_tools(["etcd"], progress) == {"etcd": given}
    with pytest.raises(ToolError, match="has no karmada-webhook"):
        ensure_tools(["karmada-webhook"], progress)
    assert machine.builds == []


def test_a_failed_build_says_the_command_and_its_last_words_and_leaves_no_tool(
    machine: Machine, progress: Recorder
) -> None:
    machine.install_go(ending="echo 'undefined: frobnicate' >&2; exit 1")

    with pytest.raises(GoError, match=r"go build(.|\n)*undefined: frobnicate(.|\n)*Run the same again"):
        ensure_tools(["karmada-scheduler"], progress)

    assert not (cache_directory("cluster") / "karmada-scheduler").exists()
    machine.install_go()
    ensure_tools(["karmada-scheduler"], progress)
    assert contents(cache_directory("cluster")) == {"karmada-scheduler": "whole"}


def test_a_build_that_hangs_is_ended(machine: Machine, progress: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang, "BUILD_SECONDS", 0.5)
    machine.install_go(ending="exec sleep 600")

    with pytest.raises(GoError, match="package/b"):
        ensure_tools(["karmada-scheduler"], progress)


def test_tools_are_made_while_other_work_goes_on(machine: Machine, progress: Recorder) -> None:
    with made_in_background(["etcd"], progress) as tools_made:
        assert tools_made() == {"etcd": cache_directory("cluster") / "etcd"}


def test_a_build_that_fails_meanwhile_fails_where_it_is_waited_for(machine: Machine, progress: Recorder) -> None:
    machine.install_go(ending="exit 1")
    with made_in_background(["etcd"], progress) as tools_made, pytest.raises(GoError, match="Run the same again"):
        tools_made()


def test_a_build_ends_with_the_work_that_it_was_made_for(machine: Machine, progress: Recorder, tmp_path: Path) -> None:
    compiler = tmp_path / "compiler.pid"
    machine.install_go(ending=f"sleep 600 & echo $! > {compiler}.new; mv {compiler}.new {compiler}; wait")

    def interrupted() -> None:
        with made_in_background(["etcd"], progress):
            until(compiler.exists, "the build runs")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    pid = int(compiler.read_text())
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "all has ended")
    assert not (cache_directory("cluster") / "etcd").exists()


def test_two_builds_at_once_build_each_tool_once(machine: Machine, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    machine.install_go(ending=f"cat {gate} > /dev/null")
    recorders = [Recorder(), Recorder()]
    waiting = threading.Event()
    recorders[1].say = lambda message: waiting.set() if "waiting for process" in message else None
    first = threading.Thread(target=ensure_tools, args=(["etcd"], recorders[0]))
    first.start()
    with gate.open("w"):  # opens when the first build has come to it
        second = threading.Thread(target=ensure_tools, args=(["etcd"], recorders[1]))
        second.start()
        assert waiting.wait(10)
    first.join(10)
    second.join(10)

    assert len(machine.builds) == 1
    assert contents(cache_directory("cluster")) == {"etcd": "whole"}


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "main.go"])
def test_another_pin_or_source_means_another_place_in_the_cache(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    module = "kubernetes-provider"
    shutil.copytree(MODULES / module, tmp_path / "toolchain" / module)
    before = cache_directory(module)
    monkeypatch.setattr(tools, "MODULES", tmp_path / "toolchain")
    assert cache_directory(module) == before

    with (tmp_path / "toolchain" / module / changed).open("a") as file:
        file.write("\n")
    assert cache_directory(module) != before
    assert machine.builds == []


def test_files_of_a_module_are_copied_so_that_later_starts_need_no_go(machine: Machine, progress: Recorder) -> None:
    for name in ("charts/karmada/_crds/bases/policy/a.yaml", "charts/karmada/_crds/kustomization.yaml"):
        script(machine.module / name, name)
    for name in ("artifacts/deploy/namespace.yaml", "artifacts/deploy/webhook-configuration.yaml"):
        script(machine.module / name, name)
    executor = script(machine.module / "python/cmd/pulumi-language-python-exec", "#!/usr/bin/env python3")

    found = ensure_tools([MANIFESTS, PULUMI_LANGUAGE_EXECUTOR], progress)
    (machine.path / "go").unlink()
    again = ensure_tools([MANIFESTS, PULUMI_LANGUAGE_EXECUTOR], progress)

    assert found == again
    copied = {str(path.relative_to(found[MANIFESTS])) for path in found[MANIFESTS].rglob("*") if path.is_file()}
    assert copied == {
        "crds/bases/policy/a.yaml",
        "crds/kustomization.yaml",
        "namespace.yaml",
        "webhook-configuration.yaml",
    }
    assert found[PULUMI_LANGUAGE_EXECUTOR].read_text() == executor.read_text()
    assert found[PULUMI_LANGUAGE_EXECUTOR].stat().st_mode & stat.S_IXUSR


def test_the_sdk_that_is_installed_asks_for_the_provider_that_is_built() -> None:
    assert version("pulumi-kubernetes") == KUBERNETES_PROVIDER_VERSION


def test_a_go_that_is_too_old_is_passed_over_for_the_one_of_the_environment(machine: Machine) -> None:
    assert find_go(MODULES / "cluster") == machine.path / "go"
    machine.install_go(version="1.19")

    found = find_go(MODULES / "cluster")

    assert found.parts[-3:] == ("go", "bin", "go")


def test_the_pins_are_those_that_the_programs_say_they_are() -> None:
    cluster, pulumi, store = ((MODULES / name / "go.mod").read_text() for name in ("cluster", "pulumi", "store"))

    def pinned(text: str, module: str) -> str:
        found = re.search(rf"^\s*{re.escape(module)} v(\S+)", text, re.MULTILINE)
        assert found, f"{module} is not pinned"
        return found[1]

    flags = " ".join(flag for name in ("cluster", "pulumi") for flag in tools._BUILD_FLAGS[name])
    assert f"gitVersion=v{pinned(cluster, 'k8s.io/kubernetes')} " in flags
    assert f"gitVersion=v{pinned(cluster, 'github.com/karmada-io/karmada')} " in flags
    assert f"Version=v{pinned(pulumi, 'github.com/pulumi/pulumi/pkg/v3')}" in flags
    for program in PROGRAMS.values():
        own_source = program.package == "."
        assert own_source or f"\t{program.package}\n" in cluster + store or f"tool {program.package}\n" in pulumi
    server = pinned(cluster, "go.etcd.io/etcd/server/v3")
    assert {pinned(store, PROGRAMS[name].package) for name in STORE_TOOLS} == {server}
    assert {files.module for files in FILES.values()} == {"cluster", "pulumi"}
