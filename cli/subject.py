"""The context that a command is about, found by name, and its retained revisions."""

from dataclasses import dataclass

from pydantic import ValidationError

from api.context_revision import ContextRevision, ContextRevisionSpec
from api.federated_context import FederatedContext
from api.model import ObjectMeta
from api.names import CONTEXT_LABEL
from cli.options import Common
from cli.printing import note
from cli.problem import Problem, first_error
from kube.client import Api
from kube.kinds import CONTEXT_REVISION, FEDERATED_CONTEXT, Object, ObjectKey


@dataclass(frozen=True)
class Subject:
    """A context and its retained revisions, oldest first."""

    context: FederatedContext
    history: list[ContextRevisionSpec]

    @property
    def name(self) -> str:
        """`namespace/name`."""
        return full_name(self.context)

    @property
    def head(self) -> ContextRevisionSpec:
        """The newest revision.

        Raises:
            Problem: there is none yet.
        """
        if not self.history:
            raise Problem(f"{self.name} has no revision yet: is the federation controller running?")
        return self.history[-1]

    def revision(self, version: int) -> ContextRevisionSpec:
        """One revision.

        Raises:
            Problem: it is not retained.
        """
        found = next((revision for revision in self.history if revision.version == version), None)
        if found is None:
            retained = f"{self.history[0].version} to {self.head.version} are" if self.history else "none is"
            raise Problem(f"{self.name} has no version {version}: {retained} retained (`mcpfed history {self.name}`)")
        return found


def full_name(context: FederatedContext) -> str:
    """`namespace/name`."""
    return f"{context.metadata.namespace}/{context.metadata.name}"


async def find(api: Api, given: str, namespace: str | None) -> FederatedContext:
    """The context that a person names.

    Raises:
        Problem: there is none of that name, or one in each of several namespaces, or it cannot be read.
    """
    prefix, _, name = given.rpartition("/")
    if prefix and namespace and prefix != namespace:
        raise Problem(f"{given} is not in namespace {namespace}: leave out --namespace or {prefix}/")
    scope = prefix or namespace
    listed = await api.list(FEDERATED_CONTEXT, scope)
    found = [raw for raw in listed if raw["metadata"]["name"] == name]
    if len(found) == 1:
        return _parsed(found[0])
    if found:
        candidates = ", ".join(sorted(str(ObjectKey.of(raw)) for raw in found))
        raise Problem(f"{name} is the name of {len(found)} contexts, say which: {candidates}")
    where = f"namespace {scope}" if scope else "any namespace"
    raise Problem(f"no FederatedContext {name} in {where}: `mcpfed status` lists them")


async def all_contexts(api: Api, namespace: str | None) -> list[FederatedContext]:
    """All contexts in a namespace, or in all; one that cannot be read is noted and left out."""
    contexts: list[FederatedContext] = []
    for raw in await api.list(FEDERATED_CONTEXT, namespace):
        try:
            contexts.append(_parsed(raw))
        except Problem as problem:
            note(f"left out: {problem}")
    return contexts


def _parsed(raw: Object) -> FederatedContext:
    try:
        return FederatedContext.parse(raw)
    except ValidationError as error:
        raise Problem(f"{ObjectKey.of(raw)} cannot be read: {first_error(error)}") from error


async def load(options: Common, given: str) -> Subject:
    """As `read`, over a connection of its own."""
    async with await options.connect() as api:
        return await read(api, given, options.namespace)


async def read(api: Api, given: str, namespace: str | None) -> Subject:
    """The context that a person names, with its revisions.

    Raises:
        Problem: there is no such context, or it is ambiguous.
    """
    return await subject_of(api, await find(api, given, namespace))


async def subject_of(api: Api, context: FederatedContext) -> Subject:
    """A context with its revisions."""
    revisions = [ContextRevision.parse(raw).spec for raw in await revisions_of(api, context)]
    return Subject(context, sorted(revisions, key=lambda revision: (revision.epoch, revision.version)))


async def revisions_of(api: Api, context: FederatedContext) -> list[Object]:
    """The revisions of a context as stored; those of an earlier context of the same name do not count."""
    metadata = context.metadata
    listed = await api.list(CONTEXT_REVISION, metadata.namespace, f"{CONTEXT_LABEL}={metadata.name}")
    return [raw for raw in listed if ObjectMeta.model_validate(raw["metadata"]).owner_uid == metadata.uid]
