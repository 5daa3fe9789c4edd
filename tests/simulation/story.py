"""What happens in one seed? A calm beginning, faults of every kind for some weeks, quiet weeks to settle; then the account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.simulation.chaos import Chaos
from tests.simulation.laws import Laws
from tests.simulation.universe import Universe, a_rule
from tests.simulation.virtual import run_virtual

_CALM = timedelta(days=2)
_SETTLE = timedelta(days=16)


@dataclass(frozen=True, slots=True)
class Account:
    """What came of a seed: the laws that were broken, and the log to understand it by."""

    seed: int
    broken: tuple[str, ...]
    log: tuple[str, ...]
    rotations: int

    def __str__(self) -> str:
        """The shortest log that tells it: from a while before the first law was broken."""
        first = next((n for n, line in enumerate(self.log) if "BROKEN" in line), len(self.log))
        return "\n".join(
            [f"seed {self.seed}:", *self.broken[:5], "the log up to there:", *self.log[max(0, first - 60) : first + 3]]
        )


def tell(seed: int, directory: Path, *, days: int = 60, chaos: bool = True) -> Account:
    """Live through a seed. The same seed and days tell the same story."""
    return run_virtual(_tell(seed, directory, timedelta(days=days), chaos=chaos))


async def _tell(seed: int, directory: Path, days: timedelta, *, chaos: bool) -> Account:
    universe = Universe(seed, directory, nodes=1 + seed % 3, applications=1 + seed % 2)
    laws = Laws(universe)
    rotations = [a_rule(universe, n) for n in range(len(universe.simulation.population.applications))]
    await universe.define(rotations)
    for name in universe.node_names:
        universe.start(name)
    await asyncio.sleep(_CALM.total_seconds())
    trouble = Chaos(universe, laws, rotations)
    if chaos:
        await trouble.rage(days - _CALM - _SETTLE)
        await trouble.relent()
    await asyncio.sleep((_SETTLE if chaos else days - _CALM).total_seconds())
    await laws.settled(rotations)
    promoted = sum(1 for line in universe.log if ": Promoted " in line)
    await universe.close()
    return Account(seed, tuple(laws.broken), tuple(universe.log), promoted)
