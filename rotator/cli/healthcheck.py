"""`rotator healthcheck`: does the daemon of this configuration live? For containers without a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from rotator.cli.exits import FAILED, say

if TYPE_CHECKING:
    from pathlib import Path

    from rotator.cli.settings import Settings


def healthcheck(context: typer.Context) -> None:
    """Exit with 0 if the daemon is ready and its loop has turned within the last minute, else with 1.

    The daemon leaves its pulse in a file beside the database, or in the folder for such things; nothing is asked of
    the network or of the daemon.
    """
    settings: Settings = context.obj
    problem = _problem(settings.read_state().signs)
    if problem:
        say(f"unhealthy: {problem}")
        raise typer.Exit(FAILED)
    print("healthy")


def _problem(signs: Path) -> str:
    """Why it cannot be said to live, or empty. The engine's lock is left alone: a daemon may be starting."""
    from rotator.clock import SystemClock
    from rotator.engine.alive import SILENT_AFTER, pulse_file, read_pulse

    pulse = read_pulse(pulse_file(signs))
    if pulse is None:
        return f"no daemon is ready that leaves its pulse beside {signs}"
    silent = SystemClock().monotonic() - pulse.monotonic
    if silent < 0:
        return f"the pulse of process {pulse.pid} is from before this machine started"
    if silent > SILENT_AFTER:
        return f"the loop of process {pulse.pid} has not turned for {silent:.0f} s"
    return ""
