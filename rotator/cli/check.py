"""`rotator check`: would everything work? Configuration, sign-in, permissions, policies, destinations, clocks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import exits

if TYPE_CHECKING:
    from rotator.cli.inspection import Finding
    from rotator.cli.settings import Settings
    from rotator.config import Configuration
    from rotator.domain.advice import Advice
    from rotator.store.store import SqlStore


def check(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Only these rotations.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print every finding as JSON.")] = False,
) -> None:
    """Ask the real tenant and destinations what would refuse a rotation; nothing is changed. Status 1 if any would."""
    settings: Settings = context.obj
    configuration = settings.read()
    known = {rotation.name for rotation in configuration.rotations}
    for name in names or ():
        if name not in known:
            raise exits.WrongUse(f"the configuration has no rotation {name!r}")
    settings.start_log(level="error")
    findings = asyncio.run(_check(configuration, set(names or known)))
    ways = _ways(configuration, set(names or known))
    if as_json:
        shown = {"checks": [asdict(each) for each in findings], "advice": [asdict(each) for each in ways]}
        print(json.dumps(shown, indent=2))
    else:
        for warning in configuration.warnings:
            print(f"{warning} [warning]")
        _print(findings)
        for each in ways:
            print(f"\n{each.rotation} may need no secret: {each.message} ({each.destination}).\n  {each.hint}")
    raise typer.Exit(exits.FAILED if any(each.ok is False for each in findings) else exits.DONE)


async def _check(configuration: Configuration, names: set[str]) -> list[Finding]:
    from rotator.app import open_parts
    from rotator.cli.inspection import Inspection

    async with open_parts(configuration) as parts:
        ids = {each.rotation.name: each.rotation.id for each in await parts.store.definitions()}
        chosen = [replace(each, id=ids.get(each.name, "")) for each in configuration.rotations if each.name in names]
        connections = [name for name in configuration.connections if name in {each.connection for each in chosen}]
        installation = parts.store.installation
        inspection = Inspection(
            parts.directories, parts.destinations, parts.clock, installation, parts.secrets, parts.hooks
        )
        found = await inspection.everything(connections or list(configuration.connections), chosen)
        return [*await _of_nodes(parts.store), *found]


def _ways(configuration: Configuration, names: set[str]) -> list[Advice]:
    """Which of these rotations could do without a secret, and how."""
    from rotator.domain.advice import advice
    from rotator.entra.clouds import endpoints

    found: list[Advice] = []
    for each in (each for each in configuration.rotations if each.name in names):
        cloud = endpoints(configuration.connections[each.connection].cloud, configuration.clouds)
        found += advice(each, cloud=cloud.name, authority=cloud.authority)
    return found


async def _of_nodes(store: SqlStore) -> list[Finding]:
    """Nodes that have read different files are told of; a file has no nodes."""
    from rotator.cli.inspection import Finding
    from rotator.domain.nodes import differing

    nodes, now = await store.nodes.nodes()
    if not differing(nodes, now):
        return []
    what = "living nodes have read different definitions"
    return [Finding("nodes", "definitions", ok=False, message=what, hint="See rotator status --nodes.")]


def _print(findings: Sequence[Finding]) -> None:
    """A row for what is well with a subject, and one for each thing that is not."""
    from rich.table import Table
    from rich.text import Text

    from rotator.cli.tables import printed

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("", "subject", "check", "finding"):
        table.add_column(title, overflow="fold")
    for subject in dict.fromkeys(each.subject for each in findings):
        of_it = [each for each in findings if each.subject == subject]
        well = [each.check for each in of_it if each.ok]
        if well:
            told = "; ".join(each.message for each in of_it if each.ok and each.check == "credential")
            table.add_row(Text("ok", style="green"), subject, ", ".join(well), Text(told))
        for each in filter(lambda each: not each.ok, of_it):
            mark = Text("failed", style="red") if each.ok is False else Text("?", style="yellow")
            told = f"{each.message}. {each.hint}" if each.hint else each.message
            table.add_row(mark, subject, each.check, Text(told))
    printed(table)
    failed = sum(each.ok is False for each in findings)
    print(f"{len(findings)} checks, {failed} failed" if failed else f"{len(findings)} checks, all is well")
