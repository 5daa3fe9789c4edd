"""`rotator simulate`: the simulated Entra alone, for trials and for clients that nobody here wrote."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli.exits import WrongUse
from rotator.cli.garbage import collect_as_usual
from rotator.errors import RotatorError

if TYPE_CHECKING:
    from rotator.simulator.simulation import SimulatorOptions


def simulate(
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS:PORT", help="Where to listen; port 0 picks one.")
    ] = "127.0.0.1:0",
    *,
    applications: Annotated[int, typer.Option(min=0, max=100_000, help="How many applications there are.")] = 3,
    seed: Annotated[int, typer.Option(help="The same seed makes the same tenant.")] = 0,
    time_scale: Annotated[float, typer.Option(min=0.0, help="Seconds of its time in one of ours.")] = 1.0,
    state_dir: Annotated[Path | None, typer.Option(help="Keep the tenant here across restarts.")] = None,
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True)] = False,
) -> None:
    """Serve a simulated Entra over HTTPS; prints where it is as one line of JSON, and runs until Ctrl-C."""
    from rotator.simulator.simulation import SimulatorOptions

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise WrongUse(f"{listen!r} is not an address to listen on", hint="Such as 127.0.0.1:8443.")
    collect_as_usual()
    asyncio.run(_serve(SimulatorOptions(listen, applications, seed, time_scale, state_dir), until_eof=until_eof))


async def _serve(options: SimulatorOptions, *, until_eof: bool) -> None:
    from rotator.simulator.server import simulate as serve

    serving = asyncio.create_task(serve(options, lambda ready: print(ready.line(), flush=True)))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    if until_eof:
        _end_with_input(serving)
    try:
        await serving
    except asyncio.CancelledError:
        return
    except OSError as problem:
        raise RotatorError(f"cannot listen on {options.listen}: {problem.strerror}") from None


def _end_with_input(serving: asyncio.Task[None]) -> None:
    """Whoever started us holds the other end of standard input; when that process dies, however it dies, so do we."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            serving.cancel()

    loop.add_reader(0, read)
