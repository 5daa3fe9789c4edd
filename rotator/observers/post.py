"""What happens to a notice until its channel has taken it? It waits, is sent with others, and is sent again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from rotator.domain.notices import Kind, Notice
from rotator.ports import Clock

#: At most so many are told in one message; of the others it says how many there are.
MOST_TOLD = 20
#: Between two messages of one channel, in seconds.
SPACING = 30.0
_MOST_WAITING = 1000
_RETRIES = (60.0, 120.0, 240.0, 480.0, 900.0)
_LAST_WORDS = 5.0

_log = structlog.get_logger("rotator.notifications")


class Unsent(Exception):
    """A message was not taken; `for_good`: nor would it be another time."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.for_good = for_good


class Channel(Protocol):
    """Sends one message. Raises Unsent, and nothing else."""

    @property
    def name(self) -> str:
        """As the log names it."""

    async def send(self, notices: Sequence[Notice], more: int) -> None:
        """These, and say that there are so many more."""


@dataclass(frozen=True, slots=True)
class Route:
    """What a channel is told: these kinds, of rotations that bear all these labels."""

    kinds: frozenset[Kind]
    labels: Mapping[str, str] = field(default_factory=dict)

    def takes(self, notice: Notice) -> bool:
        """Is it told that?"""
        bears = all(notice.labels.get(name) == value for name, value in self.labels.items())
        return notice.kind in self.kinds and bears


class Post:
    """One channel with what waits for it. A channel that fails holds up no other."""

    def __init__(self, channel: Channel, route: Route, clock: Clock, *, spacing: float = SPACING) -> None:
        self.channel = channel
        self.route = route
        self._clock = clock
        self._spacing = spacing
        self._waiting: deque[Notice] = deque(maxlen=_MOST_WAITING)
        self._full = asyncio.Event()

    def take(self, notices: Sequence[Notice]) -> None:
        """Keep those that are for this channel; of a thousand the oldest make room."""
        self._waiting += [notice for notice in notices if self.route.takes(notice)]
        if self._waiting:
            self._full.set()

    async def run(self) -> None:
        """Send, for as long as it runs."""
        failed = 0
        while True:
            await self._full.wait()
            sent = await self.send()
            failed = 0 if sent else failed + 1
            await self._clock.sleep(self._spacing if sent else _RETRIES[min(failed, len(_RETRIES)) - 1])

    async def send(self) -> bool:
        """Send all that waits as one message; False when it is to be tried again."""
        batch = list(self._waiting)
        self._full.clear()
        if not batch:
            return True
        try:
            await self.channel.send(batch[:MOST_TOLD], len(batch) - len(batch[:MOST_TOLD]))
        except Unsent as problem:
            say = _log.error if problem.for_good else _log.warning
            say("a notification was not taken", channel=self.channel.name, why=problem.why)
            if not problem.for_good:
                self._full.set()
                return False
        except Exception:  # noqa: BLE001 - told loudly; one channel's bug must not keep the others from being told
            _log.exception("a notification was lost", channel=self.channel.name)
        for _ in batch:
            with suppress(IndexError):
                self._waiting.popleft()
        return True

    async def last_words(self) -> None:
        """Try once more before the end, shortly."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self.send()
