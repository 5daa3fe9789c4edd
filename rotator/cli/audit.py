"""`rotator audit verify`: is the record of who did what as it was written?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import exits
from rotator.cli.books import open_existing

if TYPE_CHECKING:
    from rotator.cli.settings import Settings
    from rotator.store.audit import Chain

app = typer.Typer(help="The record of who did what over the API.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _audit() -> None:
    """Keep `verify` a command of its own though it is the only one."""


@app.command("verify")
def verify(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the chains as JSON.")] = False,
) -> None:
    """Walk every node's chain of audit rows; status 1 if one has been changed, taken out or put in.

    Rows cut off at the end show by the number and head, compared with those of an earlier run.
    """
    chains = asyncio.run(_walk(context.obj))
    if as_json:
        print(json.dumps({"chains": [asdict(each) for each in chains]}, indent=2))
    else:
        _show(chains)
    raise typer.Exit(exits.FAILED if any(each.broken for each in chains) else exits.DONE)


def _show(chains: Sequence[Chain]) -> None:
    for each in chains:
        verdict = f"hold, then {each.broken}" if each.broken else "hold"
        print(f"{each.node}: {each.rows} rows {verdict}, head {each.head or '-'}")
    if not chains:
        print("there are no audit rows yet")


async def _walk(settings: Settings) -> Sequence[Chain]:
    async with open_existing(settings) as store:
        return await store.access("").verify()
