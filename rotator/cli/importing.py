"""`rotator import`: many definitions at once, from a file with one on each line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from rotator.cli import exits
from rotator.cli.exits import WrongUse
from rotator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.cli.settings import Settings
    from rotator.importing import Counts


def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE.jsonl", help="A definition on each line; - is standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look at all of it, and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What it came to, as JSON.")] = False,
) -> None:
    """Bring very many definitions into the books, beside running daemons or not. All are looked at first."""
    try:
        counts = asyncio.run(_import(context.obj, file, dry_run=dry_run, silent=as_json))
    except _Refused as refused:
        for line in refused.problems:
            print(line, file=sys.stderr)
        exits.say(f"{_name(file)} cannot be brought in. Nothing was changed")
        raise typer.Exit(exits.BAD_CONFIGURATION) from None
    if as_json:
        print(json.dumps({**asdict(counts), "dryRun": dry_run}))
        return
    told = f"{counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} as they were"
    print(f"{told}: a dry run, nothing was changed" if dry_run else told)


class _Refused(ConfigError):
    """Mistakes in the file, and not in the configuration."""


async def _import(settings: Settings, name: str, *, dry_run: bool, silent: bool) -> Counts:
    from rotator.app import open_books
    from rotator.config.api_reach import Allowed
    from rotator.config.lines import read_lines
    from rotator.importing import Intake, scratch
    from rotator.made import joined

    configuration = settings.read_for_engine()
    allow = configuration.api.allow
    reserved = frozenset(each.name for each in configuration.rotations)
    with _opened(name) as file, scratch() as plan, _progress(silent=silent) as tell:
        store = open_books(configuration.state)
        try:
            intake = Intake(store, plan, source=_name(name), reserved=reserved)
            connections = await joined(store, configuration)
            lines = read_lines(file, connections, Allowed(allow.kinds, allow.paths, allow.hosts))
            try:
                async for number in intake.look(lines):
                    tell(f"{number:,} lines looked at")
            except ConfigError as mistakes:
                raise _Refused(mistakes.problems) from None
            if not dry_run:
                async for done in intake.bring_in():
                    tell(f"{done:,} of {intake.counts.added + intake.counts.changed:,} brought in")
        finally:
            store.close()
    if configuration.state.path is not None and not dry_run:
        from rotator.engine.bell import bell_of, ring

        ring(bell_of(configuration.state.path))
    return intake.counts


def _name(file: str) -> str:
    return "standard input" if file == "-" else file


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below; what goes wrong later is no mistake of the name
    except OSError as error:
        raise WrongUse(f"{name} cannot be read ({error.strerror})") from None
    with file:
        yield file


@contextmanager
def _progress(*, silent: bool) -> Iterator[Callable[[str], None]]:
    """How far it is, on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    off = silent or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=off) as progress:
        task = progress.add_task("", total=None)
        yield lambda told: progress.update(task, description=told)
