from __future__ import annotations

import asyncio

import pytest

from benchmarks.latency.sightings import NotSeenError, Sightings


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sightings(clock: Clock) -> Sightings:
    return Sightings("run", clock)


def see(sightings: Sightings, place: str, marker: str | None = None) -> None:
    sightings.look(place, f'{{"text": "{marker or sightings.marker} xxx"}}'.encode())


def test_time_is_counted_from_the_beginning_to_the_last_of_the_places(clock: Clock, sightings: Sightings) -> None:
    sightings.begin()
    clock.now += 0.02
    see(sightings, "a")
    clock.now += 0.03
    see(sightings, "b")
    assert sightings.milliseconds(["a"]) == pytest.approx(20)
    assert sightings.milliseconds(["a", "b"]) == pytest.approx(50)


def test_only_the_first_sighting_at_a_place_counts(clock: Clock, sightings: Sightings) -> None:
    sightings.begin()
    clock.now += 0.01
    see(sightings, "a")
    clock.now += 0.01
    see(sightings, "a")
    assert sightings.milliseconds(["a"]) == pytest.approx(10)


async def test_what_an_older_edit_has_left_is_not_taken_for_the_newest(sightings: Sightings) -> None:
    older = sightings.begin()
    see(sightings, "a")
    assert sightings.begin() != older
    see(sightings, "a", older)
    with pytest.raises(NotSeenError, match=r"run-000002 did not arrive within 0 s at: a"):
        await sightings.wait(["a"], seconds=0)


async def test_waiting_ends_when_all_places_have_seen_it(sightings: Sightings) -> None:
    sightings.begin()
    waiting = asyncio.create_task(sightings.wait(["a", "b"]))
    see(sightings, "a")
    await asyncio.sleep(0)
    assert not waiting.done()
    see(sightings, "b")
    await asyncio.wait_for(waiting, 5)


async def test_a_marker_that_does_not_arrive_names_the_places(sightings: Sightings) -> None:
    sightings.begin()
    see(sightings, "list in member1")
    with pytest.raises(NotSeenError, match=r"at: list in member2, list in member3$"):
        await sightings.wait(["list in member1", "list in member3", "list in member2"], seconds=0.01)
