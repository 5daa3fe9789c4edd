"""`rotator inventory`: what expires in the tenant, and what of it does nobody rotate?"""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotator.cli import exits
from rotator.cli.exits import WrongUse
from rotator.domain.inventory import Finding, Item, counted
from rotator.errors import RotatorError

if TYPE_CHECKING:
    from rotator.app import Parts
    from rotator.cli.settings import Settings
    from rotator.config import Configuration
    from rotator.domain.model import Facts

_FINDINGS = " | ".join(Finding)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are chosen."""

    names: Sequence[str] = ()
    connection: str = ""
    within: timedelta | None = None
    findings: frozenset[str] = frozenset()
    unmanaged: bool = False

    def takes(self, item: Item, now: datetime) -> bool:
        """Is it one of them?"""
        holder = item.holder
        named = not self.names or any(
            name.lower() in {holder.object_id, holder.client_id} or name.lower() in holder.name.lower()
            for name in self.names
        )
        return (
            named
            and (self.within is None or item.expires_within(now, self.within))
            and (not self.findings or not self.findings.isdisjoint(item.findings))
            and not (self.unmanaged and item.rotation)
        )


@dataclass(slots=True)
class Stock:
    """What was found; `seen` counts applications and service principals, `problems` what could not be looked at."""

    now: datetime
    items: list[Item] = field(default_factory=list)
    seen: int = 0
    problems: list[str] = field(default_factory=list)
    facts: Sequence[Facts] = ()


def inventory(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[APPLICATION...]", help="Part of its name, or its object or client id."),
    ] = None,
    *,
    connection: Annotated[str, typer.Option(metavar="NAME", help="Only what this connection sees.")] = "",
    expiring: Annotated[str, typer.Option(metavar="SPAN", help="Only what ends within it, such as 30d, or has.")] = "",
    finding: Annotated[list[str] | None, typer.Option(metavar="WORD", help=f"Only with it: {_FINDINGS}.")] = None,
    unmanaged: Annotated[bool, typer.Option("--unmanaged", help="Only what nobody rotates.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV.")] = False,
    write_config: Annotated[
        str, typer.Option("--write-config", metavar="FILE", help="Write definitions for the unmanaged secrets to it.")
    ] = "",
    adopt: Annotated[
        bool, typer.Option("--adopt", help="With --write-config: ask about each one; nothing is rotated.")
    ] = False,
) -> None:
    """List the secrets and certificates of all applications, and what is wrong with them; nothing is changed there."""
    if as_json and as_csv:
        raise WrongUse("--json and --csv exclude each other")
    if adopt and not write_config:
        raise WrongUse("--adopt needs --write-config FILE", hint="The definitions go there.")
    wanted = Wanted(tuple(names or ()), connection, _span(expiring), _words(finding or ()), unmanaged)
    settings: Settings = context.obj
    configuration = settings.read()
    settings.start_log(level="error")
    stock = asyncio.run(_take(configuration, wanted))
    for problem in stock.problems:
        exits.say(problem)
    chosen = sorted((each for each in stock.items if wanted.takes(each, stock.now)), key=_end)
    if write_config:
        from rotator.cli.takeover import take_over

        take_over(settings, stock, chosen, file=write_config, asks=adopt)
    else:
        _print(stock, chosen, form="json" if as_json else "csv" if as_csv else "table")
    raise typer.Exit(exits.FAILED if stock.problems else exits.DONE)


def _span(text: str) -> timedelta | None:
    from rotator.options import parse_span

    found = parse_span(text) if text else None
    if text and found is None:
        raise WrongUse(f"--expiring {text!r} is not a span", hint="Such as 30d or 48h.")
    return found


def _words(given: Sequence[str]) -> frozenset[str]:
    unknown = [each for each in given if each not in set(Finding)]
    if unknown:
        raise WrongUse(f"there is no finding {unknown[0]!r}", hint=f"There is: {', '.join(Finding)}.")
    return frozenset(given)


async def _take(configuration: Configuration, wanted: Wanted) -> Stock:
    from rotator.app import open_parts

    names = [wanted.connection] if wanted.connection else list(configuration.connections)
    async with open_parts(configuration) as parts:
        if wanted.connection and wanted.connection not in parts.secrets.connections:
            raise WrongUse(f"there is no connection {wanted.connection!r}")
        stock = Stock(parts.clock.now(), facts=await parts.store.facts())
        with _progress() as seen:
            for name in names:
                try:
                    await _of(parts, name, stock, seen)
                except RotatorError as problem:
                    stock.problems.append(f"{name}: {problem}")
    return stock


async def _of(parts: Parts, name: str, stock: Stock, seen: Callable[[int], None]) -> None:
    """Everything one connection sees, once for each tenant."""
    from rotator.stocktaking import ground_of, stock_of

    ground = ground_of(stock.facts, connection=name, installation=parts.store.installation, now=stock.now)
    have = {(each.holder.object_id, each.held.key_id) for each in stock.items}
    async with aclosing(stock_of(parts.directories, parts.store, ground)) as pages:
        async for count, items in pages:
            stock.seen += count
            stock.items += [each for each in items if (each.holder.object_id, each.held.key_id) not in have]
            seen(stock.seen)


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


def _end(item: Item) -> tuple[bool, datetime, str]:
    ends = item.held.expires_at
    return (ends is None, ends or datetime.max.replace(tzinfo=UTC), item.holder.name)


def _print(stock: Stock, chosen: Sequence[Item], *, form: str) -> None:
    if form == "json":
        shown = [_plain(each, stock.now) for each in chosen]
        print(json.dumps({"credentials": shown, "seen": stock.seen, "findings": counted(chosen)}, indent=2))
    elif form == "csv":
        rows = [_plain(each, stock.now) for each in chosen]
        writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "findings": " ".join(row["findings"])} for row in rows)
    else:
        _table(stock, chosen)


_COLUMNS = (
    "connection", "application", "objectId", "clientId", "heldBy", "kind", "keyId", "name", "startsAt", "expiresAt",
    "daysLeft", "rotation", "findings",
)  # fmt: skip


def _plain(item: Item, now: datetime) -> dict[str, Any]:
    from rotator.domain.outside import at

    holder, held = item.holder, item.held
    left = None if held.expires_at is None else (held.expires_at - now).days
    values = (
        item.connection, holder.name, holder.object_id, holder.client_id,
        "service-principal" if holder.is_principal else "application",
        held.kind, held.key_id, held.name, at(held.starts_at), at(held.expires_at), left, item.rotation or None,
        [each.value for each in item.findings],
    )  # fmt: skip
    return dict(zip(_COLUMNS, values, strict=True))


def _table(stock: Stock, chosen: Sequence[Item]) -> None:
    from rich.table import Table
    from rich.text import Text

    from rotator.cli.tables import ago, printed

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("application", "kind", "name", "key id", "expires", "rotation", "findings"):
        table.add_column(title, overflow="fold", no_wrap=title in {"kind", "expires"})
    for each in chosen:
        held = each.held
        bad = {Finding.EXPIRED, Finding.EXPIRING} & set(each.findings) and not each.rotation
        table.add_row(
            Text(each.holder.name),
            held.kind,
            Text(held.name),
            held.key_id,
            Text(ago(held.expires_at, stock.now), style="red" if bad else ""),
            Text(each.rotation or "-"),
            Text(", ".join(each.findings)),
        )
    printed(table)
    told = ", ".join(f"{count} {finding}" for finding, count in counted(chosen).items())
    nobodys = sum(not each.rotation for each in chosen)
    print(f"{len(chosen)} of {stock.seen} seen, {nobodys} not rotated" + (f": {told}" if told else ""))
