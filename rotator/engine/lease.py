"""May we still act? Holds a lease, renews it in time, and fences ourselves off before it ends (law L8)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from rotator.domain.changes import Change
from rotator.domain.model import Lease
from rotator.domain.pacing import Line, Toll
from rotator.engine.world import World
from rotator.ports import Written

_MARGIN = timedelta(seconds=5)
#: One that claims to run for more than 15 minutes counts as taken under a wrong clock, and so as free.
_LONGEST = timedelta(minutes=14)


class Draining(Exception):
    """The daemon is stopping: leave the attempt open where it stands."""


class Hold:
    """A lease in our hands. `until` is reckoned on the monotonic clock from before the store was asked."""

    def __init__(self, world: World, lease: Lease, *, taken_at: float) -> None:
        self._world = world
        self.lease = lease
        self._until = taken_at + world.pace.lease.total_seconds()
        # Destinations are served side by side: one at a time changes the lease, or the next would hold a stale one.
        self._changing = asyncio.Lock()

    @property
    def token(self) -> int:
        """The fencing token."""
        return self.lease.token

    async def ensure(self, needed: timedelta) -> None:
        """Return only with more than `needed` left on the lease; renews it if need be. Raises LeaseLost."""
        if self._outlasts(needed):
            return
        async with self._changing:
            if self._outlasts(needed):
                return
            ttl = max(self._world.pace.lease, min(needed * 2 + _MARGIN, _LONGEST))
            asked_at = self._world.clock.monotonic()
            self.lease = await self._world.store.renew(self.lease, ttl)
            self._until = asked_at + ttl.total_seconds()

    async def write(
        self,
        changes: Sequence[Change],
        *,
        wake_at: datetime | None = None,
        release: bool = False,
        toll: Toll | None = None,
        line: Line | None = None,
    ) -> Written:
        """Make changes true under our token, which extends the lease.

        Raises LeaseLost, or LimitReached when the toll cannot be taken, with nothing written.
        """
        async with self._changing:
            asked_at = self._world.clock.monotonic()
            ttl = self._world.pace.lease
            written = await self._world.store.write(
                self.lease, changes, ttl=ttl, wake_at=wake_at, release=release, toll=toll, line=line
            )
            self.lease = written.lease
            self._until = asked_at + ttl.total_seconds()
            return written

    async def outrank(self, token: int) -> None:
        """A destination showed a token as high as ours or higher: rise above it (a restored database)."""
        async with self._changing:
            if token >= self.token:
                self.lease = await self._world.store.raise_token(self.lease, token)

    def _outlasts(self, needed: timedelta) -> bool:
        return self._until - self._world.clock.monotonic() > (needed + _MARGIN).total_seconds()

    async def sleep(self, wait: timedelta) -> None:
        """Wait with the lease kept alive. Raises Draining as soon as the daemon is to stop."""
        left = wait.total_seconds()
        chunk = self._world.pace.lease.total_seconds() / 3
        while left > 0:
            await self._nap(min(left, chunk))
            left -= chunk
            await self.ensure(timedelta(0))

    async def _nap(self, seconds: float) -> None:
        draining = self._world.memory.draining
        self.step_boundary()
        nap = asyncio.ensure_future(self._world.clock.sleep(seconds))
        stop = asyncio.ensure_future(draining.wait())
        try:
            await asyncio.wait({nap, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            stop.cancel()
        self.step_boundary()

    def step_boundary(self) -> None:
        """Raise Draining when the daemon is to stop."""
        if self._world.memory.draining.is_set():
            raise Draining
