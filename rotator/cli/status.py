"""`rotator status`: how does every rotation stand, or one in detail?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotator.cli import elsewhere
from rotator.cli.asking import pick
from rotator.cli.books import open_existing, read_facts
from rotator.cli.garbage import collect_as_usual

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
    nodes: Annotated[bool, typer.Option("--nodes", help="Which daemons work on the database (PostgreSQL).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help='Print {"secretRotations": [...]} as the API does.')] = False,
) -> None:
    """Show how rotations stand, from the database; the daemon may run or not."""
    settings: Settings = context.obj
    if settings.server:
        elsewhere.refuse(settings, watch=watch, nodes=nodes)
        elsewhere.status(settings, name, as_json=as_json)
        return
    if nodes:
        from rotator.cli.nodes import show_nodes

        asyncio.run(show_nodes(settings, as_json=as_json))
        return
    if watch and not as_json:
        collect_as_usual()
        asyncio.run(_watch(settings, name))
        return
    if as_json:
        print(json.dumps({"secretRotations": asyncio.run(_as_the_api_does(settings, name))}, indent=2))
        return
    found, now = asyncio.run(read_facts(settings, name))
    chosen = [pick(found, name)] if name else found
    from rotator.cli.tables import printed

    printed(_shown(chosen, now, detail=bool(name)))


async def _as_the_api_does(settings: Settings, name: str) -> list[dict[str, Any]]:
    from rotator.domain.outside import secret_rotation

    async with open_existing(settings) as store:
        found, ids = list(await store.facts([name] if name else None)), await store.ids()
    return [secret_rotation(facts, ids) for facts in ([pick(found, name)] if name else found)]


async def _watch(settings: Settings, name: str) -> None:
    from rich.live import Live

    with Live(auto_refresh=False, screen=True) as live:
        while True:
            found, now = await read_facts(settings, name)
            live.update(_shown([pick(found, name)] if name else found, now, detail=bool(name)), refresh=True)
            await asyncio.sleep(_WATCH_SECONDS)


def _shown(found: Sequence[Facts], now: datetime, *, detail: bool) -> Table:
    from rotator.cli.tables import detail_of, overview

    return detail_of(found[0], now) if detail else overview(found, now)
