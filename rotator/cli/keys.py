"""`rotator keys rotate` puts every sealed record under the newest key; `wrap` has a key elsewhere wrap a fresh one."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli.books import open_existing
from rotator.cli.exits import WrongUse

if TYPE_CHECKING:
    from rotator.cli.settings import Settings

app = typer.Typer(help="The keys that seal secrets in the database.", no_args_is_help=True, rich_markup_mode=None)


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


@app.command("wrap")
def wrap(context: typer.Context) -> None:
    """Make a key for each keyVault or transit of state.encryptionKeys without one, and print it wrapped.

    The text is of no use without the key there, so it may be written into the configuration.
    """
    from rotator.config.keys import KeyElsewhere
    from rotator.engine.hardening import harden

    harden()
    settings: Settings = context.obj
    keys = settings.read_state().encryption_keys
    wanted = [each for each in keys if isinstance(each, KeyElsewhere) and not each.wrapped]
    if not wanted:
        raise WrongUse(
            "every key of state.encryptionKeys is there", hint="Add {keyVault: URL} or {transit: ...} first."
        )
    for each in wanted:
        print(f"# {each}\nwrapped: {json.dumps(each.made())}")


async def _rewrap(settings: Settings) -> int:
    async with open_existing(settings) as store:
        return await store.rewrap()
