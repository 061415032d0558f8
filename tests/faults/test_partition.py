"""A member is cut off while all sites are edited: it goes on by itself, and all converge once the network is back."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from api.names import SYSTEM_NAMESPACE, member_credential
from fleet.state import CONTROL_PLANE
from kube.kinds import CLUSTER, CLUSTER_OVERRIDE_POLICY, SECRET, Object
from tests.support.edits import Ledger, declaration_writer, editing, file_writer
from tests.support.federation import Federation, document, until
from tests.support.figures import Figures
from tests.support.fleet import LocalFleet
from tests.support.fleet_fixtures import module_federation
from tests.support.proxy import Proxy, Way, proxied
from tests.support.recovery import recovered

__all__ = ["module_federation"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANAGER = "faults"
POLICY = "faults-partition"
SETTLE_SECONDS = 2.0
"""What was on its way when the network went has arrived by then."""


@dataclass(frozen=True)
class Wires:
    """All that a member and the control plane say to each other goes over these."""

    member: str
    up: Proxy
    """From the member's context controller to the control plane."""
    down: Proxy
    """From Karmada to the member's API server."""

    @property
    def carried(self) -> list[int]:
        """Bytes over each wire each way."""
        return [wire.carried[way] for wire in (self.up, self.down) for way in Way]

    def cut(self) -> None:
        """Resets everything."""
        self.up.cut()
        self.down.cut()

    def lose_what_it_sends(self) -> None:
        """Nothing that the member sends arrives."""
        self.up.freeze(Way.THERE)
        self.down.freeze(Way.BACK)

    def lose_what_it_is_sent(self) -> None:
        """Nothing that is sent to the member arrives."""
        self.up.freeze(Way.BACK)
        self.down.freeze(Way.THERE)

    def freeze(self) -> None:
        """Nothing arrives at all, and nobody is told."""
        self.up.freeze()
        self.down.freeze()

    def heal(self) -> None:
        """What was frozen arrives late."""
        self.up.heal()
        self.down.heal()

    def forget(self) -> None:
        """What was frozen never arrives, and nobody is told."""
        self.up.forget()
        self.down.forget()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wires(fleet: LocalFleet, federation: Federation) -> AsyncGenerator[Wires]:
    """Proxies in both directions for the first member, as if its network's addresses were theirs."""
    member, plane = fleet.members[0], federation.control_plane
    async with (
        proxied(urlsplit(fleet.state.clusters[CONTROL_PLANE].server).port or 0) as up,
        proxied(urlsplit(fleet.state.clusters[member].server).port or 0) as down,
    ):
        await plane.apply(CLUSTER_OVERRIDE_POLICY, override(member, up.url), MANAGER)
        await redirect(federation, member, down.url)
        await until(lambda: up.connections and down.connections, 60)
        yield Wires(member, up, down)
        up.heal()
        down.heal()
        await plane.delete(CLUSTER_OVERRIDE_POLICY, None, POLICY)
        await redirect(federation, member, fleet.state.clusters[member].server)
        await delivered(federation, member, fleet.state.clusters[CONTROL_PLANE].server)


def override(member: str, url: str) -> Object:
    """The credential that Karmada delivers to a member names this URL; the one on the control plane stays as it is."""
    value = base64.b64encode(url.encode()).decode()
    rule = {
        "targetCluster": {"clusterNames": [member]},
        "overriders": {"plaintext": [{"path": "/data/server", "operator": "replace", "value": value}]},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "namespace": SYSTEM_NAMESPACE,
        "name": member_credential(member),
    }
    return {
        "apiVersion": "policy.karmada.io/v1alpha1",
        "kind": "ClusterOverridePolicy",
        "metadata": {"name": POLICY},
        "spec": {"resourceSelectors": [secret], "overrideRules": [rule]},
    }


async def redirect(federation: Federation, member: str, url: str) -> None:
    """Karmada reaches the member at another URL: a new process of it has no connection from before."""
    await federation.control_plane.patch(CLUSTER, None, member, {"spec": {"apiEndpoint": url}})
    process = federation.fleet.process("karmada-controller-manager")
    assert process is not None
    process.kill()
    await until(lambda: (now := federation.fleet.process("karmada-controller-manager")) and now.pid != process.pid, 60)


async def delivered(federation: Federation, member: str, url: str) -> None:
    """Returns when the member has a credential with a URL."""
    wanted = base64.b64encode(url.encode()).decode()
    async with asyncio.timeout(60):
        while True:
            found = await federation.members[member].get(SECRET, SYSTEM_NAMESPACE, member_credential(member))
            if found and found["data"]["server"] == wanted:
                return
            await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Partition:
    """How the network goes and comes back."""

    seconds: float
    hears: bool = False
    """Whether the member may still hear of others' edits."""
    is_heard: bool = False
    """Whether others may still hear of the member's edits."""


CASES = {
    "cut": (Wires.cut, Wires.heal, Partition(15)),
    "nothing gets out": (Wires.lose_what_it_sends, Wires.heal, Partition(15, hears=True)),
    "nothing gets in": (Wires.lose_what_it_is_sent, Wires.heal, Partition(15, is_heard=True)),
    "half-open": (Wires.freeze, Wires.heal, Partition(20)),
    "half-open, then forgotten": (Wires.freeze, Wires.forget, Partition(60)),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_member_that_was_cut_off_under_edits_converges_with_all_others(
    federation: Federation, figures: Figures, wires: Wires, case: str
) -> None:
    lose, heal, partition = CASES[case]
    here, there = wires.member, federation.fleet.members[1]
    async with federation.context() as context:
        items = [f"{context.name}/{number}" for number in range(3)]
        from_here, from_there = f"{context.name}/from-here", f"{context.name}/from-there"
        await context.declare([document(item, "first") for item in (*items, from_here, from_there)])
        await context.settled()
        before = wires.carried
        context.write(there, f"resources/{from_there}", "second")
        context.write(here, f"resources/{from_here}", "second")
        await until(lambda: context.texts[from_here] == context.texts[from_there] == "second", 30, context.explain)
        await context.settled()
        assert all(now > then for now, then in zip(wires.carried, before, strict=True)), "it has another way out"

        ledger = Ledger()
        sites = {member: file_writer(context, member) for member in federation.fleet.members}
        sites["declared"] = declaration_writer(context, [*items, from_here, from_there])
        async with editing(ledger, sites, items, per_second=5):
            await asyncio.sleep(1)
            lose(wires)
            try:
                await asyncio.sleep(SETTLE_SECONDS)
                context.write(here, f"resources/{from_here}", "third")
                context.write(there, f"resources/{from_there}", "third")
                await asyncio.sleep(partition.seconds - SETTLE_SECONDS)
                assert partition.is_heard or context.texts[from_here] != "third"
                assert partition.hears or context.path(here, f"resources/{from_there}").read_text() != "third"
                assert context.texts[from_there] == "third"
            finally:
                heal(wires)
            healed = time.monotonic()
        await recovered(context, ledger, figures, healed, 120)
        assert context.texts[from_here] == context.texts[from_there] == "third"
