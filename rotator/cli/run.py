"""`rotator run`: the daemon, or everything that is due and no more."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import exits
from rotator.cli.garbage import collect_as_usual

if TYPE_CHECKING:
    from rotator.app import Engine
    from rotator.cli.settings import Settings
    from rotator.config import Configuration
    from rotator.ports import Observer


def run(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Do all that is due, revocations too, without spread, and exit.")
    ] = False,
    rotate: Annotated[
        list[str] | None, typer.Option("--rotate", metavar="NAME", help="Also rotate these now (repeatable).")
    ] = None,
) -> None:
    """Run the daemon, in the foreground. With --once exit with status 1 if a rotation stands failed."""
    settings: Settings = context.obj
    configuration = settings.read_for_engine()
    _start_log(settings, configuration)
    exits.log_bugs()
    from rotator.engine.hardening import harden

    harden()
    collect_as_usual()
    work = _once(configuration, rotate or ()) if once else _daemon(settings, configuration, rotate or ())
    raise typer.Exit(asyncio.run(work))


def _start_log(settings: Settings, configuration: Configuration) -> None:
    settings.start_log(level=configuration.logging.level, format=configuration.logging.format)


async def _daemon(settings: Settings, configuration: Configuration, names: Sequence[str]) -> int:
    from rotator.app import open_engine
    from rotator.engine.alive import Systemd
    from rotator.measuring import measured
    from rotator.notifying import told
    from rotator.observers.log import LogObserver
    from rotator.observers.metrics import Metrics
    from rotator.observers.traces import Traces
    from rotator.running import daemon_of, listed
    from rotator.serving import api_of
    from rotator.tracing import traced

    systemd = Systemd(os.environ.pop("NOTIFY_SOCKET", ""))
    metrics, traces = Metrics(per_rotation=configuration.metrics.per_rotation), Traces()
    observers: list[Observer] = [LogObserver(), metrics, *([traces] if configuration.traces.endpoint else [])]
    async with open_engine(configuration, observers=observers) as engine, told(engine) as telling:
        await _ask(engine, names)

        def taken(configuration: Configuration) -> None:
            _start_log(settings, configuration)
            telling.take(configuration)

        daemon = daemon_of(
            engine,
            read=lambda: settings.read(known=engine.configuration.sources),
            taken=taken,
            reloaded=metrics.reloaded,
            systemd=systemd,
        )
        async with measured(engine, metrics), traced(engine, traces), api_of(engine), listed(engine):
            await daemon.run()
    return exits.DONE


async def _once(configuration: Configuration, names: Sequence[str]) -> int:
    from rotator.app import open_engine
    from rotator.cli.here import Stop, all_that_is_due
    from rotator.notifying import told
    from rotator.observers.log import LogObserver

    async with open_engine(configuration, observers=[LogObserver()], spread=False) as engine, told(engine) as telling:
        await telling.look()
        await _ask(engine, names)
        async with Stop(engine):
            await all_that_is_due(engine)
        return await _standing(engine)


async def _ask(engine: Engine, names: Sequence[str]) -> None:
    for name in names:
        try:
            await engine.ask(name, "rotate")
        except KeyError:
            raise exits.WrongUse(f"there is no rotation {name!r}") from None


async def _standing(engine: Engine) -> int:
    """Status 1, and a line for each, if a rotation stands failed."""
    failed = [
        facts
        for facts in await engine.store.facts()
        if facts.standing.status == "failed" and facts.switches.retired_at is None
    ]
    for facts in failed:
        exits.say(f"{facts.rotation.name} stands failed: {facts.standing.message}")
    return exits.FAILED if failed else exits.DONE
