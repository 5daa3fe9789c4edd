"""How does the daemon know of secrets that nobody rotates? It takes the inventory now and then, for the numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from rotator.app import Engine
from rotator.errors import RotatorError

if TYPE_CHECKING:
    from rotator.domain.model import Facts
    from rotator.observers.unmanaged import Unmanaged

#: So many rotations are read from the books at once, so that the loop is not held up; so many applications from Graph.
_AT_ONCE, _PAGE = 50, 200

_log = structlog.get_logger("rotator.inventory")


async def keep_stock(engine: Engine, unmanaged: Unmanaged, every: timedelta) -> None:
    """Take the inventory of every connection, again and again. What goes wrong is told, and waits for the next time."""
    while True:
        try:
            facts = [each async for each in _facts(engine)]
            for name in list(engine.secrets.connections):
                await _take(engine, unmanaged, name, facts)
        except RotatorError as problem:
            _log.warning("the inventory could not be taken", problem=str(problem))
        except Exception:  # noqa: BLE001 - told loudly; the numbers must not end the daemon
            _log.exception("the inventory could not be taken")
        await engine.world.clock.sleep(every.total_seconds())


async def _take(engine: Engine, unmanaged: Unmanaged, name: str, facts: list[Facts]) -> None:
    from rotator.observers.unmanaged import Taken
    from rotator.stocktaking import ground_of, stock_of

    store = engine.store
    now = await store.now()
    ground = ground_of(facts, connection=name, installation=store.installation, now=now)
    taken = Taken(now)
    try:
        async with aclosing(stock_of(engine.directories, store, ground, page=_PAGE)) as pages:
            async for _, items in pages:
                for item in items:
                    taken.add(item)
    except RotatorError as problem:
        _log.warning("the inventory could not be taken", connection=name, problem=str(problem))
        return
    unmanaged.learn(name, taken)


async def _facts(engine: Engine) -> AsyncIterator[Facts]:
    names: Iterator[str] = iter(await engine.store.names())
    while some := list(islice(names, _AT_ONCE)):
        for each in await engine.store.facts(some):
            yield each
        await asyncio.sleep(0)
