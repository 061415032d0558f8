"""Which plugins Pulumi runs with, and the program that starts our language host."""

import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import pytest

from fleet.language_host.protocol import language_pb2, language_pb2_grpc
from fleet.provisioning.plugins import (
    LANGUAGE_HOST,
    PLUGINS_VARIABLE,
    install_plugins,
    needed_tools,
    official_plugin,
)
from fleet.toolchain.catalogue import KUBERNETES_PROVIDER, PROVISIONING_TOOLS, PULUMI_LANGUAGE_EXECUTOR

_grpc: Any = grpc

PROVIDER = Path("plugins", f"resource-kubernetes-v{version('pulumi-kubernetes')}", KUBERNETES_PROVIDER)
LANGUAGE = Path("plugins", f"language-python-v{version('pulumi')}", LANGUAGE_HOST)


class Machine:
    """A machine with a PATH, a PULUMI_HOME and the tools of a fleet."""

    def __init__(self, root: Path) -> None:
        self.path = root / "bin"
        self.home = root / "home"
        self.tools = {name: executable(root / "tools" / name) for name in PROVISIONING_TOOLS}
        self.fleet_home = root / "fleet home"
        self.provider = self.fleet_home / PROVIDER
        self.language_host = self.fleet_home / LANGUAGE

    def install(self, without: str = "") -> None:
        tools = {name: path for name, path in self.tools.items() if name != without}
        install_plugins(self.fleet_home, tools)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(machine.path))
    monkeypatch.setenv("PULUMI_HOME", str(machine.home))
    monkeypatch.delenv(PLUGINS_VARIABLE, raising=False)
    return machine


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_without_official_plugins_the_built_provider_and_our_language_host_are_used(machine: Machine) -> None:
    assert needed_tools() == PROVISIONING_TOOLS
    machine.install()
    assert machine.provider.readlink() == machine.tools[KUBERNETES_PROVIDER]
    assert str(machine.tools[PULUMI_LANGUAGE_EXECUTOR]) in machine.language_host.read_text()
    assert machine.language_host.stat().st_mode & 0o111


@pytest.mark.parametrize("where", [Path("bin", KUBERNETES_PROVIDER), "home" / PROVIDER])
def test_an_official_provider_is_used_and_none_is_built(machine: Machine, tmp_path: Path, where: Path) -> None:
    official = executable(tmp_path / where)
    assert needed_tools() == tuple(name for name in PROVISIONING_TOOLS if name != KUBERNETES_PROVIDER)
    machine.install(without=KUBERNETES_PROVIDER)
    assert machine.provider.readlink() == official


def test_a_provider_of_another_version_than_the_sdks_is_not_used(machine: Machine) -> None:
    executable(machine.home / "plugins" / "resource-kubernetes-v4.0.0" / KUBERNETES_PROVIDER)
    assert official_plugin(KUBERNETES_PROVIDER) is None


@pytest.mark.parametrize("where", [Path("bin", LANGUAGE_HOST), Path("home/bin", LANGUAGE_HOST), "home" / LANGUAGE])
def test_an_official_language_host_is_used(machine: Machine, tmp_path: Path, where: Path) -> None:
    official = executable(tmp_path / where)
    machine.install()
    assert machine.language_host.readlink() == official


def test_pulumi_can_be_let_fetch_the_provider(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLUGINS_VARIABLE, "download")
    assert KUBERNETES_PROVIDER not in needed_tools()
    machine.install(without=KUBERNETES_PROVIDER)
    assert not machine.provider.exists()


def test_what_was_put_there_is_not_taken_for_official_plugins(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.install()
    monkeypatch.setenv("PATH", str(machine.language_host.parent))
    monkeypatch.setenv("PULUMI_HOME", str(machine.fleet_home))
    assert official_plugin(LANGUAGE_HOST) is None
    assert official_plugin(KUBERNETES_PROVIDER) is None
    assert needed_tools() == PROVISIONING_TOOLS


def test_installing_again_replaces_what_is_there(machine: Machine, tmp_path: Path) -> None:
    machine.install()
    machine.tools = {name: executable(tmp_path / "newer" / name) for name in PROVISIONING_TOOLS}
    machine.install()
    assert machine.provider.readlink() == machine.tools[KUBERNETES_PROVIDER]
    assert str(machine.tools[PULUMI_LANGUAGE_EXECUTOR]) in machine.language_host.read_text()


def test_the_language_host_answers_at_its_port_and_ends_when_interrupted(machine: Machine, tmp_path: Path) -> None:
    machine.install()
    with subprocess.Popen([machine.language_host, "127.0.0.1:1"], stdout=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout
        with _grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            answer = language_pb2_grpc.LanguageRuntimeStub(channel).About(language_pb2.AboutRequest(), timeout=10)
        assert answer.executable == sys.executable
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_a_language_host_without_its_executor_says_where_it_should_be(machine: Machine) -> None:
    executor = machine.tools[PULUMI_LANGUAGE_EXECUTOR]
    machine.install()
    executor.unlink()
    ended = subprocess.run(
        [machine.language_host, "127.0.0.1:1"], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode != 0
    assert f"pulumi-language-python-exec is not at {executor}" in ended.stderr
