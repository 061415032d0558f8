"""A machine on which Go only pretends to build."""

from pathlib import Path

import pytest

from fleet.toolchain.tools import TOOLS_VARIABLE

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
        monkeypatch.delenv(TOOLS_VARIABLE, raising=False)
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
