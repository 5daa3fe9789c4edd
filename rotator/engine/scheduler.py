"""When does the engine wake? APScheduler is the clock; it wakes the dispatcher and decides nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rotator.engine.dispatcher import Dispatcher
from rotator.engine.world import World
from rotator.errors import StoreUnavailable

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

_POLL_SECONDS = 15
_POLL_JITTER = 3
#: What is due and cannot be claimed (its application is leased) is tried again after this long at the earliest.
_LEAST_WAIT = timedelta(milliseconds=50)
_LONGEST_WAIT = timedelta(days=1)
#: Soon after the start, when the first rotations have had their turn.
_FIRST_HOUSEKEEPING = timedelta(seconds=20)


class Scheduler:
    """Runs the dispatcher until draining: at the next wake-up time, at every nudge, and by a poll as the safety net."""

    def __init__(
        self,
        world: World,
        dispatcher: Dispatcher,
        *,
        housekeeping: Callable[[], Awaitable[None]],
        beat: Callable[[], None],
        catch_up: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._world = world
        self._dispatcher = dispatcher
        self._housekeeping = housekeeping
        #: Called once a turn of the loop: proof that the scheduler itself is alive (systemd's watchdog).
        self._beat = beat
        #: Takes over what other nodes have changed, before anything is claimed.
        self._catch_up = catch_up
        self._clock: AsyncIOScheduler | None = None

    async def run(self) -> None:
        """Return when the daemon is draining."""
        self._clock = self._start_clock()
        draining = self._world.memory.draining
        try:
            while not draining.is_set():
                self._dispatcher.nudged.clear()
                await self._turn()
                await self._dispatcher.nudged.wait()
        finally:
            self._clock.shutdown(wait=False)

    def nudge(self) -> None:
        """There may be something to do."""
        self._dispatcher.nudged.set()

    async def _turn(self) -> None:
        self._beat()
        try:
            if self._catch_up is not None:
                await self._catch_up()
            while await self._dispatcher.fill():
                pass
            await self._set_alarm()
        except StoreUnavailable:
            # Not an end: the poll tries again; readiness says so meanwhile.
            return

    async def _set_alarm(self) -> None:
        wake_at = await self._world.store.next_wake()
        if wake_at is None or self._clock is None:
            return
        now = await self._world.store.now()
        # Scaled time runs faster than the clock we wait on.
        wait = min(_LONGEST_WAIT, max(_LEAST_WAIT, (wake_at - now) / self._world.clockwatch.pace))
        if wait <= _LEAST_WAIT and self._dispatcher.busy:
            # It waits for a visit that is under way, whose end nudges us.
            wait = timedelta(seconds=1)
        self._clock.add_job(
            self.nudge,
            "date",
            run_date=self._host_time() + wait,
            id="wake",
            replace_existing=True,
            misfire_grace_time=None,
        )

    def _start_clock(self) -> AsyncIOScheduler:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        clock = AsyncIOScheduler(timezone=UTC)
        clock.add_job(
            self.nudge,
            "interval",
            seconds=_POLL_SECONDS,
            jitter=_POLL_JITTER,
            id="poll",
            max_instances=1,
            coalesce=True,
        )
        clock.add_job(
            self._housekeeping,
            "interval",
            hours=1,
            id="housekeeping",
            next_run_time=self._host_time() + _FIRST_HOUSEKEEPING,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        clock.start()
        return clock

    def _host_time(self) -> datetime:
        return self._world.clock.now()
