"""A sandboxed process: started, signalled, waited for; and commands run inside of it."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

from fleet.node.sandbox import Sandbox, bubblewrap_arguments, enter_arguments
from kube.errors import ConfigurationError

_START_SECONDS = 30.0
"""Far more than the milliseconds bubblewrap needs to set up a namespace."""

_GET_OWNING_USER_NAMESPACE = 0xB701
"""The ioctl NS_GET_USERNS, which Python's library does not name."""


class Process:
    """A container's process. It ends with the node's own process, however that ends."""

    def __init__(
        self, wrapper: asyncio.subprocess.Process, process_id: int | None, environment: dict[str, str]
    ) -> None:
        """Use `Process.start`."""
        self._wrapper = wrapper
        self._process_id = process_id
        self._environment = environment

    @classmethod
    async def start(cls, sandbox: Sandbox, log: Path) -> "Process":
        """Start the sandbox's command; its output is appended to `log`.

        A command that cannot be executed ends at once with exit code 1 and says why in its log.

        Raises:
            OSError: bubblewrap itself cannot be started.
        """
        reader, writer = os.pipe()
        try:
            with log.open("ab") as output:
                wrapper = await asyncio.create_subprocess_exec(
                    _tool("bwrap"),
                    *bubblewrap_arguments(sandbox, writer),
                    env=sandbox.environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[writer],
                    start_new_session=True,
                )
        finally:
            os.close(writer)
        try:
            return cls(wrapper, await _child_process_id(reader), sandbox.environment)
        except BaseException:
            wrapper.kill()
            raise

    async def wait(self) -> int:
        """Exit code of the command; 128 + n where signal n ended it."""
        code = await self._wrapper.wait()
        return code if code >= 0 else 128 - code

    @property
    def has_ended(self) -> bool:
        """Whether the exit code is known."""
        return self._wrapper.returncode is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command, if it still runs."""
        if self.has_ended:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._process_id is None:
                self._wrapper.send_signal(number)
            else:
                os.kill(self._process_id, number)

    async def execute(self, command: tuple[str, ...]) -> int:
        """Run a command inside the container and return its exit code; cancellation kills it.

        Raises:
            OSError: the container has just ended.
        """
        if self._process_id is None or self.has_ended:
            return 1
        owner = _owning_user_namespace(self._process_id)
        try:
            inner = await asyncio.create_subprocess_exec(
                _tool("nsenter"),
                *enter_arguments(self._process_id, owner, command),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=[owner],
                start_new_session=True,
            )
        finally:
            os.close(owner)
        try:
            return await inner.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(inner.pid, signal.SIGKILL)
            await inner.wait()


def _owning_user_namespace(process_id: int) -> int:
    """File descriptor of the user namespace that the container's other namespaces belong to.

    Only from there may somebody who is not root enter them; the command itself may run in a user namespace below it.
    """
    mounts = os.open(f"/proc/{process_id}/ns/mnt", os.O_RDONLY)
    try:
        return fcntl.ioctl(mounts, _GET_OWNING_USER_NAMESPACE)
    finally:
        os.close(mounts)


def _tool(name: str) -> str:
    """The tool on the node's own search path, not on that of the container, whose environment it is started with."""
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not on PATH; install the packages bubblewrap and util-linux")
    return found


async def check_sandbox(directory: Path) -> None:
    """Find out whether this machine lets us make sandboxes at all.

    Args:
        directory: where what bubblewrap says is kept for a moment.

    Raises:
        ConfigurationError: it does not; the message says what to do.
    """
    nothing = Sandbox(("true",), {}, (), working_directory="/", host_name="check", user=0, group=0, read_only_root=True)
    with tempfile.NamedTemporaryFile(dir=directory) as log:
        try:
            exit_code = await (await Process.start(nothing, Path(log.name))).wait()
        except OSError as error:
            raise ConfigurationError(str(error)) from error
        if exit_code != 0:
            said = log.read().decode(errors="replace").strip()
            raise ConfigurationError(f"bubblewrap cannot make a sandbox: {said}; allow user namespaces on this machine")


async def _child_process_id(reader: int) -> int | None:
    """Process id that bubblewrap reports, None if it failed before there was one."""
    stream = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reader, "rb"))
    try:
        async with asyncio.timeout(_START_SECONDS):
            return json.loads(await stream.readuntil(b"}"))["child-pid"]
    except (asyncio.IncompleteReadError, TimeoutError):
        return None
    finally:
        transport.close()
