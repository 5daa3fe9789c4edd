"""`rotator revoke`, `forget`, `adopt`, `deliver`: what is asked of one rotation besides rotating it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from rotator.cli.asking import Manner, Wish, carry_out
from rotator.cli.exits import WrongUse

Name = Annotated[str, typer.Argument(metavar="NAME", help="Which rotation.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end, or leave it to the daemon.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")]


def revoke(context: typer.Context, name: Name, *, wait: Wait = True, as_json: AsJson = False) -> None:
    """Revoke the retiring secrets now, once the checks before any revocation pass."""
    _ask(context, Wish("revoke", {}, (name,)), Manner(wait=wait, as_json=as_json))


def forget(
    context: typer.Context,
    name: Name,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke its secrets too.")] = False,
    last: Annotated[bool, typer.Option("--last", help="With --revoke: even the last valid one.")] = False,
    to: Annotated[
        str, typer.Option("--to", metavar="DEST", help="Only let go of this destination, which left the definition.")
    ] = "",
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Take a rotation that left the configuration out of the books, or let a destination go that left it."""
    if last and not revoke:
        raise WrongUse("--last goes with --revoke only")
    if to and revoke:
        raise WrongUse("--to lets a destination go; it does not go with --revoke")
    facts: dict[str, object] = {"to": to} if to else {"revoke": revoke, "last": last}
    _ask(context, Wish("forget", facts, (name,)), Manner(wait=wait, as_json=as_json))


def adopt(
    context: typer.Context,
    name: Name,
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key id of a secret that exists in Entra.")],
    *,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Take an existing secret as the current one, without touching it; the next rotation retires it."""
    from uuid import UUID

    try:
        wanted = str(UUID(key_id))
    except ValueError:
        raise WrongUse(f"{key_id!r} is not a key id", hint="Key ids are UUIDs; never give the secret itself.") from None
    _ask(context, Wish("adopt", {"key_id": wanted}, (name,)), Manner(wait=wait, as_json=as_json))


def deliver(
    context: typer.Context,
    name: Name,
    *,
    to: Annotated[str, typer.Option("--to", metavar="DEST", help="Only to this destination.")] = "",
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Bring the current secret to its destinations again."""
    facts: dict[str, object] = {"to": to} if to else {}
    _ask(context, Wish("deliver", facts, (name,)), Manner(wait=wait, as_json=as_json))


def _ask(context: typer.Context, wish: Wish, manner: Manner) -> None:
    raise typer.Exit(asyncio.run(carry_out(context.obj, wish, manner)))
