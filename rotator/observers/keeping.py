"""How are the numbers kept up to date? What has changed is read again soon, and everything else in its turn.

Where there are more rotations than are told one by one, the others are counted by the database and never read: what is
kept grows with those that need somebody, and not with those that exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

import structlog

from rotator.domain.model import Facts
from rotator.domain.overview import Tally
from rotator.errors import StoreError
from rotator.observers.metrics import Metrics
from rotator.ports import Clock

#: Seconds between two looks.
EVERY = 15.0
#: So many rotations are read at each look beside those that have changed, and so many of those that need attention:
#: 10,000 take twelve minutes and a half, and a third of a percent of a core.
_IN_TURN = 200
#: So many are read from the books and turned into text at once, so that the loop is not held up.
_AT_ONCE = 50
#: Seconds between two counts of very many, which read a row of each.
_COUNTING = 300.0

_log = structlog.get_logger("rotator.metrics")


class Books(Protocol):
    """What is asked of the store."""

    async def count(self) -> int:
        """How many rotations are not retired."""

    async def names(self) -> Sequence[str]:
        """Of all rotations that are not retired."""

    async def in_need(self, most: int) -> Sequence[str]:
        """Of those that may need attention; so many at most."""

    async def tally(self) -> Tally:
        """How all of them stand."""

    async def facts(self, names: Collection[str] | None = None) -> Sequence[Facts]:
        """Of the rotations so named."""

    async def now(self) -> datetime:
        """The database's time."""

    async def next_wake(self) -> datetime | None:
        """The earliest wake-up time of a rotation that nobody has leased."""


class Keeper:
    """Looks into the books for as long as it runs. Other nodes' doings are seen in their turn."""

    def __init__(
        self,
        metrics: Metrics,
        books: Books,
        clock: Clock,
        *,
        pace: Callable[[], float] = lambda: 1.0,
        differing: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """`pace`: so many seconds of the database's time pass in one. `differing`: do the nodes' definitions?"""
        self._metrics = metrics
        self._books = books
        self._clock = clock
        self._pace = pace
        self._differing = differing
        self._waiting: list[str] = []
        #: By the monotonic clock.
        self._count_at = clock.monotonic()
        #: The database's time, and the monotonic one at which it was read.
        self._read_at = (clock.now(), clock.monotonic())

    async def run(self) -> None:
        """Look at everything, then look again for ever; a database that does not answer is asked again."""
        await self._guarded(self._everything)
        while True:
            await self._clock.sleep(EVERY)
            await self._guarded(self.look)

    async def look(self) -> None:
        """Once: at what has changed, and at the next few in turn."""
        changed, self._metrics.changed = self._metrics.changed, set()
        try:
            if not self._waiting:
                await self._begin_again()
            await self._take_time()
            in_need = islice(self._metrics.standings.in_need(self._read_at[0].timestamp()), _IN_TURN)
            await self._learn([*changed, *in_need, *self._next(_IN_TURN)])
            self._let_go()
        except StoreError:
            self._metrics.changed |= changed
            raise

    def text(self) -> Iterator[str]:
        """The answer to a scrape; nothing is waited for."""
        at, monotonic = self._read_at
        now = at + timedelta(seconds=(self._clock.monotonic() - monotonic) * self._pace())
        return self._metrics.text(now)

    async def _everything(self) -> None:
        await self._take_time()
        await self._begin_again()
        await self._learn(self._next(len(self._waiting)))
        self._let_go()

    async def _begin_again(self) -> None:
        standings = self._metrics.standings
        await self._count()
        if standings.tally is None:
            self._waiting = list(await self._books.names())
        else:
            self._waiting = list(await self._books.in_need(standings.per_rotation))
        standings.forget(set(standings.names()) - set(self._waiting))

    async def _count(self) -> None:
        """Are there too many to know each? Then how they stand is counted now and then."""
        standings, now = self._metrics.standings, self._clock.monotonic()
        if standings.tally is not None and now < self._count_at:
            return
        self._count_at = now + _COUNTING
        are_many = await self._books.count() > standings.per_rotation
        standings.tally = await self._books.tally() if are_many else None

    def _let_go(self) -> None:
        if self._metrics.standings.tally is not None:
            self._metrics.standings.forget_all_but_in_need(self._read_at[0].timestamp())

    def _next(self, most: int) -> list[str]:
        found, self._waiting = self._waiting[:most], self._waiting[most:]
        return found

    async def _learn(self, names: Sequence[str]) -> None:
        left = iter(dict.fromkeys(names))
        while some := list(islice(left, _AT_ONCE)):
            found = await self._books.facts(some)
            self._metrics.standings.forget(some)
            self._metrics.standings.learn(found)
            await asyncio.sleep(0)

    async def _take_time(self) -> None:
        now = await self._books.now()
        self._read_at = now, self._clock.monotonic()
        wake_at = await self._books.next_wake()
        self._metrics.lag = max(0.0, (now - wake_at).total_seconds()) if wake_at is not None else 0.0
        if self._differing is not None:
            self._metrics.differing = await self._differing()

    async def _guarded(self, look: Callable[[], Awaitable[None]]) -> None:
        try:
            await look()
        except StoreError as problem:
            _log.warning("the numbers are not up to date", problem=str(problem))
        except Exception:  # noqa: BLE001 - told loudly; the numbers must not end the daemon
            _log.exception("the numbers are not up to date")
