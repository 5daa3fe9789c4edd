"""What does the demo do, from its first line to its last? A tenant, a configuration, the daemon, and a reckoning."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import exits
from rotator.cli.garbage import collect_as_usual

if TYPE_CHECKING:
    from rotator.app import Engine
    from rotator.cli.demo.board import Board
    from rotator.cli.demo.promises import Promises
    from rotator.engine.daemon import Daemon
    from rotator.ports import Observer

_APPLICATIONS = 12
_DAY = 86400.0
#: With `--once`: what has not happened by then will not.
_PATIENCE = 75.0
_REDRAWS_PER_SECOND = 4


def demo(
    once: Annotated[
        bool,
        typer.Option("--once", help="End when every rotation has rotated twice and revoked once; status 1 if not."),
    ] = False,
    speed: Annotated[float, typer.Option(min=1.0, max=3600.0, help="How many seconds a day takes.")] = 8.0,
    is_opened: Annotated[bool, typer.Option("--open", help="Open the dashboard in this machine's browser.")] = False,
) -> None:
    """See it all at work: a simulated tenant with 12 applications, days that pass in seconds, and the dashboard.

    Ctrl-C ends it.
    """
    with tempfile.TemporaryDirectory(prefix="rotator-demo-") as folder:
        # Nothing is to be left behind, in the folder for signs of life neither.
        os.environ["RUNTIME_DIRECTORY"] = folder
        collect_as_usual()
        raise typer.Exit(asyncio.run(_demo(Path(folder), _DAY / speed, once=once, is_opened=is_opened)))


async def _demo(folder: Path, pace: float, *, once: bool, is_opened: bool) -> int:
    from rotator import log
    from rotator.app import open_engine
    from rotator.cli.demo.board import Board
    from rotator.cli.demo.entrance import show_the_way
    from rotator.cli.demo.promises import Promises
    from rotator.cli.demo.script import write_configuration
    from rotator.cli.demo.tenant import open_tenant
    from rotator.config import load
    from rotator.engine.alive import Systemd
    from rotator.measuring import measured
    from rotator.observers.log import LogObserver
    from rotator.observers.metrics import Metrics
    from rotator.running import daemon_of
    from rotator.serving import api_of

    with (folder / "rotator.log").open("w", encoding="utf-8") as log_file:
        log.configure("info", "json", log_file)
        async with open_tenant(applications=_APPLICATIONS, pace=pace) as tenant:
            path = write_configuration(folder, tenant)
            await tenant.set_the_scene()
            _introduce(folder, path, pace)
            promises = Promises(tenant, folder)
            board = Board(tenant, live=sys.stdout.isatty())
            metrics = Metrics()
            observers: list[Observer] = [LogObserver(), metrics, promises, board]
            async with open_engine(load(path), observers=observers, time=tenant.time) as engine:
                daemon = daemon_of(engine, read=lambda: load(path), systemd=Systemd(""))
                async with measured(engine, metrics), api_of(engine) as address:
                    await show_the_way(engine, address, is_opened=is_opened)
                    await _play(engine, daemon, board, promises, once=once)
                return await _conclude(engine, promises, once=once)


def _introduce(folder: Path, path: Path, pace: float) -> None:
    print(f"A simulated Entra tenant with {_APPLICATIONS} applications; a day takes {_DAY / pace:g} s.")
    print(f"The configuration is {path}, the secrets are delivered to {folder / 'delivered'},")
    print(f"the log is {folder / 'rotator.log'}. Ctrl-C ends the demo and removes all of it.\n", flush=True)


async def _play(engine: Engine, daemon: Daemon, board: Board, promises: Promises, *, once: bool) -> None:
    """Run the daemon, and show it, until Ctrl-C or until all that was promised has happened."""
    running = asyncio.create_task(daemon.run())
    began = engine.world.clock.monotonic()
    with board.screen() as screen:
        while not running.done():
            await board.draw(engine.store, screen)
            await asyncio.wait({running}, timeout=1 / _REDRAWS_PER_SECOND)
            late = engine.world.clock.monotonic() - began > _PATIENCE
            if once and (late or promises.all_seen()):
                daemon.stop()
    await running


async def _conclude(engine: Engine, promises: Promises, *, once: bool) -> int:
    """Compare what happened with the tenant's own truth."""
    broken = await promises.broken(engine.store)
    print(promises.summary())
    for line in broken:
        exits.say(f"not as promised: {line}")
    missing = promises.missing() if once else []
    for line in missing:
        exits.say(f"not seen: {line}")
    return exits.FAILED if broken or missing else exits.DONE
