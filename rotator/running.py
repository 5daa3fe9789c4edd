"""How does an engine become a daemon? With its signals and signs of life, and known to the other nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from rotator.app import Engine, node_name

if TYPE_CHECKING:
    from rotator.config import Configuration
    from rotator.config.settings import State
    from rotator.engine.alive import Systemd
    from rotator.engine.bell import Ringing
    from rotator.engine.daemon import Daemon


def daemon_of(
    engine: Engine,
    *,
    read: Callable[[], Configuration],
    taken: Callable[[Configuration], None] = lambda _: None,
    reloaded: Callable[[bool], None] = lambda _: None,
    systemd: Systemd,
) -> Daemon:
    """The daemon around an engine. At SIGHUP `read` gives the configuration anew, in a thread; `taken` hears of it.

    `reloaded` hears how each reload went.
    """
    from rotator.engine.alive import Life, pulse_file
    from rotator.engine.daemon import Daemon, Orders
    from rotator.engine.scheduler import Scheduler

    clock = engine.world.clock
    life = Life(systemd, pulse_file(engine.configuration.state.signs), monotonic=clock.monotonic)

    orders = Orders(
        reload=lambda: _reload(engine, read, taken=taken, reloaded=reloaded),
        rotate=engine.rotate_on_signal,
        state=engine.state,
        status=lambda: f"at work, {len(engine.secrets.connections)} connections",
        drain_timeout=lambda: engine.configuration.daemon.drain_timeout,
    )
    catch_up = None if engine.configuration.state.path else engine.catch_up
    scheduler = Scheduler(
        engine.world, engine.dispatcher, housekeeping=engine.housekeeping, beat=life.beat, catch_up=catch_up
    )
    bell = _bell(engine.configuration.state, scheduler.nudge)
    return Daemon(engine.dispatcher, scheduler, orders=orders, life=life, bell=bell)


async def _reload(
    engine: Engine,
    read: Callable[[], Configuration],
    *,
    taken: Callable[[Configuration], None],
    reloaded: Callable[[bool], None],
) -> str:
    well = False
    try:
        configuration = await asyncio.to_thread(read)
        changed = await engine.take(configuration)
        well = True
    finally:
        reloaded(well)
    taken(configuration)
    return changed


@asynccontextmanager
async def listed(engine: Engine) -> AsyncIterator[None]:
    """While this is open the other nodes know of the engine; beside a file there are no others. Raises StoreError."""
    if engine.configuration.state.path:
        yield
        return
    from rotator import __version__
    from rotator.domain.nodes import Node
    from rotator.engine.roster import Roster

    world, dispatcher = engine.world, engine.dispatcher

    def shown() -> Node:
        draining = world.memory.draining.is_set()
        return Node(
            world.holder, node_name(engine.configuration), __version__, engine.digest, dispatcher.busy, draining
        )

    roster = Roster(engine.store.nodes, world.clock, shown)
    await roster.enter()
    staying = asyncio.create_task(roster.stay())
    try:
        yield
    finally:
        staying.cancel()
        await roster.leave()


def _bell(state: State, rung: Callable[[], None]) -> Ringing:
    if state.path:
        from rotator.engine.bell import Bell, bell_of

        return Bell(bell_of(state.path), rung)
    from rotator.store.listening import Listener

    return Listener(state.url, state.password.resolve() if state.password else None, rung)
