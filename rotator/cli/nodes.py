"""`rotator status --nodes`: which daemons work on the database, and have they read the same definitions?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rotator.cli.books import open_existing
from rotator.cli.exits import WrongUse
from rotator.domain.nodes import Node, differing

if TYPE_CHECKING:
    from rich.table import Table

    from rotator.cli.settings import Settings

_SHORT = 8


async def show_nodes(settings: Settings, *, as_json: bool) -> None:
    """Print them. Raises WrongUse for a SQLite database, which has one daemon at most."""
    if settings.read_state().path is not None:
        raise WrongUse(
            "a SQLite database has one daemon at most", hint="'rotator healthcheck' tells whether it is alive."
        )
    async with open_existing(settings) as store:
        found, now = await store.nodes.nodes()
    if as_json:
        print(json.dumps({"nodes": [_outside(node, now) for node in found]}, indent=2))
        return
    from rotator.cli.tables import printed

    printed(_table(found, now))
    if differing(found, now):
        print("\nThe nodes have read different definitions: bring their files into agreement, then SIGHUP or restart.")


def _table(found: Sequence[Node], now: datetime) -> Table:
    from rich.table import Table

    from rotator.cli.tables import far

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("node", "state", "seen", "started", "visits", "version", "definitions"):
        table.add_column(title, no_wrap=True)
    for node in found:
        seen, started = far(node.seen_at, now), far(node.started_at, now)
        table.add_row(
            node.name, node.state(now), seen, started, str(node.visits), node.version, node.digest[:_SHORT] or "-"
        )
    return table


def _outside(node: Node, now: datetime) -> dict[str, object]:
    return {
        "name": node.name,
        "holder": node.holder,
        "state": node.state(now),
        "seenAt": _instant(node.seen_at),
        "startedAt": _instant(node.started_at),
        "visits": node.visits,
        "version": node.version,
        "definitions": node.digest,
    }


def _instant(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
