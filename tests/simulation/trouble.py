"""What goes wrong, and when? A seeded plan of strikes, each with its own randomness, so that any may be left out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from tests.simulation import trouble_at_places, trouble_in_entra, trouble_of_nodes, trouble_of_people
from tests.simulation.universe import Trouble, Universe

#: Each kind with its weight.
KINDS: dict[str, tuple[int, Trouble]] = {
    **trouble_in_entra.KINDS,
    **trouble_at_places.KINDS,
    **trouble_of_nodes.KINDS,
    **trouble_of_people.KINDS,
}
#: The mean hours between two strikes: some seeds are worse than others.
_GAPS = (6, 10, 16)


@dataclass(frozen=True, slots=True)
class Strike:
    """One trouble: when it begins, in seconds from the beginning of trouble."""

    at: float
    kind: str
    seed: int

    def __str__(self) -> str:
        return f"{timedelta(seconds=round(self.at))} {self.kind}"


def plan(seed: int, span: timedelta) -> tuple[Strike, ...]:
    """The strikes of a seed: about half of the kinds in any one, so that some go wrong often and others never."""
    random = Random(f"trouble {seed}")
    kinds = [kind for kind in KINDS if random.random() < 0.5] or ["crash"]
    weights = [KINDS[kind][0] for kind in kinds]
    rate = 1 / timedelta(hours=random.choice(_GAPS)).total_seconds()
    strikes = []
    at = random.expovariate(rate)
    while at < span.total_seconds():
        strikes.append(Strike(at, random.choices(kinds, weights)[0], random.getrandbits(32)))
        at += random.expovariate(rate)
    return tuple(strikes)


def without(strikes: Iterable[Strike], kinds: Sequence[str]) -> tuple[Strike, ...]:
    """The rest, untouched."""
    return tuple(strike for strike in strikes if strike.kind not in kinds)


async def rage(universe: Universe, strikes: Sequence[Strike], span: timedelta) -> None:
    """Let each strike happen in its time, beside whatever goes on."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for strike in strikes:
        await asyncio.sleep(max(0.0, began + strike.at - loop.time()))
        _, trouble = KINDS[strike.kind]
        universe.background(trouble(universe, Random(strike.seed)))
    await asyncio.sleep(max(0.0, began + span.total_seconds() - loop.time()))
