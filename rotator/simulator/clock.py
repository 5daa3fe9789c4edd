"""What time is it in the tenant, where days may pass in seconds?"""

from collections.abc import Callable
from datetime import datetime, timedelta


class TenantClock:
    """Tenant time: it starts at `start` (default: the real time) and passes `scale` times as fast as real time."""

    def __init__(self, real_now: Callable[[], datetime], *, start: datetime | None = None, scale: float = 1.0) -> None:
        self._real_now = real_now
        self._real_start = real_now()
        self._start = start or self._real_start
        self.scale = scale

    def now(self) -> datetime:
        """The tenant's time, aware, in UTC."""
        elapsed = self._real_now() - self._real_start
        return self._start + (elapsed if self.scale == 1.0 else elapsed * self.scale)

    def advance(self, seconds: float) -> None:
        """Let that many seconds of tenant time pass at once; a negative number turns the clock back."""
        self._start += timedelta(seconds=seconds)
