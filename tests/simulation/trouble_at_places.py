"""What goes wrong at destinations? They are down for hours or days, and somebody puts things back or takes them out."""

from __future__ import annotations

import asyncio
from random import Random

from tests.simulation.places import Content, Place
from tests.simulation.universe import Trouble, Universe


async def down(universe: Universe, random: Random) -> None:
    """A place does not answer; now and then all of them."""
    places = _places(universe)
    if not places:
        return
    chosen = places if random.random() < 0.15 else [random.choice(places)]
    with universe.hindered(f"{', '.join(place.name for place in chosen)} down"):
        for place in chosen:
            place.down = True
        try:
            await asyncio.sleep(random.choice([600.0, 600.0, 20000.0, 100000.0]))
        finally:
            for place in chosen:
                place.down = False


async def put_back(universe: Universe, random: Random) -> None:
    """Somebody restores an older state of a place."""
    used = [place for place in _places(universe) if place.history]
    if used:
        place = random.choice(used)
        _harm(universe, place, random.choice(place.history[-2:]))


async def emptied(universe: Universe, random: Random) -> None:
    """Somebody takes out what is there."""
    used = [place for place in _places(universe) if place.content is not None]
    if used:
        _harm(universe, random.choice(used), None)


def _harm(universe: Universe, place: Place, content: Content | None) -> None:
    universe.write(f"somebody puts {content.key_id[:8] if content else 'nothing'} into {place.name}")
    place.put(content)
    place.harmed_at = universe.time()


def _places(universe: Universe) -> list[Place]:
    return [
        place for installation in universe.installations for place in installation.places.all.values() if not place.left
    ]


KINDS: dict[str, tuple[int, Trouble]] = {
    "down": (4, down),
    "put-back": (1, put_back),
    "emptied": (1, emptied),
}
