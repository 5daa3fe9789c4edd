"""`rotator inventory`: what expires in the tenant, and what of it does nobody rotate?"""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import exits
from rotator.cli.exits import WrongUse
from rotator.domain.inventory import Finding, Item, counted
from rotator.domain.outside import stocked
from rotator.domain.stock import Look, Wanted, by_end

if TYPE_CHECKING:
    from rotator.cli.settings import Settings
    from rotator.config import Configuration
    from rotator.domain.model import Facts

_FINDINGS = " | ".join(Finding)


@dataclass(slots=True)
class Stock:
    """What was found; `seen` counts applications and service principals, `problems` what could not be looked at."""

    now: datetime
    items: list[Item] = field(default_factory=list)
    seen: int = 0
    problems: list[str] = field(default_factory=list)
    facts: Sequence[Facts] = ()

    def take(self, look: Look) -> None:
        """Add what it shows."""
        self.seen += look.seen
        self.items += look.items
        self.problems += [f"{look.connection}: {look.problem}"] if look.problem else []


_Names = Annotated[
    list[str] | None, typer.Argument(metavar="[APPLICATION...]", help="Part of its name, or its object or client id.")
]
_Connection = Annotated[str, typer.Option(metavar="NAME", help="Only what this connection sees.")]
_Expiring = Annotated[str, typer.Option(metavar="SPAN", help="Only what ends within it, such as 30d, or has.")]
_Found = Annotated[list[str] | None, typer.Option(metavar="WORD", help=f"Only with it: {_FINDINGS}.")]
_Usage = Annotated[bool, typer.Option("--usage", help="Ask when each was last used: a report of Graph's beta.")]
_UnusedAfter = Annotated[str, typer.Option(metavar="SPAN", help="With --usage: what is unused so long is a finding.")]
_Unmanaged = Annotated[bool, typer.Option("--unmanaged", help="Only what nobody rotates.")]
_File = Annotated[str, typer.Option(metavar="FILE", help="Write definitions for the unmanaged secrets to it.")]
_Adopt = Annotated[bool, typer.Option("--adopt", help="With --write-config: ask about each one; nothing is rotated.")]


def inventory(
    context: typer.Context,
    names: _Names = None,
    *,
    connection: _Connection = "",
    expiring: _Expiring = "",
    finding: _Found = None,
    usage: _Usage = False,
    unused_after: _UnusedAfter = "90d",
    unmanaged: _Unmanaged = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV.")] = False,
    write_config: _File = "",
    adopt: _Adopt = False,
) -> None:
    """List the secrets and certificates of all applications, and what is wrong with them; nothing is changed there."""
    if as_json and as_csv:
        raise WrongUse("--json and --csv exclude each other")
    if adopt and not write_config:
        raise WrongUse("--adopt needs --write-config FILE", hint="The definitions go there.")
    if Finding.UNUSED in (finding or ()) and not usage:
        raise WrongUse("--finding unused needs --usage", hint="It asks a report of Graph's beta.")
    wanted = Wanted(tuple(names or ()), _span("expiring", expiring), _words(finding or ()), unmanaged)
    idle = _span("unused-after", unused_after) if usage else None
    stock = _taken(context.obj, connection, idle)
    chosen = sorted((each for each in stock.items if wanted.takes(each, stock.now)), key=by_end)
    if write_config:
        from rotator.cli.takeover import take_over

        take_over(context.obj, stock, chosen, file=write_config, asks=adopt)
    else:
        _print(stock, chosen, form="json" if as_json else "csv" if as_csv else "table")
    raise typer.Exit(exits.FAILED if stock.problems else exits.DONE)


def _taken(settings: Settings, connection: str, unused_after: timedelta | None) -> Stock:
    configuration = settings.read()
    settings.start_log(level="error")
    stock = asyncio.run(_take(configuration, connection, unused_after))
    for problem in stock.problems:
        exits.say(problem)
    return stock


def _span(option: str, text: str) -> timedelta | None:
    from rotator.options import parse_span

    found = parse_span(text) if text else None
    if text and found is None:
        raise WrongUse(f"--{option} {text!r} is not a span", hint="Such as 30d or 48h.")
    return found


def _words(given: Sequence[str]) -> frozenset[str]:
    unknown = [each for each in given if each not in set(Finding)]
    if unknown:
        raise WrongUse(f"there is no finding {unknown[0]!r}", hint=f"There is: {', '.join(Finding)}.")
    return frozenset(given)


async def _take(configuration: Configuration, connection: str, unused_after: timedelta | None) -> Stock:
    from rotator.app import open_parts
    from rotator.stocktaking import stocks_of

    names = [connection] if connection else list(configuration.connections)
    async with open_parts(configuration) as parts:
        if connection and connection not in parts.secrets.connections:
            raise WrongUse(f"there is no connection {connection!r}")
        stock = Stock(parts.clock.now(), facts=await parts.store.facts())
        looks = stocks_of(parts.directories, parts.store, names, now=stock.now, unused_after=unused_after)
        with _progress() as seen:
            async with aclosing(looks):
                async for look in looks:
                    stock.take(look)
                    seen(stock.seen)
    return stock


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """How far it is, on a terminal only; it is not known how many there are."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.completed:.0f} applications and service principals"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda count: progress.update(task, completed=count)


def _print(stock: Stock, chosen: Sequence[Item], *, form: str) -> None:
    if form == "json":
        shown = [stocked(each, stock.now) for each in chosen]
        print(json.dumps({"credentials": shown, "seen": stock.seen, "findings": counted(chosen)}, indent=2))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        rows = (stocked(each, stock.now) for each in chosen)
        writer.writerows({**row, "findings": " ".join(row["findings"])} for row in rows)
    else:
        _table(stock, chosen)


_COLUMNS = (
    "connection", "application", "objectId", "clientId", "heldBy", "kind", "keyId", "name", "startsAt", "expiresAt",
    "daysLeft", "rotation", "lastUsedAt", "findings",
)  # fmt: skip


def _table(stock: Stock, chosen: Sequence[Item]) -> None:
    from rich.table import Table
    from rich.text import Text

    from rotator.cli.tables import ago, printed

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    used = ("last used",) if any(each.used_at for each in chosen) else ()
    for title in ("application", "kind", "name", "key id", "expires", *used, "rotation", "findings"):
        table.add_column(title, overflow="fold", no_wrap=title in {"kind", "expires", "last used"})
    for each in chosen:
        held = each.held
        bad = {Finding.EXPIRED, Finding.EXPIRING} & set(each.findings) and not each.rotation
        table.add_row(
            Text(each.holder.name),
            held.kind,
            Text(held.name),
            held.key_id,
            Text(ago(held.expires_at, stock.now), style="red" if bad else ""),
            *([Text(ago(each.used_at, stock.now))] if used else []),
            Text(each.rotation or "-"),
            Text(", ".join(each.findings)),
        )
    printed(table)
    told = ", ".join(f"{count} {finding}" for finding, count in counted(chosen).items())
    nobodys = sum(not each.rotation for each in chosen)
    print(f"{len(chosen)} of {stock.seen} seen, {nobodys} not rotated" + (f": {told}" if told else ""))
