"""core.member.collect: one replica out of many, whatever the order, and no undecided change is lost."""

from hypothesis import given
from hypothesis import strategies as st

from api.context_replica import (
    Change,
    ContextReplicaSpec,
    ContextReplicaStatus,
    Inventory,
    ItemOutcome,
    Outcome,
    Problem,
    SiteDecision,
    SiteState,
)
from api.context_revision import RevisionItem
from api.dot import Dot
from api.item import ItemContent
from core.member.collect import MemberContext, collect, releasable, status_for, undecided
from core.values import clock
from core.values.version_vector import includes

PLACE = MemberContext("east", "prod", "notes")
SITES = [f"east/pod-{number}#0000000{number}" for number in range(4)]
DIGEST = "sha256:" + 64 * "0"


def change(site: str, at: int, text: str = "x") -> Change:
    return Change(item="a", content=ItemContent(text=text), dot=Dot(site=site, hlc=clock.encode(at)))


def state(site: str, *at: int, version: int = 1) -> SiteState:
    changes = [change(site, moment) for moment in at]
    return SiteState(site=site, pod=site, applied_version=version, changes=changes)


def holding(site: str, version: int = 5, large: int = 0) -> SiteState:
    """A site that has applied what the control plane lacks: so many items of 200 KB, and a small one."""
    dot = Dot(site="declared", hlc=clock.encode(version))
    texts = {"a": "x"} | {f"large-{number}": 200_000 * "x" for number in range(large)}
    items = [
        RevisionItem(name=name, digest=DIGEST, content=ItemContent(text=text), dot=dot) for name, text in texts.items()
    ]
    lost = Inventory(epoch=0, version=version, chain_digest=DIGEST, version_vector={"declared": dot.hlc}, items=items)
    return state(site, version=version).model_copy(update={"inventory": lost})


def replica(*states: SiteState) -> ContextReplicaSpec:
    return ContextReplicaSpec(context="notes", sites=list(states))


@st.composite
def states_of(draw: st.DrawFn, *sites: str) -> SiteState:
    at = draw(st.sets(st.integers(1, 6), max_size=3))
    found = state(draw(st.sampled_from(sites)), *sorted(at), version=draw(st.integers(0, 3)))
    lost = draw(st.none() | st.integers(1, 3))
    return found.model_copy(update={"inventory": holding(found.site, lost).inventory}) if lost else found


replicas = st.lists(states_of(*SITES, "west/pod-0#00000000"), max_size=2, unique_by=lambda one: one.site).map(
    lambda states: replica(*states)
)
pods = st.lists(replicas, max_size=4)
stored = st.none() | replicas
vectors = st.dictionaries(st.sampled_from(SITES), st.integers(1, 6).map(clock.encode))


@given(vector=vectors, pods=pods, stored=stored)
def test_collecting_again_changes_nothing(
    vector: dict[str, str], pods: list[ContextReplicaSpec], stored: ContextReplicaSpec | None
) -> None:
    once = collect(PLACE, vector, pods, stored)
    assert collect(PLACE, vector, pods, once) == once


@given(vector=vectors, pods=pods, stored=stored, data=st.data())
def test_the_order_of_pods_does_not_matter(
    vector: dict[str, str], pods: list[ContextReplicaSpec], stored: ContextReplicaSpec | None, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(pods))
    assert collect(PLACE, vector, shuffled, stored) == collect(PLACE, vector, pods, stored)


@given(vector=vectors, pods=st.lists(states_of(*SITES), max_size=4, unique_by=lambda one: one.site), stored=stored)
def test_no_undecided_change_of_a_pod_or_of_a_gone_pod_is_dropped(
    vector: dict[str, str], pods: list[SiteState], stored: ContextReplicaSpec | None
) -> None:
    collected = collect(PLACE, vector, [replica(one) for one in pods], stored)
    held = {each.dot.order for one in collected.sites for each in one.changes}
    live = {one.site for one in pods}
    gone = [one for one in (stored.sites if stored else []) if one.site not in live and one.site.startswith("east/")]
    for one in [*pods, *gone]:
        assert {each.dot.order for each in one.changes if not includes(vector, each.dot)} <= held


@given(vector=vectors, pods=pods, stored=stored)
def test_what_is_collected_lets_every_pod_go(
    vector: dict[str, str], pods: list[ContextReplicaSpec], stored: ContextReplicaSpec | None
) -> None:
    by_site = {one.site: one for pod in pods for one in pod.sites}
    collected = collect(PLACE, vector, [replica(one) for one in by_site.values()], stored)
    assert all(releasable(PLACE, vector, replica(one), collected) for one in by_site.values())


def test_a_replica_of_no_pods_names_the_context_and_the_member() -> None:
    problem = Problem(reason="ServerNotFound", message="none")
    collected = collect(PLACE, {}, [], None, [problem])
    assert collected == ContextReplicaSpec(
        context="notes", context_namespace="prod", cluster="east", sites=[], problems=[problem]
    )


def test_a_pods_own_word_replaces_what_the_control_plane_holds_of_its_site() -> None:
    site = SITES[0]
    collected = collect(PLACE, {}, [replica(state(site, 2))], replica(state(site, 1)))
    assert collected.sites == [state(site, 2)]


def test_of_two_states_of_one_site_the_newer_counts() -> None:
    old, new = replica(state(SITES[0], 1, version=1)), replica(state(SITES[0], version=2))
    assert collect(PLACE, {}, [new, old], None).sites == new.sites


def test_a_gone_pods_site_stays_until_all_its_changes_are_decided_and_then_goes() -> None:
    gone = state(SITES[0], 1, 2).model_copy(update={"pod": ""})
    half, whole = {gone.site: clock.encode(1)}, {gone.site: clock.encode(2)}
    assert collect(PLACE, half, [], replica(gone)).sites == [gone]
    assert collect(PLACE, whole, [], replica(gone)).sites == []


def test_what_a_gone_pod_held_and_the_control_plane_lost_stays_until_a_revision_has_it() -> None:
    gone = holding(SITES[0]).model_copy(update={"pod": ""})
    assert collect(PLACE, {"declared": clock.encode(4)}, [], replica(gone)).sites == [gone]
    assert collect(PLACE, {"declared": clock.encode(5)}, [], replica(gone)).sites == []


def test_a_pods_replica_is_held_while_the_control_plane_lacks_its_inventory() -> None:
    pod = replica(holding(SITES[0]))
    assert not releasable(PLACE, {}, pod, None)
    assert not releasable(PLACE, {}, pod, replica(holding(SITES[0], version=4)))
    assert releasable(PLACE, {}, pod, replica(holding(SITES[0])))
    assert releasable(PLACE, {"declared": clock.encode(5)}, pod, None)


def test_of_inventories_too_large_for_one_object_the_newest_is_told_and_the_other_pod_waits() -> None:
    old, new = holding(SITES[0], 4, large=2), holding(SITES[1], 5, large=2)
    collected = collect(PLACE, {}, [replica(old), replica(new)], None)
    assert [bool(one.inventory) for one in collected.sites] == [False, True]
    assert not releasable(PLACE, {}, replica(old), collected)
    assert releasable(PLACE, {}, replica(new), collected)


def test_an_inventory_that_alone_is_large_is_told() -> None:
    one = holding(SITES[0], large=5)
    assert collect(PLACE, {}, [replica(one)], None).sites == [one]


def test_sites_of_other_clusters_are_left_out_even_if_their_name_begins_alike() -> None:
    foreign = replica(state("eastern/pod-0#00000000", 1), state("west/pod-0#00000000", 1))
    assert collect(PLACE, {}, [foreign], foreign).sites == []


def test_undecided_are_the_changes_beyond_the_version_vector() -> None:
    one = state(SITES[0], 1, 2, 3)
    assert undecided(one, {one.site: clock.encode(2)}) == [change(one.site, 3)]


def test_a_pods_replica_is_held_while_the_control_plane_lacks_an_undecided_change() -> None:
    pod = replica(state(SITES[0], 1, 2))
    assert not releasable(PLACE, {}, pod, None)
    assert not releasable(PLACE, {}, pod, replica(state(SITES[0], 1)))
    assert releasable(PLACE, {}, pod, replica(state(SITES[0], 1, 2)))


def test_a_pods_replica_goes_once_its_changes_are_decided_or_if_it_has_none() -> None:
    pod = replica(state(SITES[0], 1))
    assert releasable(PLACE, {SITES[0]: clock.encode(1)}, pod, None)
    assert releasable(PLACE, {}, replica(state(SITES[0])), None)


def test_what_another_cluster_is_said_to_propose_holds_no_replica_back() -> None:
    assert releasable(PLACE, {}, replica(state("west/pod-0#00000000", 1)), None)


def test_a_pod_is_told_only_what_is_decided_on_its_own_sites() -> None:
    decided = [SiteDecision(site=site, hlc=clock.encode(1)) for site in SITES[:2]]
    outcomes = [
        ItemOutcome(item="a", dot=Dot(site=site, hlc=clock.encode(1)), outcome=Outcome.ACCEPTED) for site in SITES[:2]
    ]
    status = ContextReplicaStatus(decided=decided, outcomes=outcomes)
    expected = ContextReplicaStatus(decided=decided[1:], outcomes=outcomes[1:])
    assert status_for(replica(state(SITES[1])), status) == expected
