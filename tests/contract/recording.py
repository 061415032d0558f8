"""Runs a Pulumi program against mocks, and keeps everything that it registers as the engine would see it."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks

SECRET_KEY = "4dabf18193072939515e22adb298388d"

FAKE_TOKEN = "dG9rZW4="


@dataclass(frozen=True)
class Registration:
    """One registered Pulumi resource."""

    type: str
    name: str
    parent: str
    provider: str
    inputs: dict[str, Any]
    protect: bool
    retain_on_delete: bool
    dependencies: frozenset[str]

    @property
    def kubernetes_object(self) -> bool:
        return self.type.startswith("kubernetes:")

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Cluster, kind, namespace and name: what identifies a Kubernetes object."""
        meta = plain(self.inputs).get("metadata", {})
        return (self.cluster, self.type.rpartition(":")[2], meta.get("namespace", ""), meta["name"])

    @property
    def cluster(self) -> str:
        """Logical name of the provider."""
        return self.provider.split("::")[3] if self.provider else ""


class _Echo(mocks.Mocks):
    """Every object is created at once, and the token controller has done its work."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        state = dict(cast("dict[str, Any]", args.inputs))
        if state.get("type") == "kubernetes.io/service-account-token":
            state["data"] = {"token": FAKE_TOKEN}
        return f"{args.name}-id", state

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        return {}, None


class _Monitor(mocks.MockMonitor):
    def __init__(self) -> None:
        super().__init__(_Echo())
        self.requests: list[Any] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        self.requests.append(request)
        with _own_event_loop():
            return super().RegisterResource(request)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


@contextmanager
def _own_event_loop() -> Generator[None]:
    """Pulumi's SDK wants an event loop in every thread that it is used in."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def record(program: Callable[[], object], *, preview: bool = False) -> list[Registration]:
    """What `program` registers, the stack apart, sorted by type and name."""
    with _own_event_loop():
        monitor = _Monitor()
        pulumi.runtime.set_mocks(monitor.mocks, project="p", stack="s", preview=preview, monitor=monitor)

        pulumi.runtime.test(program)()  # pyright: ignore[reportUnknownMemberType]
    found = [_registration(request) for request in monitor.requests if request.type != "pulumi:pulumi:Stack"]
    return sorted(found, key=lambda each: (each.type, each.name))


def _registration(request: Any) -> Registration:
    inputs = pulumi.runtime.rpc.deserialize_properties(request.object, keep_unknowns=True)
    return Registration(
        type=request.type,
        name=request.name,
        parent=request.parent,
        provider=request.provider,
        inputs=inputs,
        protect=request.protect,
        retain_on_delete=request.retainOnDelete,
        dependencies=frozenset(request.dependencies),
    )


def plain(value: Any) -> Any:
    """The value without the marks of secrets."""
    if is_secret(value):
        return plain(value["value"])
    if isinstance(value, dict):
        return {key: plain(member) for key, member in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [plain(member) for member in cast("list[Any]", value)]
    return value


def is_secret(value: Any) -> bool:
    return pulumi.runtime.rpc.is_rpc_secret(value)


def public_leaves(value: Any) -> Iterator[Any]:
    """Every value that is no container, except in secrets."""
    if is_secret(value):
        return
    if isinstance(value, dict | list):
        members = cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
        for member in members:
            yield from public_leaves(member)
    else:
        yield value
