"""The revisions of every context, as the API server has them: the newest one is the head."""

from api.context_revision import ContextRevision, ContextRevisionSpec
from api.names import CONTEXT_LABEL
from kube.kinds import Object, ObjectKey
from kube.reflector import Reflector


class RevisionLog:
    """An index over the reflector of ContextRevisions, by context."""

    def __init__(self, revisions: Reflector) -> None:
        self._by_context: dict[ObjectKey, dict[int, ContextRevision]] = {}
        revisions.subscribe(self._follow)

    def revisions(self, context: ObjectKey, owner_uid: str) -> list[ContextRevisionSpec]:
        """The stored revisions of this very context, oldest first.

        Those of an earlier context of the same name, still to be collected, do not count.
        """
        revisions = self._by_context.get(context, {})
        return [revisions[version].spec for version in sorted(revisions) if _owner(revisions[version]) == owner_uid]

    def _follow(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        seen = new or old
        if seen is None:
            return
        context = context_of(seen)
        versions = self._by_context.setdefault(context, {})
        version: int = seen["spec"]["version"]
        if new is None:
            versions.pop(version, None)
        elif version not in versions:
            versions[version] = ContextRevision.parse(new)
        if not versions:
            del self._by_context[context]


def context_of(revision: Object) -> ObjectKey:
    """Which context an object with a CONTEXT_LABEL belongs to."""
    metadata = revision["metadata"]
    return ObjectKey(metadata["namespace"], metadata.get("labels", {}).get(CONTEXT_LABEL, ""))


def _owner(revision: ContextRevision) -> str:
    return revision.metadata.owner_uid
