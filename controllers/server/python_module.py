"""Python modules of tools: loaded from their text, called in threads that a stuck function cannot hold us with."""

import asyncio
import inspect
import threading
import types
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Final, TypeVar

LOAD_SECONDS: Final = 10.0
CALL_SECONDS: Final = 30.0
MAX_RUNNING: Final = 32
"""Calls at a time, those included that are over time: a thread cannot be ended from outside."""

_slots = threading.BoundedSemaphore(MAX_RUNNING)
_T = TypeVar("_T")


def load(name: str, source: str, entrypoint: str) -> Callable[..., Any]:
    """The entry point of a module.

    Args:
        name: of the item.
        source: the module's text.
        entrypoint: name of a function in it, sync or async.

    Raises:
        ValueError: the module does not compile, fails or does not end while it is loaded, or has no such function.
    """
    path = f"tools/{name}.py"
    try:
        code = compile(source, path, "exec")
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ValueError(f"{path}{line}: {getattr(error, 'msg', error)}") from error
    module = types.ModuleType(f"mcpfed_tools.{name.replace('/', '.')}")
    try:
        _in_thread(lambda: exec(code, module.__dict__)).result(LOAD_SECONDS)  # noqa: S102  the operator has allowed it
    except FutureTimeoutError as error:
        raise ValueError(f"{path}: not loaded within {LOAD_SECONDS:.0f} s") from error
    except Exception as error:  # whatever a module raises concerns this tool alone
        raise ValueError(f"{path}: {type(error).__name__} while it was loaded") from error
    function = getattr(module, entrypoint, None)
    if not callable(function):
        raise ValueError(f"{path}: has no function {entrypoint!r}, which is the handler's entrypoint")
    return function


async def call(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """What the function returns.

    Raises:
        TimeoutError: it takes too long, or too many others do.
        Exception: whatever it raises.
    """
    if not _slots.acquire(blocking=False):
        raise TimeoutError(f"{MAX_RUNNING} calls are running")

    def run() -> Any:
        try:
            result = function(**arguments)
            return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result
        finally:
            _slots.release()

    return await asyncio.wait_for(asyncio.wrap_future(_in_thread(run)), CALL_SECONDS)


async def _awaited(result: Any) -> Any:
    return await result


def _in_thread(function: Callable[[], _T]) -> Future[_T]:
    """Runs in a thread of its own, which does not keep the process alive as a pool's threads would."""
    future: Future[_T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(function())
        except StopIteration:  # a future cannot hold it
            future.set_exception(RuntimeError("StopIteration"))
        except Exception as error:
            future.set_exception(error)
        except BaseException as error:
            future.set_exception(RuntimeError(type(error).__name__))

    threading.Thread(target=run, daemon=True).start()
    return future
