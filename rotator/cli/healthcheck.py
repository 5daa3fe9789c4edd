"""`rotator healthcheck`: does the daemon of this configuration live? For containers without a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from rotator.cli.exits import FAILED, say

if TYPE_CHECKING:
    from pathlib import Path

    from rotator.cli.settings import Settings


def healthcheck(context: typer.Context) -> None:
    """Exit with 0 if the daemon's loop has turned within the last minute and its database is open, else with 1.

    The daemon leaves its pulse in a file beside the database; nothing is asked of the network or of the daemon.
    """
    settings: Settings = context.obj
    problem = _problem(settings.read_state().path)
    if problem:
        say(f"unhealthy: {problem}")
        raise typer.Exit(FAILED)
    print("healthy")


def _problem(database: Path) -> str:
    from rotator.clock import SystemClock
    from rotator.engine.alive import SILENT_AFTER, pulse_file, read_pulse
    from rotator.errors import LeaseHeld
    from rotator.store.lock import EngineLock

    if not database.parent.exists():
        return f"there is no {database.parent}"
    try:
        with EngineLock(database):
            return f"no daemon is at work on {database}"
    except LeaseHeld:
        pulse = read_pulse(pulse_file(database))
    if pulse is None:
        return "the daemon has not been ready yet"
    silent = SystemClock().monotonic() - pulse.monotonic
    if silent > SILENT_AFTER:
        return f"the loop of process {pulse.pid} has not turned for {silent:.0f} s"
    return ""
