"""What time is it really? The only module that asks the machine; everything else is handed a clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, as the port `Clock` asks for it.

    `now()` is for showing, and for suspicion of other clocks; dates are judged by the database's time (law L13).
    """

    def now(self) -> datetime:
        """This instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never goes back, is not moved by whoever sets the clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait; a negative span is no wait, though other tasks get their turn."""
        await asyncio.sleep(max(0.0, seconds))
