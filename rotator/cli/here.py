"""How is work done in this very process, by a command and not by the daemon? Until it is done, or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from rotator.app import Engine
from rotator.domain.due import NotDue, due
from rotator.domain.model import Facts, Request

#: What is waited for is looked at again at least this often, in seconds.
_LOOK = 1.0
#: So many rotations for each that may be visited at once are looked at in one turn.
_TURNS = 4
#: Told of a rotation that cannot go on yet, of the reason, and of when it may.
Waiting = Callable[[str, str, datetime | None], None]


class Stop:
    """While in force, SIGINT and SIGTERM let visits end at their next step boundary; a second one cuts them short."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        #: Somebody has asked for it.
        self.asked = False
        self._signals = (signal.SIGINT, signal.SIGTERM)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in self._signals:
            loop.add_signal_handler(number, self._stop)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.dispatcher.drain()
        for number in self._signals:
            asyncio.get_running_loop().remove_signal_handler(number)

    def _stop(self) -> None:
        if self.asked:
            self._engine.dispatcher.abort()
        self.asked = True
        self._engine.world.memory.draining.set()
        self._engine.dispatcher.nudged.set()


async def all_that_is_due(engine: Engine) -> None:
    """Visit what is due until nothing is, or a stop was asked for. What fails is not waited for."""
    dispatcher, store = engine.dispatcher, engine.store
    draining = engine.world.memory.draining
    while not draining.is_set():
        dispatcher.nudged.clear()
        if await dispatcher.fill():
            continue
        if dispatcher.busy:
            await dispatcher.nudged.wait()
            continue
        wake_at = await store.next_wake()
        if wake_at is None or wake_at > await store.now():
            return


async def until_answered(engine: Engine, requests: Sequence[Request], waiting: Waiting) -> None:
    """Visit the rotations of these requests, and no others, until each has its answer or a stop was asked for.

    A few at a time, in turn: what one turn costs does not grow with how many there are.
    """
    left = deque(dict.fromkeys(request.rotation_id for request in requests))
    open_ones = {request.id for request in requests}
    few = _TURNS * engine.configuration.daemon.concurrency
    draining = engine.world.memory.draining
    while left and not draining.is_set():
        engine.dispatcher.nudged.clear()
        looks = [(each, await _look(engine, each)) for each in (left.popleft() for _ in range(min(few, len(left))))]
        going = [look for _, look in looks if look and open_ones & {request.id for request in look[0].requests}]
        left.extend(facts.rotation.id for facts, _ in going)
        await engine.dispatcher.fill(only=_ready(engine, going, waiting))
        if going:
            await _pause(engine)


async def _look(engine: Engine, rotation_id: str) -> tuple[Facts, datetime] | None:
    """The facts, or None of a rotation that has been forgotten meanwhile."""
    try:
        return await engine.store.look(rotation_id)
    except KeyError:
        return None


def _ready(engine: Engine, looks: Sequence[tuple[Facts, datetime]], waiting: Waiting) -> list[str]:
    """The rotations that can go on now; the others are told of."""
    ready = []
    for facts, now in looks:
        held = _held(engine, facts, now)
        if held is None:
            ready.append(facts.rotation.id)
        else:
            waiting(facts.rotation.name, held.reason.value, held.until)
    return ready


def _held(engine: Engine, facts: Facts, now: datetime) -> NotDue | None:
    """What keeps a rotation that was asked for; requests of other kinds are answered at any visit."""
    if facts.requests[0].kind not in {"rotate", "compromised"}:
        return None
    verdict = due(facts, now, limits=engine.world.limits)
    if isinstance(verdict, NotDue) and verdict.until is not None and verdict.until - now > timedelta(0):
        return verdict
    return None


async def _pause(engine: Engine) -> None:
    """Until something has happened, or for a second."""
    try:
        await asyncio.wait_for(engine.dispatcher.nudged.wait(), _LOOK)
    except TimeoutError:
        return
