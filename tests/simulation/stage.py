"""How is a short story told on purpose? One rotation, a few nodes, a script; then days of quiet, and the same laws."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rotator.domain.model import DestinationRule, VerifyRule
from tests.simulation import books, settled
from tests.simulation.definitions import a_rule, with_interval
from tests.simulation.laws import Laws
from tests.simulation.node import Node
from tests.simulation.places import Place
from tests.simulation.story import Account, close
from tests.simulation.universe import Universe
from tests.simulation.virtual import run_virtual

_SOON = timedelta(hours=2)
_TIDY = timedelta(days=4)
PLACE = "billing.place-1"

Script = Callable[["Stage"], Awaitable[None]]


def enact(script: Script, *, nodes: int = 1, **changes: Any) -> Account:
    """Play a script: its rotation runs every three days, and its secret lives on for a day after it was replaced."""
    return run_virtual(_enact(script, nodes, changes))


class Stage:
    """What a script acts upon."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self.installation = universe.installations[0]
        self.entra = universe.simulation.entra
        self.rotation_id = "simulate-rotation-1"

    @property
    def place(self) -> Place:
        """The one place that the rotation delivers to."""
        return self.installation.places.place(PLACE)

    @property
    def current(self) -> str:
        """The key id that the books call current."""
        facts = books.facts(self.installation.store, self.rotation_id)
        return facts.current.key_id if facts is not None and facts.current is not None else ""

    def node(self, line: str) -> Node:
        """The node that a line of the log is about."""
        return next(node for node in self.installation.nodes.values() if node.name in line)

    async def rotate(self) -> None:
        """Somebody asks for a rotation."""
        await self.installation.ask(self.rotation_id, "rotate")

    async def at(self, part: str, act: Callable[[str], None]) -> None:
        """Do it at the very moment at which the log says so; the script is wrong when it never does."""
        done = asyncio.Event()
        self.universe.when(part, act)
        self.universe.when(part, lambda _: done.set())
        async with asyncio.timeout(_SOON.total_seconds()):
            await done.wait()


async def sleep(**span: float) -> None:
    """Let that time pass."""
    await asyncio.sleep(timedelta(**span).total_seconds())


async def _enact(script: Script, nodes: int, changes: dict[str, Any]) -> Account:
    universe = Universe(1, applications=1)
    universe.laws = Laws(universe)
    installation = universe.install("simulate", nodes=nodes)
    plain = a_rule(installation, universe.applications[0], "billing", universe.random)
    timed = with_interval(
        replace(plain, overlap=timedelta(days=1), requires_approval=False), replace(plain.schedule, interval=3)
    )
    verify = VerifyRule(2, timedelta(seconds=5), timedelta(minutes=15))
    installation.wanted = [replace(timed, destinations=(DestinationRule(PLACE, "place"),), verify=verify, **changes)]
    await installation.reload()
    for name in installation.node_names:
        installation.start(name)
    await sleep(days=1)
    await script(Stage(universe))
    _repair(universe)
    await asyncio.sleep(_TIDY.total_seconds())
    settled.look_for_orphans(universe)
    await asyncio.sleep(_TIDY.total_seconds())
    settled.look_at_the_end(universe)
    return close(universe, 0, ())


def _repair(universe: Universe) -> None:
    """Whatever the script has broken works again."""
    universe.write("all trouble is over")
    universe.simulation.entra.faults.clear()
    universe.simulation.entra.tenant.settle()
    for installation in universe.installations:
        for place in installation.places.all.values():
            place.down = False
        for name in installation.node_names:
            installation.start(name).gate.open()
