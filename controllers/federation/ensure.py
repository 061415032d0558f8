"""ensure: an object is as it should be afterwards, and written only if it was not."""

from collections.abc import Sequence

from api.names import FEDERATION_MANAGER
from core.hub.project import covers, is_applied
from kube.client import Api
from kube.controller import Waiting
from kube.kinds import Kind, Object, ObjectKey
from kube.reflector import Reflector


async def ensure(api: Api, kind: Kind, desired: Object) -> None:
    """Applies an object unless the API server has it, as desired."""
    key = ObjectKey.of(desired)
    present = await api.get(kind, key.namespace, key.name)
    if present is None or not covers(present, desired):
        await api.apply(kind, desired, FEDERATION_MANAGER, force=True)


async def ensure_owned(api: Api, reflector: Reflector, desired: Object) -> None:
    """Applies an object that a context owns unless the cache has it, as desired.

    Raises:
        Waiting: an object of this name belongs to another owner, a deleted context.
    """
    kind, key = reflector.kind, ObjectKey.of(desired)
    present = reflector.cache.get(key)
    if present is not None:
        if owner_uids(present) != owner_uids(desired):
            raise Waiting("OldObject", f"{kind.name} {key} belongs to a deleted context; waiting for it to go", 0.5)
        if is_applied(present, desired):
            return
    reflector.observe(await api.apply(kind, desired, FEDERATION_MANAGER, force=True))


def owner_uids(obj: Object) -> Sequence[str]:
    """The uids of an object's owners."""
    return [owner["uid"] for owner in obj["metadata"].get("ownerReferences", [])]
