"""The control plane's etcd is restored from a backup under edits: what the backup lacks comes back from the members."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.context_revision import ContextRevision, ContextRevisionSpec
from api.names import CONTEXT_LABEL
from core.inspection.verify import verify
from kube.kinds import CONTEXT_REVISION
from tests.support.edits import Ledger, declaration_writer, editing, file_writer
from tests.support.federation import Context, Federation, document, until
from tests.support.figures import Figures
from tests.support.fleet import SERVER, LocalFleet
from tests.support.store import API_SERVERS, BUMP, CONTROLLERS, Store

_RECOVERY_SECONDS = 120.0
"""Karmada's caches follow the restored store again within a minute at the latest, by the pauses of its own library."""


@dataclass(frozen=True)
class Restore:
    """A way to restore a backup."""

    options: tuple[str, ...]
    stopped: tuple[str, ...]
    """Whom the operator must stop beside etcd itself, and start again afterwards."""


WAYS = {
    "with revisions bumped": Restore(BUMP, stopped=()),
    "with revisions that repeat": Restore((), stopped=(*CONTROLLERS, *API_SERVERS)),
}


@dataclass
class Scene:
    """A context whose sites have items of their own, so that whatever is missing at the end is lost."""

    fleet: LocalFleet
    context: Context
    ledger: Ledger

    def __post_init__(self) -> None:
        self.declared = f"{self.context.name}/declared"
        self.before = {member: f"{self.context.name}/{member}/before" for member in self.fleet.members}
        """Edited until the store is stopped: these edits are committed."""
        self.meanwhile = {member: f"{self.context.name}/{member}/meanwhile" for member in self.fleet.members}
        """Edited from then on."""
        items = [self.declared, *self.before.values(), *self.meanwhile.values()]
        self._declare = declaration_writer(self.context, items)
        self._items = items

    async def begin(self) -> None:
        """Declares the items."""
        await self.context.declare([document(item, "first") for item in self._items])
        await self.context.settled()

    async def edit_declaration(self) -> None:
        """One edit with `kubectl apply`, served everywhere when it returns."""
        await self.ledger.edit(self.declared, self._declare)
        await self._arrived()

    async def edit_everywhere(self) -> None:
        """One edit in each member, and one of the declaration; committed and applied everywhere when it returns."""
        for member, item in self.before.items():
            await self.ledger.edit(item, file_writer(self.context, member))
        await self.edit_declaration()

    async def _arrived(self) -> None:
        newest = {edit.item: edit.text for edit in self.ledger.edits}
        await until(lambda: newest.items() <= self.context.texts.items(), 30, self.context.explain)
        await self.context.settled()


async def stored(federation: Federation, context: Context) -> list[ContextRevisionSpec]:
    """The history as the store has it now: what was seen before the restore does not count."""
    found = await federation.control_plane.list(CONTEXT_REVISION, SERVER, f"{CONTEXT_LABEL}={context.name}")
    return sorted((ContextRevision.parse(raw).spec for raw in found), key=lambda revision: revision.version)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
async def test_a_control_plane_restored_from_a_backup_takes_back_all_that_members_hold(
    way: Restore, fleet: LocalFleet, federation: Federation, figures: Figures, tmp_path: Path
) -> None:
    store, backup = Store(fleet), tmp_path / "backup.db"
    async with federation.context() as context, AsyncExitStack() as edits:
        scene = Scene(fleet, context, Ledger())
        await scene.begin()
        await scene.edit_everywhere()
        await store.back_up(backup)
        backed_up = context.head
        await scene.edit_everywhere()
        await scene.edit_everywhere()
        lost = context.head
        assert backed_up is not None
        assert lost is not None

        for member, item in scene.meanwhile.items():
            writer = {member: file_writer(context, member)}
            await edits.enter_async_context(editing(scene.ledger, writer, [item], per_second=5))
        async with store.stopped(*way.stopped):
            await store.restore(backup, *way.options)
        restored = time.monotonic()
        await until(lambda: context.head and context.head.epoch > lost.epoch, _RECOVERY_SECONDS, context.explain)
        figures.add("new epoch after the restore", time.monotonic() - restored)
        await edits.aclose()
        ended = time.monotonic()
        await context.settled()
        figures.add("converged after the last edit", time.monotonic() - ended)

        history = await stored(federation, context)
        assert [r.chain_digest for r in history if r.version <= backed_up.version][-1] == backed_up.chain_digest
        assert lost.chain_digest not in [revision.chain_digest for revision in history]
        assert history[-1].version > lost.version
        assert scene.ledger.lost(history) == []
        assert verify(history) == []
        assert context.texts == {item.name: item.content.text for item in history[-1].items if item.content}

        await scene.edit_everywhere()
        assert scene.ledger.lost(await stored(federation, context)) == []
