"""How does the whole engine rotate, at full speed? As in production: real SDKs, HTTPS, SQLite on disk, eight at once.

Only time is helped along: half a day passes before each round.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from rotator.app import Engine, Time, open_engine
from rotator.cli.here import all_that_is_due
from rotator.config import load
from rotator.engine.clockwatch import ClockWatch
from rotator.log import configure
from rotator.observers.log import LogObserver
from rotator.store.cluster_schema import paces
from rotator.store.runner import Runner
from rotator.store.session import Operation
from rotator.store.statements import Prepared
from tests.benchmarks.floors import CONCURRENCY
from tests.benchmarks.tenant import Tenant

_HALF_A_DAY = timedelta(hours=12)
_QUOTA_IS_WHOLE = Prepared(delete(paces))
#: No comparison with Entra falls into a round: it is not part of a rotation.
_NEVER = timedelta(days=100_000)
#: A rotation's first interval is longer by up to a day, and the second rotation is the first that replaces.
_ROUNDS_UNTIL_ALIKE = 7


class Ours:
    """An engine with two rotations for each one of a round: half rotate at midnight, half at noon.

    So one half revokes while the other rotates, and a round holds as many revocations as rotations.
    """

    def __init__(self, engine: Engine, where: Tenant, shifted: list[timedelta]) -> None:
        self.engine = engine
        self._where = where
        self._shifted = shifted

    async def round(self) -> None:
        """Rotate one half, revoke what the other half has replaced.

        Half a day after the last round nothing is left of what that took of Graph's quota, which passes in real time.
        """
        store: Any = self.engine.store
        await store._runner.write(lambda tx: tx.run(_QUOTA_IS_WHOLE))
        await all_that_is_due(self.engine)

    def pass_time(self) -> None:
        """Half a day passes. No clock has jumped: the engine takes it as if it had seen the time go by."""
        self._shifted[0] += _HALF_A_DAY
        self._where.advance(_HALF_A_DAY)
        world = replace(self.engine.world, clockwatch=ClockWatch())
        self.engine.world = replace(world, pace=replace(world.pace, reconcile=_NEVER))
        self.engine.dispatcher.take(self.engine.world, concurrency=CONCURRENCY)

    @contextmanager
    def counted_transactions(self) -> Iterator[Counter[str]]:
        """What the block asks of the database."""
        store: Any = self.engine.store
        runner = store._runner
        store._runner = counting = _Counting(runner)
        yield counting.seen
        store._runner = runner

    async def standing(self) -> Counter[str]:
        """How the rotations stand, and how many secrets wait for their revocation."""
        facts = await self.engine.store.facts()
        return Counter(str(each.standing.status) for each in facts) + Counter(
            {"retiring": sum(len(each.retiring) for each in facts)}
        )

    def _pass(self, span: timedelta) -> None:
        self._shifted[0] += span
        self._where.advance(span)


@asynccontextmanager
async def engine_at(where: Tenant, config: Path) -> AsyncIterator[Ours]:
    """The engine as `rotator run --once` makes it, with its log, when every round is like the next."""
    shifted = [timedelta()]
    configuration = load(config)
    time = Time(offset=lambda: shifted[0])
    configure("info", "json", _Nowhere())
    async with open_engine(configuration, observers=[LogObserver()], time=time, spread=False) as engine:
        yield await _settled(Ours(engine, where, shifted))


async def _settled(ours: Ours) -> Ours:
    for _ in range(_ROUNDS_UNTIL_ALIKE):
        ours.pass_time()
        await ours.round()
    return ours


class _Nowhere(io.StringIO):
    """Lines are made and written, and forgotten."""

    def write(self, line: str, /) -> int:
        return len(line)


class _Counting:
    """A runner that counts what it is asked for."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.seen: Counter[str] = Counter()

    async def write(self, operation: Operation[Any]) -> Any:
        self.seen["write"] += 1
        return await self._runner.write(operation)

    async def read(self, operation: Operation[Any]) -> Any:
        self.seen["read"] += 1
        return await self._runner.read(operation)

    async def tidy(self) -> None:
        await self._runner.tidy()

    def close(self) -> None:
        self._runner.close()
