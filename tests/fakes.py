"""What stands in for the world in tests? A clock that moves when told and chance that repeats itself."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class ManualClock:
    """Time stands still until `advance`; a sleeper wakes as soon as its time has come."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = (self._monotonic + seconds, future)
        self._sleepers.append(sleeper)
        try:
            await future
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def advance(self, span: timedelta | float) -> None:
        """Both clocks move; whoever has slept long enough is woken (and runs when the loop gets its turn)."""
        seconds = span.total_seconds() if isinstance(span, timedelta) else span
        self._monotonic += seconds
        self._now += timedelta(seconds=seconds)
        for wake_at, future in sorted(self._sleepers, key=lambda sleeper: sleeper[0]):
            if wake_at <= self._monotonic and not future.done():
                future.set_result(None)

    def jump(self, span: timedelta) -> None:
        """Somebody sets the wall clock; monotonic time takes no notice."""
        self._now += span

    @property
    def next_wake(self) -> float | None:
        """Seconds until the first sleeper wakes, or None when nobody sleeps."""
        return min((wake_at - self._monotonic for wake_at, _ in self._sleepers), default=None)


class SeededChance:
    """The same noise and letters for the same seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def noise(self) -> float:
        return self._random.uniform(-1, 1)

    def letters(self, count: int) -> str:
        return "".join(self._random.choices(_ALPHABET, k=count))
