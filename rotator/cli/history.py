"""`rotator history`: what was attempted, step by step, and what came of it?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import elsewhere
from rotator.cli.asking import pick
from rotator.cli.books import open_existing

if TYPE_CHECKING:
    from rotator.cli.settings import Settings
    from rotator.domain.model import Attempt, Entry

Past = Sequence[tuple["Attempt", Sequence["Entry"]]]


def history(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which rotation.")],
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many attempts, the latest first.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print attempts with their journal as JSON.")] = False,
) -> None:
    """Show the attempts of a rotation with their steps, from the journal."""
    if context.obj.server:
        elsewhere.history(context.obj, name, limit=limit, as_json=as_json)
        return
    past = asyncio.run(_read(context.obj, name, limit))
    if as_json:
        from rotator.domain.outside import attempted

        print(json.dumps({"attempts": [attempted(attempt, entries) for attempt, entries in past]}, indent=2))
        return
    if not past:
        print(f"{name} has not been attempted yet")
    for attempt, entries in past:
        print(_headline(attempt))
        for line in _steps(name, entries):
            print(line)


def _steps(name: str, entries: Sequence[Entry]) -> Iterator[str]:
    from rotator.cli.news import news_of

    for entry in entries:
        news = news_of(name, entry)
        if news is not None:
            mark = {True: "ok", False: "failed", None: ".."}[news.ok]
            yield f"    {entry.at:%H:%M:%S}  {entry.step:<13} {mark:<6}  {news.text}"


async def _read(settings: Settings, name: str, limit: int) -> Past:
    async with open_existing(settings) as store:
        rotation = pick(await store.facts([name]), name).rotation
        return await store.history(rotation.id, limit=limit)


def _headline(attempt: Attempt) -> str:
    came_to = attempt.outcome.value if attempt.outcome else "open"
    took = f" in {(attempt.ended_at - attempt.started_at).total_seconds():.0f}s" if attempt.ended_at else ""
    mode = "" if attempt.mode.value == "rotate" else f" {attempt.mode.value}"
    return f"{attempt.started_at:%Y-%m-%d %H:%M:%S}Z  {attempt.id}  {attempt.reason}{mode}: {came_to}{took}"
