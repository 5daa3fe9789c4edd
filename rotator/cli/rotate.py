"""`rotator rotate`: new secrets now, whatever the schedule says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import elsewhere
from rotator.cli.asking import Manner, Wish, carry_out
from rotator.cli.exits import WrongUse

if TYPE_CHECKING:
    from rotator.cli.settings import Settings

Emergency = Annotated[
    str,
    typer.Option(metavar="REASON", help="Wait for no freeze, approval or storm limit; the audit keeps the reason."),
]


AcceptOutage = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-outage", metavar="DEST", help="With --compromised: go on without this destination (repeatable)."
    ),
]
Key = Annotated[
    str, typer.Option(metavar="KEY_ID", help="With --compromised: revoke this key too, though it is not ours.")
]


def rotate(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Which rotations.")] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All that are not paused.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="All whose last attempt failed.")] = False,
    compromised: Annotated[
        bool, typer.Option("--compromised", help="Then revoke every other secret of ours at once.")
    ] = False,
    accept_outage: AcceptOutage = None,
    key: Key = "",
    emergency: Emergency = "",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow it to its end, or leave it to the daemon.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Rotate now: by the daemon if one runs, else here. Back-off, spread and "not yet" are passed by."""
    if sum((bool(names), all_, failed)) != 1:
        raise WrongUse("say which rotations", hint="Names, or --all, or --failed; one of the three.")
    if (accept_outage or key) and not compromised:
        raise WrongUse("--accept-outage and --key go with --compromised only")
    if key and len(names or ()) != 1:
        raise WrongUse("--key goes with exactly one name")
    settings: Settings = context.obj
    if settings.server:
        elsewhere.refuse(settings, compromised=compromised, emergency=emergency, no_wait=not wait)
        raise typer.Exit(elsewhere.rotate(settings, names or (), failed_only=failed, as_json=as_json))
    facts = {"accept_outage": list(accept_outage or ()), "key": key, "emergency": emergency}
    facts = {name: given for name, given in facts.items() if given}
    wish = Wish("compromised" if compromised else "rotate", facts, tuple(names or ()), every=all_, failed_only=failed)
    raise typer.Exit(asyncio.run(carry_out(context.obj, wish, Manner(wait=wait, as_json=as_json))))
