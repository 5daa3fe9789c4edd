"""`rotator plan`: what would happen, when and why? Nothing is changed, and no database is needed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotator.errors import ConfigError, NoBooks

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.cli.settings import Settings
    from rotator.config import Configuration
    from rotator.domain.definition import Defined
    from rotator.domain.edits import Edit
    from rotator.domain.forecast import Run
    from rotator.domain.model import Facts

_RUNS = 10


@dataclass(frozen=True, slots=True)
class _Planned:
    facts: Facts
    #: What the configuration would change in the books about it: add, change, retire, inherit, or nothing.
    edit: str
    runs: Sequence[Run]


def plan(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Only this rotation, with all its runs.")] = "",
    *,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="How many runs of each.")] = _RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
) -> None:
    """Show the next runs of every rotation, each with its reason, as this configuration would have them."""
    from rotator.cli.asking import pick

    found, now = asyncio.run(_plan(context.obj, runs))
    chosen = [each for each in found if not name or each.facts is pick([each.facts for each in found], name)]
    if as_json:
        print(json.dumps({"rotations": [_plain(each) for each in chosen]}, indent=2))
        return
    _print(chosen, now, whole=bool(name))


async def _plan(settings: Settings, count: int) -> tuple[list[_Planned], datetime]:
    from rotator.domain.forecast import forecast
    from rotator.domain.model import Limits

    configuration = settings.read()
    books = await _books(configuration)
    limits = configuration.daemon.limits
    held = Limits(limits.rotations_per_hour, limits.failures_before_pause)
    expected = _expected(books, configuration)
    frozen = configuration.freeze
    runs = [forecast(facts, books.now, count, limits=held, freeze=frozen) for facts, _ in expected]
    return [_Planned(*each, found) for each, found in zip(expected, runs, strict=True)], books.now


@dataclass(frozen=True, slots=True)
class _Books:
    """What the database holds, if there is one."""

    facts: Sequence[Facts]
    defined: Sequence[Defined]
    now: datetime


async def _books(configuration: Configuration) -> _Books:
    from rotator.app import open_books
    from rotator.clock import SystemClock

    try:
        store = open_books(configuration.state, make=False)
    except NoBooks:
        return _Books([], [], SystemClock().now())
    try:
        return _Books(await store.facts(), await store.definitions(), await store.now())
    finally:
        store.close()


def _expected(books: _Books, configuration: Configuration) -> list[tuple[Facts, str]]:
    """The facts as they would be once the configuration has been brought into the books."""
    from uuid import uuid4

    from rotator.domain.edits import edits

    planned, problems = edits(books.defined, configuration.rotations, books.now, lambda: str(uuid4()))
    if problems:
        raise ConfigError(problems)
    by_id = {facts.rotation.id: (facts, "") for facts in books.facts}
    for edit in planned:
        changed = _edited(by_id, edit, books.now)
        by_id[changed.rotation.id] = (changed, type(edit).__name__.lower())
    return sorted(by_id.values(), key=lambda each: each[0].rotation.name)


def _edited(by_id: dict[str, tuple[Facts, str]], edit: Edit, now: datetime) -> Facts:
    from rotator.domain.edits import Add, Change, Inherit
    from rotator.domain.model import ConnectionHealth, Facts, Standing, Switches

    if isinstance(edit, Add):
        rotation = edit.rotation
        return Facts(rotation, Switches(now), Standing(rotation.id), ConnectionHealth(rotation.connection))
    if isinstance(edit, Change | Inherit):
        old, _ = by_id[edit.from_id if isinstance(edit, Inherit) else edit.rotation.id]
        moved = edit.changed_at if isinstance(edit, Change) else now
        switches = replace(old.switches, retired_at=None, changed_at=moved or old.switches.changed_at)
        return replace(old, rotation=edit.rotation, switches=switches)
    old, _ = by_id[edit.rotation_id]
    return replace(old, switches=replace(old.switches, retired_at=edit.at))


def _print(chosen: Sequence[_Planned], now: datetime, *, whole: bool) -> None:
    from rich.table import Table

    from rotator.cli.tables import ago, printed

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("rotation", "next", "why", "then", ""):
        table.add_column(title, no_wrap=title != "then")
    for each in chosen:
        first, *others = each.runs
        when = "now" if first.at == now else ago(first.at, now)
        shown = others if whole else others[: _RUNS - 1]
        then = ", ".join(f"{run.at:%Y-%m-%d %H:%M}Z" for run in shown if run.at)
        table.add_row(each.facts.rotation.name, when, first.reason, then, each.edit and f"({each.edit})")
    printed(table)
    for each in chosen:
        for credential in filter(lambda credential: credential.revoke_at, each.facts.retiring):
            print(f"{each.facts.rotation.name}: {credential.key_id} will be revoked {ago(credential.revoke_at, now)}")


def _plain(each: _Planned) -> dict[str, Any]:
    from rotator.domain.outside import at

    return {
        "name": each.facts.rotation.name,
        "change": each.edit or None,
        "runs": [{"at": at(run.at), "reason": run.reason} for run in each.runs],
        "revocations": [{"keyId": c.key_id, "at": at(c.revoke_at)} for c in each.facts.retiring],
    }
