"""`rotator backup` and `restore`: the books as a file, and books of a file again."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli.books import open_existing
from rotator.cli.exits import WrongUse

if TYPE_CHECKING:
    from rotator.cli.settings import Settings


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; it must not exist yet.")],
) -> None:
    """Write a copy of the books, beside running daemons or not. Secret texts stay sealed: keep the key elsewhere."""
    if file.exists():
        raise WrongUse(f"{file} exists", hint="Name another file; none is overwritten.")
    count = asyncio.run(_backup(context.obj, file))
    print(f"{count} rows are in {file}")


async def _backup(settings: Settings, file: Path) -> int:
    partial = file.with_name(file.name + ".partial")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise WrongUse(f"{partial} cannot be written ({error.strerror})") from None
    try:
        async with open_existing(settings) as store:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                count = await store.dump(out.write)
                out.flush()
                os.fsync(out.fileno())
        partial.rename(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return count


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What 'rotator backup' wrote.")],
) -> None:
    """Fill an empty database from a copy, of whichever kind it was; nothing is overwritten.

    What has been issued since the copy was made is found at the next start, and holds the rotations it concerns.
    """
    from rotator.clock import SystemClock
    from rotator.store.restoring import restore as restored
    from rotator.store.session import Times

    settings: Settings = context.obj
    state = settings.read_state()
    try:
        with file.open(encoding="utf-8") as copy:
            installation, count = restored(
                state.url,
                copy,
                times=Times(SystemClock().now if state.path else None, timedelta),
                keys=[key.resolve() for key in state.encryption_keys],
                password=state.password.resolve() if state.password else None,
            )
    except OSError as error:
        raise WrongUse(f"{file} cannot be read ({error.strerror})") from None
    print(f"{count} rows of the installation {installation} are in the database")
