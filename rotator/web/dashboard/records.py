"""Who has done what, and which daemons work? The audit and the nodes, for admins of everything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from rotator.domain.access import AuditSearch
from rotator.domain.nodes import differing
from rotator.web.api.audit_rows import before, cursor
from rotator.web.dashboard.visits import Visit, page
from rotator.web.refusals import NotFound

_MOST = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def _audit(visit: Visit) -> Response:
    """The rows of all nodes, newest first."""
    visit.who.require_everywhere()
    chosen = {"kind": visit.asked("kind"), "actor": visit.asked("actor")}
    search = AuditSearch(
        chosen["kind"], chosen["actor"], before=before(visit.asked("before", most=256)), most=_MOST + 1
    )
    found = await visit.dashboard.parts.access.search(search)
    older = urlencode({**chosen, "before": cursor(found[_MOST - 1])}) if len(found) > _MOST else ""
    return visit.page("audit.html", rows=[_row(each) for each in found[:_MOST]], chosen=chosen, older=older)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    facts = ", ".join(f"{name}: {_plain(value)}" for name, value in row["facts"].items())
    return {**row, "at": _EPOCH + timedelta(microseconds=row["at"]), "said": facts}


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


async def _nodes(visit: Visit) -> Response:
    """The daemons of this database."""
    visit.who.require_everywhere()
    ask = visit.dashboard.nodes
    if ask is None:
        raise NotFound("A SQLite database has one daemon, the one that shows you this")
    found, now = await ask()
    return visit.page("nodes.html", nodes=found, now=now, differ=differing(found, now))


ROUTES = [page("/audit", _audit), page("/nodes", _nodes)]
