"""What goes wrong? Crashes, stops, cuts, lost answers, lagging reads, dead places, restored databases, wrong clocks, people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from rotator.domain.model import Rotation
from tests.simulation.laws import Laws
from tests.simulation.universe import Universe

_MATCHES = ("addPassword", "removePassword", "token", "getApplication", "Password", "application")


class Chaos:
    """Strikes at seeded times, several troubles at once; each ends by itself or when the story relents."""

    def __init__(self, universe: Universe, laws: Laws, rotations: list[Rotation]) -> None:
        self._universe = universe
        self._laws = laws
        self._rotations = rotations
        self._random = universe.random
        self._backup: bytes | None = None
        self._restored = False
        self._jumped = False

    async def rage(self, span: timedelta) -> None:
        """Trouble every few hours."""
        loop = asyncio.get_running_loop()
        until = loop.time() + span.total_seconds()
        while loop.time() < until:
            await asyncio.sleep(self._random.expovariate(1 / timedelta(hours=9).total_seconds()))
            strike = self._random.choice(self._strikes())
            self._universe.background(strike())

    async def relent(self) -> None:
        """Everything works again."""
        universe = self._universe
        universe.calm()
        universe.simulation.entra.faults.clear()
        universe.simulation.entra.tenant.settle()
        universe.database_jump = timedelta(0)
        for place in universe.places.all.values():
            place.down = False
        for name in universe.node_names:
            node = universe.nodes.get(name) or universe.start(name)
            node.gate.open()
            node.transport.cut = node.store.cut_off = False
        universe.write("all trouble is over")
        await asyncio.sleep(0)

    def _strikes(self) -> list[Callable[[], Awaitable[None]]]:
        return [
            self._lost_answers, self._lost_answers, self._lost_answers, self._lagging, self._crash, self._crash,
            self._crash_soon, self._crash_soon, self._stop, self._stop, self._cut_graph, self._cut_store,
            self._dead_place, self._dead_place, self._ask, self._ask, self._foreign, self._restore, self._jump,
        ]  # fmt: skip

    async def _lost_answers(self) -> None:
        effect: dict[str, object] = self._random.choice(
            [{"status": s} for s in (409, 429, 500, 502, 503, 504)] + [{"hang": True}, {"reset": True}]
        )
        if effect.get("status") == 429:
            effect["headers"] = self._random.choice([{}, {"Retry-After": "7"}, {"Retry-After": "100000"}])
        rule = {
            "match": self._random.choice(_MATCHES),
            "when": self._random.choice(["before", "after", "after"]),
            "times": self._random.randrange(1, 6),
            "probability": self._random.choice([1.0, 0.5]),
            **effect,
        }
        self._universe.simulation.entra.faults.add(rule)
        self._universe.write(f"fault: {rule}")

    async def _lagging(self) -> None:
        lag = {
            "delay": [0, self._random.choice([5, 60, 110])],
            "flap": {"probability": self._random.choice([0.0, 0.3]), "seconds": 60},
            "removalLag": [0, self._random.choice([0, 60])],
            "staleReads": {"probability": self._random.choice([0.0, 0.5]), "seconds": 100},
        }
        self._universe.simulation.entra.tenant.propagate(lag)
        self._universe.write(f"Entra lags: {lag}")

    async def _crash(self) -> None:
        name = self._random.choice(self._universe.node_names)
        self._universe.kill(name)
        await asyncio.sleep(self._random.choice([1.0, 120.0, 7200.0, 86400.0]))
        if name not in self._universe.nodes:
            self._universe.start(name, skew=timedelta(hours=self._random.choice([-1, 0, 0, 1])))

    async def _crash_soon(self) -> None:
        """At a moment when something is being done: right after the next thing that changes outside."""
        name = self._random.choice(self._universe.node_names)
        countdown = self._random.randrange(1, 4)

        def strike(_what: str) -> None:
            nonlocal countdown
            countdown -= 1
            if countdown == 0:
                self._universe.kill(name)

        self._universe.checks.append(strike)
        await asyncio.sleep(self._random.choice([3600.0, 86400.0]))
        self._universe.checks.remove(strike)
        if name not in self._universe.nodes:
            self._universe.start(name)

    async def _stop(self) -> None:
        """SIGSTOP for longer than a lease; others take over; it wakes in the middle of what it was doing."""
        name = self._random.choice(self._universe.node_names)
        node = self._universe.nodes.get(name)
        if node is None:
            return
        countdown = self._random.randrange(1, 6)

        def strike(_what: str) -> None:
            nonlocal countdown
            countdown -= 1
            if countdown == 0:
                self._universe.write(f"{node.name} is stopped")
                node.gate.shut()

        self._universe.checks.append(strike)
        for other in self._universe.nodes.values():
            other.dispatcher.nudged.set()
        await asyncio.sleep(self._random.choice([1800.0, 86400.0, 172800.0]))
        self._universe.checks.remove(strike)
        self._universe.write(f"{node.name} goes on")
        node.gate.open()

    async def _cut_graph(self) -> None:
        await self._cut(lambda node, cut: setattr(node.transport, "cut", cut), "Entra")

    async def _cut_store(self) -> None:
        await self._cut(lambda node, cut: setattr(node.store, "cut_off", cut), "the database")

    async def _cut(self, switch: Callable[[object, bool], None], what: str) -> None:
        node = self._universe.nodes.get(self._random.choice(self._universe.node_names))
        if node is None:
            return
        self._universe.write(f"{node.name} is cut off from {what}")
        switch(node, True)
        await asyncio.sleep(self._random.choice([60.0, 600.0, 20000.0]))
        switch(node, False)

    async def _dead_place(self) -> None:
        places = list(self._universe.places.all.values())
        if not places:
            return
        place = self._random.choice(places)
        place.down = True
        self._universe.write(f"{place.name} is down")

        async def back() -> None:
            await asyncio.sleep(self._random.choice([600.0, 40000.0, 200000.0]))
            place.down = False
            self._universe.write(f"{place.name} is back")

        self._universe.background(back())

    async def _ask(self) -> None:
        rotation = self._random.choice(self._rotations)
        kind = self._random.choice(["rotate", "rotate", "rotate", "deliver", "revoke", "compromised"])
        await self._universe.ask(rotation, kind)

    async def _foreign(self) -> None:
        """Somebody else adds a credential by hand; it is none of ours."""
        tenant = self._universe.simulation.entra.tenant
        application = self._random.choice(self._universe.simulation.population.applications)
        password, _ = tenant.passwords.add(application, display_name="made by hand")
        self._laws.foreign.add(password.key_id)

    async def _restore(self) -> None:
        """The database is replaced by a copy of some days ago; a person decides what to do about it."""
        if self._backup is None:
            self._backup = self._universe.snapshot()
            self._universe.write("a backup is made")
            return
        if self._restored:
            return
        self._restored = True
        self._universe.restore(self._backup)
        await asyncio.sleep(60)
        for name in self._universe.node_names:
            self._universe.start(name)
        self._universe.background(self._person())

    async def _person(self) -> None:
        """Looks in now and then, and runs `rotator rotate` where the rotation is held."""
        while True:
            await asyncio.sleep(timedelta(hours=12).total_seconds())
            for facts in await self._universe.store.facts():
                if facts.standing.hold:
                    await self._universe.ask(facts.rotation, "rotate")

    async def _jump(self) -> None:
        if self._jumped or self._restored:
            return
        self._jumped = True
        self._universe.database_jump = timedelta(days=self._random.choice([-365, -2, 3, 365]))
        self._universe.write(f"the database's clock jumps by {self._universe.database_jump}")
        for node in self._universe.nodes.values():
            node.dispatcher.nudged.set()
        await asyncio.sleep(self._random.choice([600.0, 7200.0]))
        self._universe.database_jump = timedelta(0)
        self._universe.write("the database's clock is right again")
        for node in self._universe.nodes.values():
            node.dispatcher.nudged.set()
