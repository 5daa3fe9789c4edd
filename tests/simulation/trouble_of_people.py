"""What do people do to it? They ask for things, edit, pause, rename, take out and put back, and make keys by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from random import Random

from rotator.domain.model import Rotation
from tests.simulation import books
from tests.simulation.definitions import a_destination, another_schedule, by_hand, with_interval
from tests.simulation.installation import Installation
from tests.simulation.universe import Trouble, Universe

_HOUR, _DAY = 3600.0, 86400.0
_MOST_PLACES = 3
_ASKED_FOR = ("rotate", "rotate", "rotate", "deliver", "revoke", "compromised")


async def ask(installation: Installation, rotation: Rotation, random: Random) -> None:
    """Somebody runs a command."""
    await installation.ask(books.find(installation.store, rotation.name), random.choice(_ASKED_FOR))


async def reschedule(installation: Installation, rotation: Rotation, random: Random) -> None:
    """Another interval, another time of day."""
    changed = with_interval(rotation, another_schedule(rotation, random))
    installation.wanted = [changed if each is rotation else each for each in installation.wanted]
    await installation.reload(what=f"{rotation.name} has another schedule")


async def add_place(installation: Installation, rotation: Rotation, random: Random) -> None:
    """One more destination."""
    if len(rotation.destinations) < _MOST_PLACES:
        number = len(installation.places.all) + 1
        rule = a_destination(rotation.name, number, random)
        await installation.edit(rotation.name, f"gets {rule.name}", destinations=(*rotation.destinations, rule))


async def drop_place(installation: Installation, rotation: Rotation, random: Random) -> None:
    """A destination leaves the definition; its place is given up when somebody reads the message."""
    if len(rotation.destinations) < 2 or installation.older:
        # Whoever has just restored a database, which may not know the place, first does what its messages say.
        return
    rule = random.choice(rotation.destinations)
    rest = tuple(each for each in rotation.destinations if each is not rule)
    await installation.edit(rotation.name, f"loses {rule.name}", destinations=rest)


async def pause(installation: Installation, rotation: Rotation, random: Random) -> None:
    """`rotator pause`, and some time later `rotator resume`."""
    rotation_id = books.find(installation.store, rotation.name)
    if not rotation_id or rotation_id in installation.resting:
        return
    with installation.universe.hindered(f"{rotation.name} is paused"):
        await installation.store.pause(rotation_id)
        installation.resting[rotation_id] = installation.universe.time()
        try:
            await asyncio.sleep(random.choice([_HOUR, 10 * _HOUR, _DAY]))
        finally:
            installation.resting.pop(rotation_id, None)
            if books.facts(installation.store, rotation_id) is not None:
                await installation.store.resume(rotation_id)
            installation.nudge()


async def rename(installation: Installation, rotation: Rotation, random: Random) -> None:
    """The same application and places under a new name: the new one inherits the books of the old one."""
    name = f"{rotation.name}x"
    installation.wanted = [replace(each, name=name) if each is rotation else each for each in installation.wanted]
    await installation.reload(what=f"{rotation.name} is now {name}")


async def retire(installation: Installation, rotation: Rotation, random: Random) -> None:
    """A definition is taken out, and put back some time later."""
    rotation_id = books.find(installation.store, rotation.name)
    if not rotation_id or rotation_id in installation.resting:
        return
    with installation.universe.hindered(f"{rotation.name} is taken out"):
        installation.wanted = [each for each in installation.wanted if each is not rotation]
        installation.resting[rotation_id] = installation.universe.time()
        try:
            await installation.reload(what=f"{rotation.name} is taken out")
            await asyncio.sleep(random.choice([_HOUR, 10 * _HOUR, _DAY]))
        finally:
            installation.resting.pop(rotation_id, None)
            installation.wanted = [*installation.wanted, rotation]
            await installation.reload(what=f"{rotation.name} is put back")


async def adopt(installation: Installation, rotation: Rotation, random: Random) -> None:
    """Somebody makes a key by hand, puts it into every place, and tells us to take it as our own, in any order."""
    universe = installation.universe
    target = next(a for a in universe.applications if a.client_id == rotation.application.client_id)
    if target.personal or target.deleted_at is not None or universe.simulation.entra.tenant.default_policy.enabled:
        return
    rules = tuple(replace(rule, adopt=True) for rule in rotation.destinations)
    await installation.edit(rotation.name, "adopts what is there", destinations=rules)
    rotation_id = books.find(installation.store, rotation.name)
    content = by_hand(installation, target, random)
    first = random.random() < 0.5
    if first:
        await installation.ask(rotation_id, "adopt", key_id=content.key_id)
        await asyncio.sleep(random.choice([0.0, 60.0, _HOUR]))
    for rule in rules:
        place = installation.places.place(rule.name)
        place.put(content)
        place.harmed_at = universe.time()
        universe.write(f"somebody puts {content.key_id[:8]}, made by hand, into {place.name}")
    if not first:
        await asyncio.sleep(random.choice([0.0, 60.0, _HOUR]))
        await installation.ask(rotation_id, "adopt", key_id=content.key_id)


def _somewhere(work: Callable[[Installation, Rotation, Random], Coroutine[object, object, None]]) -> Trouble:
    """The same, done to any rotation that is defined now."""

    async def done(universe: Universe, random: Random) -> None:
        defined = [(each, rotation) for each in universe.installations for rotation in each.wanted]
        if defined:
            await work(*random.choice(defined), random)

    return done


KINDS: dict[str, tuple[int, Trouble]] = {
    "ask": (4, _somewhere(ask)),
    "reschedule": (1, _somewhere(reschedule)),
    "add-place": (1, _somewhere(add_place)),
    "drop-place": (1, _somewhere(drop_place)),
    "pause": (1, _somewhere(pause)),
    "rename": (1, _somewhere(rename)),
    "retire": (1, _somewhere(retire)),
    "adopt": (1, _somewhere(adopt)),
}
