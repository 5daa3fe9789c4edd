"""How does a person watch rotations happen? A live table on a terminal, plain lines elsewhere, nothing with --json."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rotator.observers.progress import News

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_STEPS = ("preflight", "issue", "verify", "deliver", "promote", "revoke")
_LATER = {"reclaim": "issue", "discard": "verify", "heal": "deliver", "revoke-others": "revoke"}
_REDRAW_PER_SECOND = 8


class Show(Protocol):
    """Where news goes."""

    def heard(self, news: News) -> None:
        """Show it."""

    def screen(self) -> AbstractContextManager[object]:
        """While in force, what is shown is kept up to date."""


def show(*, silent: bool) -> Show:
    """What fits where standard output leads to."""
    if silent:
        return Silence()
    return Board() if sys.stdout.isatty() else Lines()


class Silence:
    """Shows nothing."""

    def heard(self, news: News) -> None:
        """Ignored."""

    def screen(self) -> AbstractContextManager[object]:
        """Nothing."""
        return nullcontext()


class Lines:
    """One line for each, for logs and pipes."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def heard(self, news: News) -> None:
        """Print it, unless it repeats the last line of that rotation."""
        mark = {True: "ok", False: "failed", None: ".."}[news.ok]
        line = f"{news.rotation}  {news.step:<9}  {mark:<6}  {news.text}"
        if self._last.get(news.rotation) != line:
            self._last[news.rotation] = line
            print(line, flush=True)

    def screen(self) -> AbstractContextManager[object]:
        """Nothing: lines stay."""
        return nullcontext()


@dataclass(slots=True)
class _Row:
    marks: dict[str, bool | None] = field(default_factory=dict)
    text: str = ""
    ok: bool | None = None


class Board:
    """A row for each rotation: its steps, and the last that was heard."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._live: Live | None = None

    def heard(self, news: News) -> None:
        """Redrawn a few times a second."""
        row = self._rows.setdefault(news.rotation, _Row())
        if news.step == "begin":
            row.marks.clear()
        step = _LATER.get(news.step, news.step)
        if step in _STEPS:
            row.marks[step] = news.ok
        row.text, row.ok = news.text, news.ok

    def screen(self) -> AbstractContextManager[object]:
        """Draws until the block ends; what was drawn last stays."""
        from rich.live import Live

        self._live = Live(get_renderable=self._table, refresh_per_second=_REDRAW_PER_SECOND)
        return self._live

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0))
        for title in ("rotation", *_STEPS, ""):
            table.add_column(title, style="bold" if title == "rotation" else "", overflow="fold")
        for name, row in self._rows.items():
            marks = [Text.from_markup(_mark(row, step)) for step in _STEPS]
            style = {True: "green", False: "red", None: ""}[row.ok]
            table.add_row(name, *marks, Text(row.text, style=style))
        return table


def _mark(row: _Row, step: str) -> str:
    if step not in row.marks:
        return "[dim]·[/]"
    return {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]…[/]"}[row.marks[step]]
