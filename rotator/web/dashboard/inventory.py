"""What expires in the tenants, and what of it does nobody rotate? Taken on request, for who reads everything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from rotator.domain.inventory import Finding, Item, counted
from rotator.domain.stock import Wanted
from rotator.web.api.inventory import asked_of
from rotator.web.dashboard.steps import is_admin_somewhere
from rotator.web.dashboard.stock import MOST, Taken
from rotator.web.dashboard.visits import Visit, page

#: Lines on a page.
_PAGE = 50
_LAST_PAGE = MOST // _PAGE
#: What may be chosen of the time left: days, and how it is said.
WITHIN = {"": "any time", "7": "7 days", "30": "30 days", "90": "90 days"}
#: What the findings mean, for people.
MEANINGS = {
    Finding.EXPIRED: "it does not sign in any more",
    Finding.EXPIRING: "it ends within 30 days",
    Finding.NEVER_EXPIRES: "it has no end, or one in more than 20 years",
    Finding.LONG_LIVED: "it lives for more than a year",
    Finding.TOO_MANY: "its application holds more than two valid secrets",
    Finding.NO_OWNER: "nobody owns its application",
    Finding.HIDDEN: "a service principal holds it, where the portal does not show it",
    Finding.ORPHAN: "it bears a name of this installation, and no ledger holds it",
}


async def _inventory(visit: Visit) -> Response:
    return visit.page("inventory.html", **await _shown(visit))


async def _part(visit: Visit) -> Response:
    """What changes of the page: while it is taken, and while somebody types."""
    shown = await _shown(visit)
    answer = visit.page("inventory_part.html", **shown)
    answer.headers["HX-Replace-Url"] = shown["address"]()
    return answer


async def _take(visit: Visit) -> Response:
    """Begin; one that is being taken goes on, and is shown."""
    known, stock = visit.dashboard.resources, visit.dashboard.stock
    connections = await asked_of(known, visit.who, "")
    if not stock.is_under_way:
        visit.dashboard.parts.limits.take("inventories", visit.who.identity.id)
        await visit.record("inventory.take", connections=[each.name for each in connections])
        ours = [each.client_id for each in connections]
        stock.take(known.connections.inventory(connections), known.clock, by=visit.who.identity.name, ours=ours)
    return visit.to("/inventory")


async def _shown(visit: Visit) -> dict[str, Any]:
    connections = await asked_of(visit.dashboard.resources, visit.who, "")
    taken = visit.dashboard.stock.taken
    chosen = _chosen(visit)
    lines = _wanted_of(taken, chosen) if taken is not None and taken.ended_at is not None else []
    pages = max(1, -(-len(lines) // _PAGE))
    number = min(pages, _page_number(visit.asked("page")))
    return {
        "taken": taken,
        "now": visit.dashboard.resources.clock.now(),
        "chosen": chosen,
        "lines": lines[(number - 1) * _PAGE : number * _PAGE],
        "count": len(lines),
        "nobodys": sum(not each.rotation for each in lines),
        "counts": counted(lines),
        "connections": [each.name for each in connections],
        "meanings": {finding.value: said for finding, said in MEANINGS.items()},
        "within": WITHIN,
        "most": MOST,
        "number": number,
        "pages": pages,
        "may_adopt": is_admin_somewhere(visit),
        "address": lambda **changes: "/inventory?" + urlencode({k: v for k, v in (chosen | changes).items() if v}),
    }


def _chosen(visit: Visit) -> dict[str, str]:
    findings = set(Finding)
    found = {name: visit.asked(name) for name in ("q", "connection", "finding", "within", "unmanaged")}
    found["finding"] = found["finding"] if found["finding"] in findings else ""
    found["within"] = found["within"] if found["within"] in WITHIN else ""
    return found


def _wanted_of(taken: Taken, chosen: Mapping[str, str]) -> list[Item]:
    within = timedelta(days=int(chosen["within"])) if chosen["within"] else None
    wanted = Wanted(
        (chosen["q"],) if chosen["q"] else (),
        within,
        frozenset({chosen["finding"]} - {""}),
        unmanaged=bool(chosen["unmanaged"]),
    )
    connection = chosen["connection"]
    return [
        each
        for each in taken.items
        if (not connection or each.connection == connection) and wanted.takes(each, taken.begun_at)
    ]


def _page_number(said: str) -> int:
    return min(int(said), _LAST_PAGE) if said.isascii() and said.isdigit() and said.strip("0") else 1


ROUTES = [
    page("/inventory", _inventory),
    page("/inventory/part", _part),
    page("/inventory", _take, methods=["POST"]),
]
