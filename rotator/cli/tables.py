"""How do rotations look on a terminal? Tables, with the words of `status` and colours where they help."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rotator.domain.next_time import next_rotation_at
from rotator.domain.outside import shown_credentials, span, state_of

if TYPE_CHECKING:
    from rich.table import Table

    from rotator.domain.model import Credential, Facts

_STYLES = {
    "active": "green",
    "new": "cyan",
    "rotating": "yellow",
    "failed": "red",
    "held": "red",
    "paused": "dim",
    "retired": "dim",
}


def printed(table: Table) -> None:
    """On a terminal as wide as that is; elsewhere as wide as it takes, so that `grep` finds whole lines."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(table)
    else:
        print("\n".join(_lines(table)))


def _lines(table: Table) -> Iterator[str]:
    """The same table without colours and folds: drawing a thousand rows takes Rich half a second."""
    from rich.cells import cell_len, set_cell_size

    columns = [
        [*([str(column.header)] if table.show_header else []), *(str(each).replace("\n", " ") for each in column.cells)]
        for column in table.columns
    ]
    wide = [max(map(cell_len, column), default=0) for column in columns]
    for row in zip(*columns, strict=True):
        yield "  ".join(set_cell_size(cell, size) for cell, size in zip(row, wide, strict=True)).rstrip()


def overview(found: Sequence[Facts], now: datetime) -> Table:
    """A row for each rotation; exact times are in the detail and in the JSON."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("rotation", "state", "rotated", "next", "expires", "secrets", "message"):
        table.add_column(title, no_wrap=title != "message", overflow="fold")
    for facts in found:
        state = state_of(facts)
        current = facts.current
        table.add_row(
            facts.rotation.name,
            Text(state, style=_STYLES.get(state, "")),
            far(facts.standing.last_rotated_at, now),
            far(next_rotation_at(facts), now),
            far(current.expires_at if current else None, now),
            _count(facts),
            Text(_message(facts)),
        )
    return table


def detail_of(facts: Facts, now: datetime) -> Table:
    """One rotation, a line for each thing there is to know."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for title, text in _details(facts, now):
        table.add_row(title, Text(text))
    return table


def _details(facts: Facts, now: datetime) -> Iterator[tuple[str, str]]:
    rotation, standing, schedule = facts.rotation, facts.standing, facts.rotation.schedule
    yield "rotation", rotation.name
    if rotation.description:
        yield "description", rotation.description
    yield "state", state_of(facts)
    yield "message", standing.message or "-"
    app = rotation.application
    yield (
        "application",
        " ".join(filter(None, (app.name, app.object_id, app.client_id and f"(client id {app.client_id})"))),
    )
    yield "connection", rotation.connection
    yield "schedule", f"every {schedule.interval} days at {schedule.hour:02}:{schedule.minute:02} {schedule.zone}"
    yield "lifetime", span(rotation.lifetime)
    yield "last rotated", ago(standing.last_rotated_at, now)
    yield "next", ago(next_rotation_at(facts), now)
    yield from ((f"secret ({each.state.value})", _life(each, now)) for each in shown_credentials(facts))
    for each in facts.deliveries:
        borne = f"bears {each.key_id}" if each.key_id else "bears nothing of ours"
        yield "destination", f"{each.destination}: {borne}" + (f"; {each.message}" if each.message else "")
    for alarm in standing.alarms:
        yield "alarm", f"{alarm.code}: {alarm.message}"
    if facts.health.opened_at is not None:
        yield "connection rests", facts.health.message
    if rotation.defined_at:
        yield "defined at", rotation.defined_at


def _life(credential: Credential, now: datetime) -> str:
    parts = [credential.key_id, f"expires {ago(credential.expires_at, now)}"]
    if credential.revoke_at is not None:
        parts.append(f"to be revoked {ago(credential.revoke_at, now)}")
    if credential.revoke_message:
        parts.append(credential.revoke_message)
    return "; ".join(parts)


def _count(facts: Facts) -> str:
    """New, current and retiring ones."""
    new = "1 new, " if facts.pending else ""
    return (
        f"{new}{int(facts.current is not None)}, {len(facts.retiring)} old"
        if facts.retiring
        else f"{new}{int(facts.current is not None)}"
    )


def _message(facts: Facts) -> str:
    alarms = "; ".join(alarm.code for alarm in facts.standing.alarms)
    return f"[{alarms}] {facts.standing.message}" if alarms else facts.standing.message


def ago(instant: datetime | None, now: datetime) -> str:
    """The instant, and how far away it is."""
    return "-" if instant is None else f"{instant:%Y-%m-%d %H:%M}Z ({far(instant, now)})"


def far(instant: datetime | None, now: datetime) -> str:
    """How far away it is: `in 30d`, `3m ago`."""
    if instant is None:
        return "-"
    away = _length(abs(instant - now))
    return f"in {away}" if instant >= now else f"{away} ago"


def _length(away: timedelta) -> str:
    seconds = int(away.total_seconds())
    for unit, size, most in (("s", 1, 120), ("m", 60, 7200), ("h", 3600, 172800)):
        if seconds < most:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86400}d"
