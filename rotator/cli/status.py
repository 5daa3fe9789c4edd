"""`rotator status`: how does every rotation stand, or one in detail?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli.asking import pick
from rotator.cli.books import read_facts

if TYPE_CHECKING:
    from datetime import datetime

    from rich.table import Table

    from rotator.cli.settings import Settings
    from rotator.domain.model import Facts

_WATCH_SECONDS = 1.0


def status(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One rotation in detail.")] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing it, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help='Print {"secretRotations": [...]} as the API does.')] = False,
) -> None:
    """Show how rotations stand, from the database; the daemon may run or not."""
    settings: Settings = context.obj
    if watch and not as_json:
        asyncio.run(_watch(settings, name))
        return
    found, now = asyncio.run(read_facts(settings))
    chosen = [pick(found, name)] if name else found
    if as_json:
        from rotator.domain.outside import secret_rotation

        print(json.dumps({"secretRotations": [secret_rotation(facts) for facts in chosen]}, indent=2))
        return
    from rotator.cli.tables import printed

    printed(_shown(chosen, now, detail=bool(name)))


async def _watch(settings: Settings, name: str) -> None:
    from rich.live import Live

    with Live(auto_refresh=False, screen=True) as live:
        while True:
            found, now = await read_facts(settings)
            live.update(_shown([pick(found, name)] if name else found, now, detail=bool(name)), refresh=True)
            await asyncio.sleep(_WATCH_SECONDS)


def _shown(found: Sequence[Facts], now: datetime, *, detail: bool) -> Table:
    from rotator.cli.tables import detail_of, overview

    return detail_of(found[0], now) if detail else overview(found, now)
