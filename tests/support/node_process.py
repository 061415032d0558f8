"""A process node as a process, and a cluster whose pods it runs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.node.__main__ import Arguments
from fleet.node.layout import log_path
from kube.client import Api
from kube.kinds import POD, Object, ObjectKey
from kube.reflector import Reflector

IMAGE = "mcp-federation:test"
SECONDS = 60.0
SLEEP = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(600)"


class NodeProcess:
    """`python -m fleet.node`, which can be killed and started again."""

    def __init__(self, kubeconfig: Path, root: Path) -> None:
        self.root = root
        self._command_line = ["--cluster", "test", "--kubeconfig", str(kubeconfig), "--address-index", "77"]
        self.arguments = Arguments(cluster="test", kubeconfig=kubeconfig, address_index=77, root=root)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "fleet.node", *self._command_line, "--root", str(self.root)]
        with (self.root / "node.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    async def end(self, number: signal.Signals) -> int:
        assert self._process
        self._process.send_signal(number)
        return await asyncio.to_thread(self._process.wait, 30)

    @property
    def process_id(self) -> int:
        assert self._process
        return self._process.pid


class Cluster:
    """What a test does with pods of its own namespace."""

    def __init__(self, api: Api, namespace: str, node: NodeProcess) -> None:
        self.api, self.namespace, self.node = api, namespace, node
        self.pods = Reflector(api, POD, namespace)
        self._wake = asyncio.Event()
        self.pods.subscribe(lambda _key, _old, _new: self._wake.set())

    async def create(self, name: str, *containers: Object, **spec: Any) -> None:
        usual = {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 5}
        pod = {
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": usual | spec | {"containers": containers},
        }
        await self.api.create(POD, pod)

    async def until(self, name: str, condition: Callable[[Object], bool], seconds: float = SECONDS) -> Object:
        """The pod, as soon as the condition holds."""
        key = ObjectKey(self.namespace, name)
        try:
            async with asyncio.timeout(seconds):
                while (pod := self.pods.cache.get(key)) is None or not condition(pod):
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            log = (self.node.root / "node.log").read_text()[-3000:]
            pytest.fail(f"pod after {seconds} s: {self.pods.cache.get(key)}\nnode: {log}")
        return pod

    async def until_gone(self, name: str) -> None:
        async with asyncio.timeout(SECONDS):
            while ObjectKey(self.namespace, name) in self.pods.cache:
                self._wake.clear()
                await self._wake.wait()

    async def delete(self, name: str, grace_seconds: int | None = None) -> None:
        body = {} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        await self.api.request("DELETE", POD.path(self.namespace, name), body)

    def log(self, pod: Object, container: str = "main") -> str:
        return log_path(self.node.root, pod, container).read_text()

    async def log_with(self, pod: Object, text: str, container: str = "main") -> str:
        """The container's log, as soon as it holds the text."""
        return await until(lambda: self.log(pod, container), lambda log: text in log)


async def until(read: Callable[[], str], condition: Callable[[str], bool]) -> str:
    """What `read` gives, as soon as it meets the condition; files have no watch here, so it looks again and again."""
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(FileNotFoundError):
                if condition(value := read()):
                    return value
            await asyncio.sleep(0.02)


def python(code: str, *arguments: str, **spec: Any) -> Object:
    """A container that runs this code."""
    return {"name": "main", "image": IMAGE, "command": ["python", "-c", code], "args": list(arguments)} | spec


def is_ready(pod: Object) -> bool:
    return condition(pod, "Ready") == "True"


def condition(pod: Object, kind: str) -> str | None:
    return {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}.get(kind)


def status_of(pod: Object, container: str = "main") -> Object:
    statuses = [*pod["status"].get("initContainerStatuses", []), *pod["status"].get("containerStatuses", [])]
    return {one["name"]: one for one in statuses}.get(container, {})


def waiting(pod: Object, container: str = "main") -> Object:
    return status_of(pod, container).get("state", {}).get("waiting", {})
