"""Tools that are made while something else goes on."""

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from fleet.progress import Progress
from fleet.toolchain.commands import Commands
from fleet.toolchain.tools import ensure_tools

_END_SECONDS = 10.0


@contextmanager
def made_in_background(names: Iterable[str], progress: Progress) -> Generator[Callable[[], Mapping[str, Path]]]:
    """Have a thread make tools during the block; what is yielded waits for them, and raises as `ensure_tools` does.

    A build that is not done when the block is left is ended: no process is left behind.
    """
    commands, made = Commands(), Future[Mapping[str, Path]]()

    def make() -> None:
        try:
            made.set_result(ensure_tools(names, progress, commands))
        except BaseException as error:
            made.set_exception(error)

    # A daemon: it may wait for the build of another program, which this program's end does not have to.
    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        yield made.result
    finally:
        commands.end()
        thread.join(_END_SECONDS)
