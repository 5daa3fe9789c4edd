"""`rotator pause` and `resume`: may this rotation act at all?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import elsewhere
from rotator.cli.asking import pick
from rotator.cli.books import open_existing

if TYPE_CHECKING:
    from rotator.cli.settings import Settings

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Which rotations.")]


def pause(context: typer.Context, names: Names) -> None:
    """Let these rotations rest: nothing is rotated until `resume`; an expiry that nears is still alarmed."""
    if context.obj.server:
        elsewhere.switch(context.obj, names, on=False)
        return
    asyncio.run(_switch(context.obj, names, on=False))


def resume(context: typer.Context, names: Names) -> None:
    """Let these rotations act again; what came due meanwhile waits for its next slot."""
    if context.obj.server:
        elsewhere.switch(context.obj, names, on=True)
        return
    asyncio.run(_switch(context.obj, names, on=True))


async def _switch(settings: Settings, names: list[str], *, on: bool) -> None:
    async with open_existing(settings, rings=True) as store:
        found = await store.facts(names)
        chosen = [pick(found, name).rotation for name in dict.fromkeys(names)]
        for rotation in chosen:
            await (store.resume if on else store.pause)(rotation.id)
            print(f"{rotation.name}: {'resumed' if on else 'paused'}")
