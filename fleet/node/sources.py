"""Secrets and ConfigMaps as the API server's watches report them, and who is notified when one changes."""

from collections.abc import Callable, Iterable

from fleet.node.objects import Reference, Snapshot
from kube.client import Api
from kube.kinds import CONFIG_MAP, SECRET, Object, ObjectKey
from kube.reflector import Reflector

_KINDS = {kind.name: kind for kind in (SECRET, CONFIG_MAP)}


class Sources:
    """All Secrets and ConfigMaps of the cluster."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.reflectors = {name: Reflector(api, kind) for name, kind in _KINDS.items()}
        """Kind's name → its cache; whoever owns this object runs them."""
        self._listeners: set[Callable[[Reference], None]] = set()
        for name, reflector in self.reflectors.items():
            reflector.subscribe(self._notifier(name))

    async def snapshot(self, references: Iterable[Reference]) -> Snapshot:
        """Those of the named objects that exist.

        One that no watch has shown yet is asked for: it may have been created just before the pod that needs it.
        """
        found = {reference: await self._find(reference) for reference in references}
        return {reference: obj for reference, obj in found.items() if obj is not None}

    def listen(self, listener: Callable[[Reference], None]) -> None:
        """Tell `listener` of every change from now on."""
        self._listeners.add(listener)

    def ignore(self, listener: Callable[[Reference], None]) -> None:
        """Tell `listener` nothing any more."""
        self._listeners.discard(listener)

    async def _find(self, reference: Reference) -> Object | None:
        cached = self.reflectors[reference.kind].cache.get(ObjectKey(reference.namespace, reference.name))
        return cached or await self._api.get(_KINDS[reference.kind], reference.namespace, reference.name)

    def _notifier(self, kind: str) -> Callable[[ObjectKey, Object | None, Object | None], None]:
        def notify(key: ObjectKey, _old: Object | None, _new: Object | None) -> None:
            for listener in tuple(self._listeners):
                listener(Reference(kind, key.namespace, key.name))

        return notify
