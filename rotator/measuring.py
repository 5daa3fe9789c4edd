"""How do the numbers get from the engine to Prometheus? Kept while the daemon runs, told on a listener of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import structlog

from rotator.app import Engine
from rotator.errors import AddressTaken, ConfigError
from rotator.serving import why_not_ready

if TYPE_CHECKING:
    from rotator.config.metrics import Metrics as Options
    from rotator.observers.metrics import Metrics

_log = structlog.get_logger("rotator.metrics")


@asynccontextmanager
async def measured(engine: Engine, metrics: Metrics) -> AsyncIterator[str]:
    """Keep the numbers while this is open, for the API as well; gives the address of the second listener, or nothing.

    Raises AddressTaken, ConfigError. `metrics` is among the engine's observers already.
    """
    from rotator.observers.keeping import Keeper

    options = engine.configuration.metrics
    if not options.listen and engine.configuration.api.is_off:
        yield ""
        return
    world = engine.world
    among = None if engine.configuration.state.path else partial(_differing, engine)
    keeper = Keeper(metrics, engine.store, world.clock, pace=lambda: world.clockwatch.pace, differing=among)
    engine.directories.meter = metrics
    metrics.connection_ends = engine.watch.ends
    metrics.standings.freeze = lambda: engine.world.freeze
    engine.numbers = keeper.text
    tasks = [asyncio.create_task(keeper.run()), *_stocktaking(engine, metrics)]
    try:
        async with _listening(engine, options) as address:
            yield address
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _differing(engine: Engine) -> bool:
    from rotator.domain.nodes import differing

    return differing(*await engine.store.nodes.nodes())


def _stocktaking(engine: Engine, metrics: Metrics) -> Iterator[asyncio.Task[None]]:
    """Where that is wanted."""
    every = engine.configuration.metrics.inventory
    if every:
        from rotator.observers.unmanaged import Unmanaged
        from rotator.stockkeeping import keep_stock

        unmanaged = Unmanaged()
        metrics.beside = unmanaged.text
        yield asyncio.create_task(keep_stock(engine, unmanaged, every))


@asynccontextmanager
async def _listening(engine: Engine, options: Options) -> AsyncIterator[str]:
    if not options.listen:
        yield ""
        return
    from rotator.web.scraping import Scraping
    from rotator.web.server import Place, serving

    assert engine.numbers is not None, "set before anybody listens"
    app = Scraping(engine.numbers, lambda: why_not_ready(engine))
    try:
        async with serving(app, Place(options.host, options.port)) as address:
            _log.info("the numbers are told", address=address)
            yield address
    except AddressTaken:
        raise AddressTaken(options.listen, option="metrics.listen", none="empty: none") from None
    except ConfigError as problem:
        raise ConfigError([each.replace("api.listen:", "metrics.listen:") for each in problem.problems]) from None
