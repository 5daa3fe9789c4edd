"""Are destinations served side by side, and does a look that finds nothing changed cost one reading each?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rotator.domain.model import Rotation, VerifyRule
from rotator.domain.schedule import Schedule
from tests.builders import rotations
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, Harness, billing
from tests.engine.slow_places import SlowPlaces

ROUND_TRIP = 0.05
_AT_ONCE = VerifyRule(1, timedelta(0), timedelta(minutes=15))


def slowed(harness: Harness) -> SlowPlaces:
    slow = SlowPlaces(harness.places, harness.clock, round_trip=ROUND_TRIP)
    harness.start("node-1", destinations=slow)
    return slow


async def round_trips(harness: Harness, count: int, **changes: object) -> float:
    """What one rotation to so many places takes, in round trips of 50 ms."""
    slowed(harness)
    places = tuple(a_place(f"place-{n}", **changes) for n in range(count))
    await harness.define(billing(destinations=places, verify=_AT_ONCE))
    began = harness.clock.monotonic()
    await harness.turn()
    taken = harness.clock.monotonic() - began
    assert (await harness.current()).key_id == "key-1"
    return taken / ROUND_TRIP


async def test_ten_destinations_take_at_most_two_round_trips_longer_than_one(
    harness: Harness, another_harness: Harness
) -> None:
    one, ten = await round_trips(harness, 1), await round_trips(another_harness, 10)
    assert 0 < one <= ten <= one + 2


async def test_a_look_that_finds_nothing_changed_reads_each_delivery_once_and_writes_nothing(harness: Harness) -> None:
    """A thousand deliveries: a hundred rotations to ten places each."""
    slow = slowed(harness)
    await harness.define(*a_hundred_rotations_to_ten_places())
    await harness.run_for(HOUR)
    assert slow.counted("write") == 1000
    rows = [facts.deliveries for facts in await harness.store.facts()]
    slow.calls.clear()
    await harness.run_for(DAY)
    assert (slow.counted("read"), slow.counted("write")) == (1000, 0)
    assert set(slow.calls.values()) == {1}
    assert [facts.deliveries for facts in await harness.store.facts()] == rows


def a_hundred_rotations_to_ten_places() -> list[Rotation]:
    """With one interval ahead of them, so that nothing rotates on the day that is looked at."""
    return [
        replace(
            each,
            schedule=Schedule(30, 2, 30),
            verify=_AT_ONCE,
            destinations=tuple(a_place(f"{each.name}-{n}") for n in range(10)),
        )
        for each in rotations(100)
    ]
