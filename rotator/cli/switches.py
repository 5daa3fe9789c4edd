"""`rotator pause`, `resume` and `approve`: may this rotation act?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import elsewhere
from rotator.cli.asking import pick
from rotator.cli.books import open_existing
from rotator.cli.exits import WrongUse
from rotator.cli.noted import audit_of, note
from rotator.domain.next_time import next_rotation_at

if TYPE_CHECKING:
    from rotator.cli.settings import Settings

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Which rotations.")]


def pause(context: typer.Context, names: Names) -> None:
    """Let these rotations rest: nothing is rotated until `resume`; an expiry that nears is still alarmed."""
    if context.obj.server:
        elsewhere.switch(context.obj, names, "pause")
        return
    asyncio.run(_switch(context.obj, names, on=False))


def resume(context: typer.Context, names: Names) -> None:
    """Let these rotations act again; what came due meanwhile waits for its next slot."""
    if context.obj.server:
        elsewhere.switch(context.obj, names, "resume")
        return
    asyncio.run(_switch(context.obj, names, on=True))


def approve(context: typer.Context, names: Names) -> None:
    """Let the next rotation of these go ahead, due now or later; each approval counts once."""
    if context.obj.server:
        elsewhere.switch(context.obj, names, "approve")
        return
    asyncio.run(_approve(context.obj, names))


async def _approve(settings: Settings, names: list[str]) -> None:
    async with open_existing(settings, rings=True) as store:
        found = await store.facts(names)
        chosen = [pick(found, name) for name in dict.fromkeys(names)]
        for facts in chosen:
            name = facts.rotation.name
            if not facts.rotation.requires_approval:
                raise WrongUse(f"{name} waits for no approval", hint="'requiresApproval: true' would make it wait.")
        for facts in chosen:
            name, coming = facts.rotation.name, next_rotation_at(facts)
            await audit_of(store).record([note("rotation.approve", rotation=name, id=facts.rotation.id)])
            await store.approve(facts.rotation.id)
            later = coming if coming is not None and coming > await store.now() else None
            print(f"{name}: approved" + (f"; it rotates at {later:%Y-%m-%d %H:%M}Z" if later else ""))


async def _switch(settings: Settings, names: list[str], *, on: bool) -> None:
    async with open_existing(settings, rings=True) as store:
        found = await store.facts(names)
        chosen = [pick(found, name).rotation for name in dict.fromkeys(names)]
        for rotation in chosen:
            await (store.resume if on else store.pause)(rotation.id)
            print(f"{rotation.name}: {'resumed' if on else 'paused'}")
