"""How does the daemon know of secrets that nobody rotates? It takes the inventory now and then, for the numbers."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from rotator.app import Engine
from rotator.errors import RotatorError
from rotator.stocktaking import IN_PASSING, ground_of, stock_of

if TYPE_CHECKING:
    from rotator.domain.inventory import Ground
    from rotator.observers.unmanaged import Unmanaged

_log = structlog.get_logger("rotator.inventory")


async def keep_stock(engine: Engine, unmanaged: Unmanaged, every: timedelta) -> None:
    """Take the inventory of every connection, again and again. What goes wrong is told, and waits for the next time."""
    while True:
        try:
            ground = await ground_of(engine.store, await engine.store.now())
            for name in list(engine.secrets.connections):
                await _take(engine, unmanaged, replace(ground, connection=name))
        except RotatorError as problem:
            _log.warning("the inventory could not be taken", problem=str(problem))
        except Exception:  # noqa: BLE001 - told loudly; the numbers must not end the daemon
            _log.exception("the inventory could not be taken")
        await engine.world.clock.sleep(every.total_seconds())


async def _take(engine: Engine, unmanaged: Unmanaged, ground: Ground) -> None:
    from rotator.observers.unmanaged import Taken

    taken = Taken(ground.now)
    try:
        async with aclosing(stock_of(engine.directories, engine.store, ground, page=IN_PASSING)) as pages:
            async for _, items in pages:
                for item in items:
                    taken.add(item)
    except RotatorError as problem:
        _log.warning("the inventory could not be taken", connection=ground.connection, problem=str(problem))
        return
    unmanaged.learn(ground.connection, taken)
