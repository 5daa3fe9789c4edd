"""Is everything fine, what is next, what failed? The first page: a line on health, and a timeline of each rotation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.responses import Response

from rotator.domain.access import Role
from rotator.domain.model import Facts
from rotator.domain.next_time import next_rotation_at
from rotator.domain.outside import state_of
from rotator.domain.overview import SHOWN, Life, Look, Place, needs_attention
from rotator.web.access import Caller
from rotator.web.dashboard.steps import is_admin_somewhere
from rotator.web.dashboard.timeline import ZOOMS, Lane, Span, lane
from rotator.web.dashboard.visits import Visit, page

#: Lanes on a page.
_MOST = 50
_LAST_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One rotation of the list."""

    facts: Facts
    lane: Lane
    #: In one word.
    state: str
    next_at: datetime | None
    #: What a person should know; empty when all is well.
    trouble: str


async def _overview(visit: Visit) -> Response:
    show, zoom = _one_of(visit.asked("show"), SHOWN, "all"), _one_of(visit.asked("zoom"), tuple(ZOOMS), "month")
    text, number = visit.asked("q"), _page_number(visit.asked("page"))
    books = visit.dashboard.books
    span = Span.around(await books.now(), zoom)
    look = Look(span.start, places_of(visit.who), text, show, most=_MOST, offset=(number - 1) * _MOST)
    found = await books.overview(look)
    rows = [_row(each, found.lives[each.rotation.id], span) for each in found.page]
    chosen = {"q": text, "show": show, "zoom": zoom}
    return visit.page(
        "overview.html",
        found=found,
        rows=rows,
        span=span,
        chosen=chosen,
        shown=SHOWN,
        zooms=tuple(ZOOMS),
        number=number,
        may_add=is_admin_somewhere(visit),
        pages=max(1, -(-found.found // _MOST)),
        address=lambda **changes: "/?" + urlencode({k: v for k, v in (chosen | changes).items() if v}),
    )


def places_of(caller: Caller) -> frozenset[Place] | None:
    """Where he may read; None: everywhere, for who is an admin of everything."""
    if caller.is_everywhere:
        return None
    grants = [each for each in caller.identity.grants if each.role.covers(Role.READER)]
    return frozenset((each.project, each.environment, each.path) for each in grants)


def trouble_of(facts: Facts) -> str:
    """The one line that says what is wrong, of a rotation that needs somebody."""
    if not needs_attention(facts):
        return ""
    standing = facts.standing
    if standing.failures or standing.hold:
        return standing.message
    return next(iter(standing.alarms)).message


def _row(facts: Facts, life: Life, span: Span) -> Row:
    return Row(facts, lane(facts, life, span), state_of(facts), next_rotation_at(facts), trouble_of(facts))


def _one_of(said: str, known: tuple[str, ...], usual: str) -> str:
    return said if said in known else usual


def _page_number(said: str) -> int:
    return min(int(said), _LAST_PAGE) if said.isascii() and said.isdigit() and said.strip("0") else 1


ROUTES = [page("/", _overview)]
