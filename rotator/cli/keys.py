"""`rotator keys rotate`: put every sealed record under the newest key."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli.books import open_existing

if TYPE_CHECKING:
    from rotator.cli.settings import Settings

app = typer.Typer(help="The keys that seal secrets in the database.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _keys() -> None:
    """Keep `rotate` a command of its own though it is the only one."""


@app.command("rotate")
def rotate(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the count as JSON.")] = False,
) -> None:
    """Re-wrap every sealed record under the first of state.encryptionKeys, beside a running daemon or not.

    Put the new key first and keep the old one after it, restart the daemon, run this, then take the old one out.
    """
    from rotator.engine.hardening import harden

    harden()
    count = asyncio.run(_rewrap(context.obj))
    print(json.dumps({"rewrapped": count}) if as_json else f"{count} sealed records are under the newest key now")


async def _rewrap(settings: Settings) -> int:
    async with open_existing(settings) as store:
        return await store.rewrap()
