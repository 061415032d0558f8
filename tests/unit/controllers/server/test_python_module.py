"""Modules of tools are loaded and called so that their failures are theirs alone."""

import asyncio
import time

import pytest

from controllers.server import python_module
from controllers.server.python_module import call, load


async def test_sync_and_async_functions_are_called_with_the_arguments() -> None:
    assert await call(load("a", "def run(x, y=1):\n    return x + y", "run"), {"x": 2}) == 3
    assert await call(load("a", "async def run(x):\n    return [x]", "run"), {"x": 2}) == [2]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def run(:", r"tools/a\.py:1: "),
        ("\0", r"tools/a\.py"),
        ("import nothing_of_this_name", "ModuleNotFoundError while it was loaded"),
        ("raise SystemExit('hunter2')", "RuntimeError while it was loaded"),
        ("x = 1", "has no function 'run'"),
        ("run = 1", "has no function 'run'"),
    ],
)
def test_a_module_that_cannot_be_used_says_why(source: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        load("a", source, "run")
    assert "hunter2" not in str(raised.value)


def test_a_module_that_does_not_end_while_it_is_loaded_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_module, "LOAD_SECONDS", 0.05)
    with pytest.raises(ValueError, match="not loaded within"):
        load("a", "import threading\nthreading.Event().wait(5)", "run")


@pytest.mark.parametrize("error", ["ValueError", "SystemExit", "KeyboardInterrupt", "StopIteration"])
async def test_whatever_a_function_raises_reaches_the_caller_as_an_ordinary_error(error: str) -> None:
    with pytest.raises(Exception, match=f"{error}|no"):
        await call(load("a", f"def run():\n    raise {error}('no')", "run"), {})


async def test_a_stuck_function_holds_neither_the_caller_nor_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_module, "CALL_SECONDS", 0.05)
    stuck = load("a", "import time\nasync def run():\n    time.sleep(2)", "run")
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await call(stuck, {})
    assert time.monotonic() - began < 1


async def test_only_so_many_calls_run_at_a_time() -> None:
    slow = load("a", "import time\ndef run(s):\n    time.sleep(s)", "run")
    running = [asyncio.create_task(call(slow, {"s": 0.5})) for _ in range(python_module.MAX_RUNNING)]
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError, match="calls are running"):
        await call(slow, {"s": 0})
    await asyncio.gather(*running, return_exceptions=True)
