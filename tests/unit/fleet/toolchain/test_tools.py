"""Tools are found, or built once and cached."""

import json
import os
import shutil
import stat
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from fleet.toolchain import golang, tools
from fleet.toolchain.catalogue import (
    CLUSTER_TOOLS,
    FILES,
    KUBERNETES_PROVIDER,
    MANIFESTS,
    PROGRAMS,
    PROVISIONING_TOOLS,
    PULUMI_LANGUAGE_EXECUTOR,
    STORE_TOOLS,
)
from fleet.toolchain.golang import GoError, find_go
from fleet.toolchain.tools import MODULES, ToolError, cache_directory, ensure_tools
from tests.unit.fleet.toolchain.machine import Machine, Recorder, script


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


def test_a_go_that_is_too_old_is_passed_over_for_the_one_of_the_environment(machine: Machine) -> None:
    assert find_go(MODULES / "cluster") == machine.path / "go"
    machine.install_go(version="1.19")

    found = find_go(MODULES / "cluster")

    assert found.parts[-3:] == ("go", "bin", "go")
