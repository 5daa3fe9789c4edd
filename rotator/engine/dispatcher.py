"""Who is looked at now? Claims what is due, up to a number at once, and visits each under its lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from rotator.engine.duties import visit
from rotator.engine.world import World
from rotator.errors import StoreError
from rotator.ports import Claim

_ASK_ENTRA_EVERY = 60.0

Trouble = Callable[[str, BaseException], None]


class Dispatcher:
    """At most `concurrency` visits at once. `trouble` is told of a visit that ended in an error, by rotation name."""

    def __init__(self, world: World, *, concurrency: int = 8, trouble: Trouble) -> None:
        self._world = world
        self._concurrency = concurrency
        self._trouble = trouble
        self._visits: set[asyncio.Task[None]] = set()
        self._asked_at = -_ASK_ENTRA_EVERY
        #: Set whenever there may be something to claim.
        self.nudged = asyncio.Event()

    @property
    def busy(self) -> int:
        """How many visits are under way."""
        return len(self._visits)

    def take(self, world: World, *, concurrency: int) -> None:
        """Visits that begin from now on see that world; those under way keep the one they began in."""
        self._world = world
        self._concurrency = concurrency

    async def fill(self, only: Collection[str] | None = None) -> int:
        """Claim what is due, as far as there is room, and begin to visit it; returns how many were begun."""
        room = await self._room()
        if room <= 0 or self._world.memory.draining.is_set():
            return 0
        taken_at = self._world.clock.monotonic()
        claims = await self._world.store.claim(self._world.holder, limit=room, ttl=self._world.pace.lease, only=only)
        for claim in claims:
            task = asyncio.create_task(self._visit(claim, taken_at))
            self._visits.add(task)
            task.add_done_callback(self._done)
        return len(claims)

    async def _room(self) -> int:
        """While the database's time is in doubt, one visit a minute asks Entra whether it still is (law L13)."""
        watch, clock = self._world.clockwatch, self._world.clock
        doubted = await self._in_doubt()
        if doubted and (self._visits or clock.monotonic() < self._asked_at + _ASK_ENTRA_EVERY):
            return 0
        if doubted or watch.was_uneasy:
            await self._wake_all(doubted=doubted)
        if not doubted:
            return self._concurrency - len(self._visits)
        self._asked_at = clock.monotonic()
        return 1

    async def _wake_all(self, *, doubted: bool) -> None:
        """Whatever a wrong clock has put off may lie years ahead, and with it the visit that asks Entra."""
        watch = self._world.clockwatch
        # Before the wait: a visit that doubts meanwhile may put something off that this does not wake.
        watch.was_uneasy = doubted
        try:
            await self._world.store.wake()
        except StoreError:
            watch.was_uneasy = True
            raise

    async def _in_doubt(self) -> bool:
        watch, clock = self._world.clockwatch, self._world.clock
        if not watch.uneasy:
            return False
        now = await self._world.store.now()
        watch.look(now, clock.monotonic())
        return bool(watch.doubt(now, clock.monotonic()))

    async def settle(self) -> None:
        """Return when no visit is under way."""
        while self._visits:
            await asyncio.wait(self._visits)

    async def drain(self) -> None:
        """Begin nothing new, let every visit stop at its next step boundary, and return when all have."""
        self._world.memory.draining.set()
        await self.settle()

    def abort(self) -> None:
        """Stop every visit where it stands; what was journalled is found again."""
        for task in self._visits:
            task.cancel()

    async def _visit(self, claim: Claim, taken_at: float) -> None:
        try:
            await visit(self._world, claim, taken_at=taken_at)
        except StoreError as problem:
            self._trouble(claim.facts.rotation.name, problem)
        except Exception as bug:  # noqa: BLE001 - told loudly; one visit must not end the daemon
            self._trouble(claim.facts.rotation.name, bug)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._visits.discard(task)
        self.nudged.set()
