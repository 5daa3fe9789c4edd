"""Who is told what happened, and again while it stands? In few messages, and never in the way of work."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Protocol

import structlog

from rotator.domain.events import Event
from rotator.domain.model import Facts
from rotator.domain.notices import FAILED, Kind, Notice, distance, notice_of, standing
from rotator.errors import StoreError
from rotator.observers.post import Post
from rotator.ports import Clock

#: What happens within it is told together, in seconds.
GATHERING = 10.0
#: How often it is looked what stands of which nothing was heard here, in seconds.
LOOKING = 3600.0
_AT_ONCE = 50
_MOST_HEARD = 5000
#: Nobody is told again of more than that.
_MOST_STANDING = 10_000

_log = structlog.get_logger("rotator.notifications")


class Books(Protocol):
    """What is asked of the store."""

    async def troubled(self, most: int) -> Sequence[str]:
        """Of rotations that have failed, are held or bear an alarm; so many at most."""

    async def facts(self, names: Collection[str] | None = None) -> Sequence[Facts]:
        """Of the rotations so named."""

    async def now(self) -> datetime:
        """The database's time."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is asked of the rest of the daemon."""

    books: Books
    clock: Clock
    #: Of several nodes one tells again what stands.
    leads: Callable[[], Awaitable[bool]]
    #: What stands beside rotations: the ends of connections' credentials.
    beside: Callable[[datetime], Iterable[Notice]]


@dataclass(slots=True)
class _Standing:
    notice: Notice
    told: int
    #: By the monotonic clock.
    next_at: float


class Notifier:
    """The port `Observer`. `run` does the telling; what cannot be told keeps nothing else from happening."""

    def __init__(self, posts: Sequence[Post], around: Surroundings) -> None:
        self.posts = list(posts)
        self._around = around
        self._heard: deque[Notice] = deque(maxlen=_MOST_HEARD)
        self._awake = asyncio.Event()
        self._standing: dict[tuple[str, str], _Standing] = {}
        self._look_at = around.clock.monotonic()

    def told(self, event: Event) -> None:
        """Keep what a person wants to know for the next message."""
        notice = notice_of(event)
        if notice is not None:
            self._heard.append(notice)
            self._awake.set()

    async def run(self) -> None:
        """Tell, for as long as it runs. A database that does not answer is asked again."""
        while True:
            await self._until_due()
            try:
                await self.turn()
            except StoreError as problem:
                _log.warning("notifications wait for the database", problem=str(problem))
                await self._around.clock.sleep(GATHERING)
            except Exception:  # noqa: BLE001 - told loudly; notifications must not end the daemon
                _log.exception("a notification was lost")

    async def turn(self) -> None:
        """Hand what has been heard, and what is to be told again, to every channel."""
        self._awake.clear()
        now = self._around.clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOKING
            await self._look()
        notices = [told for notice in self._take() if (told := self._new(notice)) is not None]
        notices += await self._again()
        await self._hand_out(notices)

    async def close(self) -> None:
        """Say what has been heard last, as far as the channels take it at once."""
        try:
            await self.turn()
        except StoreError:
            return
        await asyncio.gather(*(post.last_words() for post in self.posts))

    async def _until_due(self) -> None:
        """Something was heard, and some more may have been; or something is to be told again."""
        clock = self._around.clock
        coming = min([self._look_at, *(each.next_at for each in self._standing.values())])
        waiting = asyncio.ensure_future(self._awake.wait())
        sleeping = asyncio.ensure_future(clock.sleep(max(0.0, coming - clock.monotonic())))
        try:
            await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()
        if self._awake.is_set():
            await clock.sleep(GATHERING)

    def _take(self) -> list[Notice]:
        heard = list(self._heard)
        self._heard.clear()
        return heard

    def _new(self, notice: Notice) -> Notice | None:
        """The notice if it is news: what stands already is told again in its turn."""
        key = (notice.rotation, notice.code)
        if notice.kind is Kind.RECOVERY:
            self._standing.pop(key, None)
        elif notice.kind is Kind.SUCCESS and (notice.rotation, FAILED) in self._standing:
            del self._standing[notice.rotation, FAILED]
            return replace(notice, kind=Kind.RECOVERY)
        elif notice.code and key in self._standing:
            self._standing[key].notice = notice
            return None
        elif notice.code:
            self._stands(notice, told=1)
        return notice

    def _stands(self, notice: Notice, *, told: int) -> None:
        next_at = self._around.clock.monotonic() + distance(max(1, told)).total_seconds()
        self._standing[notice.rotation, notice.code] = _Standing(notice, told, next_at)

    async def _look(self) -> None:
        """What stands and was not heard of here, after a start or on another node, is told again from now on.

        What stands beside rotations is news: nobody else tells it.
        """
        now, leads = await self._around.books.now(), await self._around.leads()
        if leads:
            self._heard.extend(self._unknown(self._around.beside(now)))
        names = iter(await self._around.books.troubled(_MOST_STANDING) if leads else ())
        while some := list(islice(names, _AT_ONCE)):
            for notice in self._unknown(await self._standing_of(some, now)):
                self._stands(notice, told=0)
            await asyncio.sleep(0)

    def _unknown(self, notices: Iterable[Notice]) -> list[Notice]:
        return [notice for notice in notices if (notice.rotation, notice.code) not in self._standing]

    async def _again(self) -> list[Notice]:
        """What has stood for long enough, if it still does."""
        now = self._around.clock.monotonic()
        due = {key: each for key, each in self._standing.items() if each.next_at <= now}
        if not due:
            return []
        leads, at = await self._around.leads(), await self._around.books.now()
        found = [*await self._standing_of({name for name, _ in due}, at), *self._around.beside(at)]
        stands = {(each.rotation, each.code): each for each in found}
        told = []
        for key, each in due.items():
            notice = stands.get(key)
            if notice is None:
                del self._standing[key]
                continue
            if leads:
                told.append(replace(notice, again=each.told))
            self._stands(notice, told=each.told + 1)
        return told

    async def _standing_of(self, names: Collection[str], at: datetime) -> list[Notice]:
        return [notice for facts in await self._around.books.facts(names) for notice in standing(facts, at)]

    async def _hand_out(self, notices: Sequence[Notice]) -> None:
        if not notices:
            return
        labels = await self._labels({notice.rotation for notice in notices})
        named = [replace(notice, labels=labels.get(notice.rotation, {})) for notice in notices]
        for post in self.posts:
            post.take(named)

    async def _labels(self, names: Collection[str]) -> Mapping[str, Mapping[str, str]]:
        return {facts.rotation.name: facts.rotation.labels for facts in await self._around.books.facts(names)}
