"""How does the daemon answer signals, and how does it stop? Everything it does in between is the scheduler's."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from rotator.engine.alive import Life
from rotator.engine.bell import Ringing
from rotator.engine.dispatcher import Dispatcher
from rotator.engine.scheduler import Scheduler
from rotator.errors import ConfigError, RotatorError

#: After an abort, for cancelled visits to let go of their connections.
_LAST_WORDS = timedelta(seconds=5)

_log = structlog.get_logger("rotator.daemon")


@dataclass(frozen=True, slots=True)
class Orders:
    """What the daemon does on signals; made by whoever built it."""

    #: SIGHUP: read the configuration again, take it over whole, say what changed. Raises RotatorError: nothing changed.
    reload: Callable[[], Awaitable[str]]
    #: SIGUSR1: ask for manual rotations; returns how many.
    rotate: Callable[[], Awaitable[int]]
    #: SIGUSR2: the state to log, without secrets.
    state: Callable[[], Awaitable[Mapping[str, object]]]
    #: What `systemctl status` shows while all is well.
    status: Callable[[], str]
    drain_timeout: Callable[[], timedelta]


class Daemon:
    """Runs the scheduler until SIGTERM or SIGINT; the signals are those of the documentation's page on commands."""

    def __init__(
        self, dispatcher: Dispatcher, scheduler: Scheduler, *, orders: Orders, life: Life, bell: Ringing
    ) -> None:
        self._dispatcher = dispatcher
        self._scheduler = scheduler
        self._orders = orders
        self._life = life
        self._bell = bell
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._errands: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Return when everything has stopped. Raises what ended the scheduler, should it end by itself."""
        loop = asyncio.get_running_loop()
        handlers = {
            signal.SIGTERM: self.stop,
            signal.SIGINT: self.stop,
            signal.SIGHUP: lambda: self._errand(self._reload()),
            signal.SIGUSR1: lambda: self._errand(self._rotate()),
            signal.SIGUSR2: lambda: self._errand(self._show()),
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        self._bell.hang()
        try:
            await self._until_stopped()
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)
            self._bell.take_down()
            self._life.gone()

    async def _until_stopped(self) -> None:
        working = asyncio.create_task(self._scheduler.run())
        stopped = asyncio.create_task(self._stop.wait())
        self._life.ready(self._orders.status())
        _log.info("ready", status=self._orders.status())
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        await self._drain()
        self._scheduler.nudge()
        await working

    async def _drain(self) -> None:
        """Let every visit reach its next step boundary; a second signal, or the time being up, cuts them short."""
        timeout = self._orders.drain_timeout()
        self._life.stopping(f"stopping, {self._dispatcher.busy} visits to finish their step")
        _log.info("stopping", visits=self._dispatcher.busy, drain_timeout=timeout.total_seconds())
        draining = asyncio.create_task(self._dispatcher.drain())
        hurried = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({draining, hurried}, timeout=timeout.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not draining.done():
            _log.warning("cutting short what has not finished its step", visits=self._dispatcher.busy)
            self._dispatcher.abort()
            await asyncio.wait({draining}, timeout=_LAST_WORDS.total_seconds())
        for errand in list(self._errands):
            errand.cancel()
        _log.info("stopped")

    def stop(self) -> None:
        """Drain and end; a second time, without waiting."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        """Signals are answered beside the loop, one task each; none of them can end the daemon."""
        if self._stop.is_set():
            work.close()
            return
        task = asyncio.create_task(self._guarded(work))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except RotatorError as problem:
            _log.error("a signal could not be answered", problem=str(problem))
        except Exception:  # noqa: BLE001 - told loudly; a signal must not end the daemon
            _log.exception("a signal could not be answered")

    async def _reload(self) -> None:
        async with self._reloading:
            self._life.reloading()
            try:
                changed = await self._orders.reload()
            except ConfigError as refused:
                for problem in refused.problems:
                    _log.error("reload refused, the old configuration is in use", problem=problem)
                self._life.reloaded(f"{len(refused.problems)} mistakes, the first: {refused.problems[0]}")
            except RotatorError as refused:
                _log.error("reload refused, the old configuration is in use", problem=str(refused))
                self._life.reloaded(str(refused))
            else:
                _log.info("configuration reloaded", changed=changed)
                self._life.reloaded()
                self._scheduler.nudge()

    async def _rotate(self) -> None:
        count = await self._orders.rotate()
        _log.info("rotations asked for by SIGUSR1", count=count)
        self._scheduler.nudge()

    async def _show(self) -> None:
        _log.info("state", **await self._orders.state(), visits=self._dispatcher.busy)
