"""Finding the official plugins, and the executables that start the stand-ins."""

import subprocess
import sys
from pathlib import Path

import pytest

from fleet.pulumi_plugins import LANGUAGE, PROVIDER, official_plugin, plugin_path

PYTHON = Path(sys.executable)


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_without_official_plugins_both_stand_ins_are_made(tmp_path: Path) -> None:
    directory = plugin_path(tmp_path / "plugins", PYTHON, tmp_path / "exec")
    assert sorted(path.name for path in directory.iterdir()) == [LANGUAGE, PROVIDER]
    assert all(path.stat().st_mode & 0o111 for path in directory.iterdir())


def test_an_official_plugin_is_linked_wherever_it_is(tmp_path: Path) -> None:
    language = executable(tmp_path / "bin" / LANGUAGE)
    executable(tmp_path / "home" / "plugins" / "resource-kubernetes-v4.32.0" / PROVIDER)
    newest = executable(tmp_path / "home" / "plugins" / "resource-kubernetes-v4.34.2" / PROVIDER)
    directory = plugin_path(tmp_path / "plugins", PYTHON, tmp_path / "exec")
    assert (directory / LANGUAGE).readlink() == language
    assert (directory / PROVIDER).readlink() == newest


def test_a_stand_in_on_path_is_not_taken_for_the_official_plugin(tmp_path: Path) -> None:
    plugin_path(tmp_path / "bin", PYTHON, tmp_path / "exec")
    assert official_plugin(LANGUAGE) is None
    assert official_plugin(PROVIDER) is None


def test_making_them_again_replaces_what_is_there(tmp_path: Path) -> None:
    first = plugin_path(tmp_path / "plugins", Path("/old/python"), tmp_path / "exec")
    assert "/old/python" in (first / PROVIDER).read_text()
    plugin_path(tmp_path / "plugins", PYTHON, tmp_path / "exec")
    assert "/old/python" not in (first / PROVIDER).read_text()


def test_a_stand_in_serves_a_port_and_ends_when_interrupted(tmp_path: Path) -> None:
    directory = plugin_path(tmp_path / "a directory", PYTHON, tmp_path / "exec")
    with subprocess.Popen([directory / PROVIDER, "127.0.0.1:1"], stdout=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout
        assert int(process.stdout.readline()) > 0
        process.send_signal(2)
        assert process.wait(10) == 0


def test_a_language_host_without_its_executor_says_where_it_should_be(tmp_path: Path) -> None:
    directory = plugin_path(tmp_path / "plugins", PYTHON, tmp_path / "missing")
    ended = subprocess.run(
        [directory / LANGUAGE, "127.0.0.1:1"], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode != 0
    assert f"pulumi-language-python-exec is not at {tmp_path / 'missing'}" in ended.stderr
