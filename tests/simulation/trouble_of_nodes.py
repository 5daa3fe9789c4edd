"""What goes wrong with our own processes and their database? Crashes, stops, cuts, wrong clocks, restored databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from random import Random

from tests.simulation.installation import Installation
from tests.simulation.node import Node
from tests.simulation.universe import Trouble, Universe

_HOUR, _DAY = 3600.0, 86400.0
#: An attempt calls the outside about so often; strikes fall anywhere within.
_MOST_PASSES = 70
#: From the last process of the newer books to the first of the older ones; stale reads are shorter.
_RESTORING = 180.0


async def crash(universe: Universe, random: Random) -> None:
    """A process is killed at any time, and comes back with a host clock that may be wrong."""
    installation, name = _one(universe, random)
    await _killed(installation, name, random)


async def crash_within(universe: Universe, random: Random) -> None:
    """A process is killed in the middle of its work: between two calls to the outside."""
    installation, name = _one(universe, random)
    node = installation.nodes.get(name)
    if node is None:
        return
    struck = asyncio.Event()
    node.gate.strike_after(random.randrange(1, _MOST_PASSES), struck.set)
    await _or_never(struck, node)
    if struck.is_set() and installation.nodes.get(name) is node:
        await _killed(installation, name, random)


async def stop_within(universe: Universe, random: Random) -> None:
    """SIGSTOP for longer than a lease; others take over; it wakes in the middle of what it was doing."""
    installation, name = _one(universe, random)
    node = installation.nodes.get(name)
    if node is None:
        return
    struck = asyncio.Event()

    def strike() -> None:
        node.gate.shut()
        struck.set()

    node.gate.strike_after(random.randrange(1, _MOST_PASSES), strike)
    await _or_never(struck, node)
    if not struck.is_set():
        return
    with universe.hindered(f"{node.name} is stopped"):
        try:
            installation.nudge_later()
            await asyncio.sleep(random.choice([100.0, 300.0, 1800.0, _DAY]))
        finally:
            node.gate.open()


async def drain(universe: Universe, random: Random) -> None:
    """A process is told to end, and is replaced."""
    installation, name = _one(universe, random)
    node = installation.nodes.get(name)
    if node is None:
        return
    universe.write(f"{node.name} is told to end")
    try:
        await node.drain()
        await asyncio.sleep(random.choice([1.0, 600.0]))
    finally:
        if installation.nodes.get(name) is node:
            installation.kill(name)
        installation.start(name)


async def cut_from_entra(universe: Universe, random: Random) -> None:
    """A node's network to Entra is cut."""
    node = _a_node(universe, random)
    if node is not None:
        await _cut(
            universe, random, f"{node.name} is cut off from Entra", lambda cut: setattr(node.transport, "cut", cut)
        )


async def cut_from_store(universe: Universe, random: Random) -> None:
    """A node's network to the database is cut."""
    node = _a_node(universe, random)
    if node is not None:
        await _cut(
            universe,
            random,
            f"{node.name} is cut off from its database",
            lambda cut: setattr(node.store, "cut_off", cut),
        )


async def back_up(universe: Universe, random: Random) -> None:
    """A backup is made, at any time or in the middle of an attempt."""
    installation, name = _one(universe, random)
    node = installation.nodes.get(name)
    if node is not None and random.random() < 0.7:
        struck = asyncio.Event()
        node.gate.strike_after(random.randrange(1, _MOST_PASSES), struck.set)
        await _or_never(struck, node)
    installation.backups.append(installation.snapshot())
    universe.write(f"{installation.id}: backup {len(installation.backups)} is made")


async def restore(universe: Universe, random: Random) -> None:
    """The database is replaced by a copy of some days ago; a person decides later what to do about it."""
    installation = random.choice(universe.installations)
    if not installation.backups:
        installation.backups.append(installation.snapshot())
        return
    with universe.hindered(f"the database of {installation.id} is restored"):
        number = random.randrange(len(installation.backups))
        universe.write(f"{installation.id}: backup {number + 1} is taken")
        installation.restore(installation.backups[number])
        try:
            await asyncio.sleep(_RESTORING)
            await installation.reload()
            _give_up_dropped_places(installation)
        finally:
            for name in installation.node_names:
                installation.start(name)
        # Until somebody has looked.
        await asyncio.sleep(_DAY)


async def wrong_clock(universe: Universe, random: Random) -> None:
    """The database's clock is set wrong by minutes, days or years, and right again."""
    installation = random.choice(universe.installations)
    jump = random.choice(
        [timedelta(minutes=7), timedelta(hours=10), timedelta(days=3), timedelta(days=400)]
    ) * random.choice([-1, 1])
    with universe.hindered(f"the clock of {installation.id} is wrong"):
        installation.set_clock(jump)
        installation.nudge()
        try:
            await asyncio.sleep(random.choice([600.0, 1800.0, 3600.0, 9000.0]))
        finally:
            installation.set_clock(timedelta(0))
            installation.nudge()


def _give_up_dropped_places(installation: Installation) -> None:
    """Older books cannot know what was dropped since: whoever restores them sees that nobody reads it any more."""
    named = {rule.name for rotation in installation.wanted for rule in rotation.destinations}
    for place in installation.places.all.values():
        place.left = place.left or place.name not in named


async def _killed(installation: Installation, name: str, random: Random) -> None:
    with installation.universe.hindered(f"{name} is gone"):
        installation.kill(name)
        try:
            await asyncio.sleep(random.choice([1.0, 120.0, 7200.0, _DAY]))
        finally:
            installation.start(name, skew=timedelta(hours=random.choice([-1, 0, 0, 1])))


async def _or_never(struck: asyncio.Event, node: Node) -> None:
    """Wait until it strikes, which it may not do for days."""
    try:
        async with asyncio.timeout(2 * _DAY):
            await struck.wait()
    except TimeoutError:
        pass
    finally:
        node.gate.strike_after(0, None)


async def _cut(universe: Universe, random: Random, what: str, switch: Callable[[bool], None]) -> None:
    with universe.hindered(what):
        switch(True)
        try:
            await asyncio.sleep(random.choice([60.0, 600.0, 20000.0]))
        finally:
            switch(False)


def _one(universe: Universe, random: Random) -> tuple[Installation, str]:
    installation = random.choice(universe.installations)
    return installation, random.choice(installation.node_names)


def _a_node(universe: Universe, random: Random) -> Node | None:
    installation, name = _one(universe, random)
    return installation.nodes.get(name)


KINDS: dict[str, tuple[int, Trouble]] = {
    "crash": (1, crash),
    "crash-within": (4, crash_within),
    "stop-within": (4, stop_within),
    "drain": (1, drain),
    "cut-from-entra": (1, cut_from_entra),
    "cut-from-store": (1, cut_from_store),
    "backup": (2, back_up),
    "restore": (1, restore),
    "wrong-clock": (1, wrong_clock),
}
