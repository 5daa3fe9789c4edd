"""Who hears at once of what happens? Every reader of the stream of events; none of them can hold up another or us."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, deque
from dataclasses import dataclass

from rotator.domain.events import Event
from rotator.web.refusals import TooMany, Unavailable

#: So many past events are kept for who comes back with the id of the last one he has seen.
KEPT = 1000
#: A reader with more than this before him is too slow: his stream ends, and he comes back for the rest.
MOST_WAITING = 256
_MOST_READERS, _MOST_EACH = 100, 20
_AGAIN = 30


@dataclass(frozen=True, slots=True)
class Told:
    """One event, and the id it is resumed by."""

    id: str
    event: Event


class Reader:
    """What waits for one reader; `ended` when there will be no more."""

    def __init__(self) -> None:
        self._waiting: deque[Told] = deque()
        self._news = asyncio.Event()
        self.ended = False

    def put(self, told: Told) -> None:
        """Give him one more, or give him up."""
        if len(self._waiting) >= MOST_WAITING:
            self.end()
            return
        self._waiting.append(told)
        self._news.set()

    def end(self) -> None:
        """Tell him that there will be no more."""
        self.ended = True
        self._news.set()

    async def take(self, patience: float) -> list[Told]:
        """All that waits, as soon as anything does; nothing after so many seconds, or at the end."""
        try:
            async with asyncio.timeout(patience):
                await self._news.wait()
        except TimeoutError:
            return []
        self._news.clear()
        found = list(self._waiting)
        self._waiting.clear()
        return found


class Broadcast:
    """The port `Observer`: keeps the latest events and hands each to every reader. Ids are those of one run."""

    def __init__(self, *, kept: int = KEPT, beat: float = 15.0) -> None:
        """`beat` is how often a reader hears that we are alive, and is looked at anew, in seconds."""
        self.beat = beat
        self._run = secrets.token_hex(4)
        self._told = 0
        self._kept: deque[Told] = deque(maxlen=kept)
        self._readers: dict[Reader, str] = {}
        self._closed = False

    def told(self, event: Event) -> None:
        """Keep it and hand it on."""
        self._told += 1
        told = Told(f"{self._run}-{self._told}", event)
        self._kept.append(told)
        for reader in self._readers:
            reader.put(told)

    def close(self) -> None:
        """End every stream and refuse new ones."""
        self._closed = True
        for reader in self._readers:
            reader.end()

    def enter(self, who: str) -> Reader:
        """A reader, until he leaves. Raises Unavailable while stopping, TooMany."""
        if self._closed:
            raise Unavailable("The daemon is stopping", retry_after=_AGAIN)
        if len(self._readers) >= _MOST_READERS or Counter(self._readers.values())[who] >= _MOST_EACH:
            raise TooMany("Too many streams of events are open", retry_after=_AGAIN)
        reader = Reader()
        self._readers[reader] = who
        return reader

    def leave(self, reader: Reader) -> None:
        """Keep nothing more for him."""
        del self._readers[reader]

    @property
    def readers(self) -> int:
        """How many there are now."""
        return len(self._readers)

    def since(self, last: str) -> list[Told] | None:
        """What came after the event of that id; None when that cannot be told any more."""
        run, _, number = last.partition("-")
        if run != self._run or not (number.isascii() and number.isdigit() and len(number) < 19):
            return None
        missed = self._told - int(number)
        if missed < 0 or missed > len(self._kept):
            return None
        return list(self._kept)[len(self._kept) - missed :]
