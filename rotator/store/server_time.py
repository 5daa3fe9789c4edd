"""What time is it at the server? Taken with every transaction, and carried on by monotonic time in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from rotator.errors import StoreUnavailable
from rotator.store.rows import instant, micros, span_micros
from rotator.store.session import Times


class ServerTime:
    """Shared by all sessions of one store. A host whose own clock is wrong changes nothing (law L13)."""

    def __init__(self, times: Times, monotonic: Callable[[], float] | None) -> None:
        """Without `monotonic` the time stands still between two answers."""
        self._times = times
        self._monotonic = monotonic or (lambda: 0.0)
        self._last: tuple[int, float] | None = None

    def said(self, server: int) -> tuple[int, int]:
        """The server has just told its time: the real time to reckon with, and the offset, in microseconds."""
        real = server if self._times.database is None else micros(self._times.database())
        self._last = real, self._monotonic()
        return real, span_micros(self._times.offset())

    def now(self) -> datetime:
        """The time as it must be by now, plus the offset."""
        return self.real() + self._times.offset()

    def real(self) -> datetime:
        """The time as it must be by now."""
        if self._times.database is not None:
            return self._times.database()
        if self._last is None:
            raise StoreUnavailable("The database has not told its time yet", hint="Nothing was recorded.")
        real, at = self._last
        return instant(real) + timedelta(seconds=self._monotonic() - at)
