"""What happens in one seed? A calm beginning, weeks of trouble, quiet weeks to settle; then the account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from tests.simulation import settled, trouble
from tests.simulation.definitions import a_rule, adopting
from tests.simulation.installation import Installation
from tests.simulation.laws import Laws
from tests.simulation.people import look_after
from tests.simulation.trouble import Strike
from tests.simulation.universe import PERSONAL, Universe
from tests.simulation.virtual import run_virtual

DAYS = 60
_CALM = timedelta(days=2)
#: From the end of trouble until nothing may be left behind: reads have been compared several times by then.
_TIDY = timedelta(days=4)
_SETTLE = timedelta(days=16)
_TICK = timedelta(hours=6).total_seconds()


@dataclass(frozen=True, slots=True)
class Account:
    """What came of a seed: the laws that were broken, and the log to understand it by."""

    seed: int
    days: int
    broken: tuple[str, ...]
    log: tuple[str, ...]
    strikes: tuple[Strike, ...]
    rotations: int
    stale_refused: int
    #: Days until the first law was broken.
    broken_after: float | None = None

    def __str__(self) -> str:
        """What tells it: from a while before the first law was broken."""
        first = next((n for n, line in enumerate(self.log) if "BROKEN" in line), len(self.log))
        lines = self.log[max(0, first - 60) : first + 3]
        return "\n".join([f"seed {self.seed}, {self.days} days:", *self.broken[:5], "the log up to there:", *lines])


def tell(seed: int, *, days: int = DAYS, strikes: Sequence[Strike] | None = None) -> Account:
    """Live through a seed. The same seed, days and strikes tell the same story; None: those that the seed plans."""
    chosen = planned(seed, days) if strikes is None else tuple(strikes)
    return run_virtual(_tell(seed, days, chosen))


def planned(seed: int, days: int = DAYS) -> tuple[Strike, ...]:
    """The strikes of a seed; fewer days leave out the last ones."""
    return trouble.plan(seed, timedelta(days=days) - _CALM - _SETTLE)


async def _tell(seed: int, days: int, strikes: tuple[Strike, ...]) -> Account:
    universe = Universe(seed, applications=1 + seed % 2)
    universe.laws = Laws(universe)
    _furnish(universe)
    for installation in universe.installations:
        await installation.reload()
        for name in installation.node_names:
            installation.start(name)
    persons = [
        asyncio.create_task(look_after(each, Random(f"person {seed} {each.id}"))) for each in universe.installations
    ]
    ticks = asyncio.create_task(_tick(universe))
    await asyncio.sleep(_CALM.total_seconds())
    await trouble.rage(universe, strikes, timedelta(days=days) - _CALM - _SETTLE)
    await universe.relent()
    universe.write("all trouble is over")
    await asyncio.sleep(_TIDY.total_seconds())
    settled.look_for_orphans(universe)
    await asyncio.sleep((_SETTLE - _TIDY).total_seconds())
    settled.look_at_the_end(universe)
    for task in (*persons, ticks):
        task.cancel()
    return close(universe, days, strikes)


def close(universe: Universe, days: int, strikes: tuple[Strike, ...]) -> Account:
    """End everything and say what came of it."""
    for installation in universe.installations:
        installation.close()
    broken = universe.laws.first_broken
    return Account(
        universe.seed,
        days,
        tuple(universe.laws.broken),
        tuple(universe.log),
        strikes,
        rotations=sum(1 for line in universe.log if ": Promoted " in line),
        stale_refused=sum(each.stale_refused for each in universe.installations),
        broken_after=None if broken is None else broken / 86400,
    )


def _furnish(universe: Universe) -> None:
    """Who is there: an installation with a rotation for each application, and at times a second of either."""
    random, seed = universe.random, universe.seed
    first = universe.install("simulate", nodes=1 + seed % 3)
    first.failures_before_pause = random.choice([1, 10])
    first.rotations_per_hour = 1 if seed % 4 == 3 else 600
    two_only = random.random() < 0.25
    if two_only:
        universe.applications[0].audience = PERSONAL
    for number, target in enumerate(universe.applications):
        rotation = a_rule(first, target, f"api-{number}", random)
        by_hand = random.random() < 0.15
        first.wanted.append(adopting(first, rotation, target, random) if by_hand else rotation)
    if not two_only and random.random() < 0.2:
        first.wanted.append(a_rule(first, universe.applications[0], "another", random))
    if not two_only and random.random() < 0.25:
        _second(universe, random)


def _second(universe: Universe, random: Random) -> Installation:
    second = universe.install("staging2", nodes=1)
    second.wanted.append(a_rule(second, universe.applications[0], "staged", random))
    return second


async def _tick(universe: Universe) -> None:
    while True:
        await asyncio.sleep(_TICK)
        universe.laws.tick()
