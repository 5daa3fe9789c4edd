"""What do many destinations cost: a rotation to ten of them, and a look at a thousand that finds nothing changed?"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path

from tests.benchmarks.report import Goal, Line, measured, show
from tests.engine.harness import DAY, HOUR, Harness
from tests.engine.slow_places import SlowPlaces
from tests.engine.test_side_by_side import ROUND_TRIP, a_hundred_rotations_to_ten_places, round_trips

_DELIVERIES = 1000


def run() -> None:
    """Real engine and store, places in memory; round trips pass on the clock of the test, so no neighbour disturbs."""
    logging.getLogger("rotator.store.keys").setLevel(logging.ERROR)
    asyncio.run(_side_by_side())
    asyncio.run(_nothing_changed())


async def _side_by_side() -> None:
    taken = {count: await _one_rotation(count) for count in (1, 10)}
    longer = taken[10] - taken[1]
    beside = f"to one: {taken[1]:.0f}"
    trip = f"{ROUND_TRIP * 1000:.0f} ms"
    show(
        Line(
            f"round trips of {trip}, a rotation to 10", f"{taken[10]:.0f}", beside, longer, Goal(most=2).verdict(longer)
        )
    )


async def _one_rotation(count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(Path(folder))
        taken = await round_trips(harness, count)
        harness.store.close()
        return taken


async def _nothing_changed() -> None:
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(Path(folder))
        slow = SlowPlaces(harness.places, harness.clock, round_trip=ROUND_TRIP)
        harness.start("node-1", destinations=slow)
        await harness.define(*a_hundred_rotations_to_ten_places())
        await harness.run_for(HOUR)
        slow.calls.clear()
        with measured() as spent:
            await harness.run_for(DAY)
        reads, writes = slow.counted("read"), slow.counted("write")
        harness.store.close()
    verdict = Goal(most=1).verdict(reads / _DELIVERIES)
    show(Line("readings a delivery, a look at 1,000 unchanged", f"{reads / _DELIVERIES:g}", "", None, verdict))
    show(Line("writes, the same", str(writes), "", None, Goal(most=0).verdict(writes)))
    show(Line("processor a delivery, the same", f"{spent.processor / _DELIVERIES * 1000:.2f} ms"))
