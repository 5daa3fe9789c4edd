"""What expires in the tenants that connections see? `/api/v1/inventory`, whole as lines, or the first of it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from rotator.domain.access import Role
from rotator.domain.inventory import UNUSED_AFTER, Finding
from rotator.domain.outside import at, stocked
from rotator.domain.resources import ShownConnection
from rotator.domain.stock import Foremost, Look, Wanted
from rotator.options import Span, text
from rotator.web.access import Caller, Calling
from rotator.web.api.connections import visible_connections
from rotator.web.api.picking import LINES
from rotator.web.api.resources import Known, Resources
from rotator.web.api.values import Limit, Offset, Switch
from rotator.web.parts import parts_of
from rotator.web.refusals import BadRequest, Forbidden

router = APIRouter(tags=["inventory"])

_Looks = AsyncGenerator[Look, None]


@router.get("/api/v1/inventory", response_class=JSONResponse)
async def inventory(
    request: Request,
    caller: Calling,
    known: Known,
    *,
    connection: Annotated[str, text(64), Query(description="Its id or name; left out: all.")] = "",
    name: Annotated[list[Annotated[str, text(256)]] | None, Query(description="Part of a name, or an id.")] = None,
    expiring: Annotated[Span | None, Query(description="What ends within that, or has, such as 30d.")] = None,
    finding: Annotated[list[Finding] | None, Query(description="With one of these.")] = None,
    usage: Annotated[Switch, Query(description="Ask when each was last used: a report of Graph's beta.")] = False,
    unused_after: Annotated[Span, Query(alias="unusedAfter", description="With usage: what is unused so long.")] = (
        UNUSED_AFTER
    ),
    unmanaged: Annotated[Switch, Query(description="Only what nobody rotates.")] = False,
    limit: Annotated[Limit, Query()] = 100,
    offset: Annotated[Offset, Query()] = 0,
) -> Response:
    """The secrets and certificates of all applications, the first to end first; for who reads everything.

    Each request asks the tenants anew. Whoever accepts `application/x-ndjson` gets everything that is chosen, in the
    order of the tenants, a line for each page, and one at the end; `limit` and `offset` are for the other form.
    """
    if Finding.UNUSED in (finding or ()) and not usage:
        raise BadRequest("finding=unused needs usage=true")
    chosen = await asked_of(known, caller, connection)
    parts_of(request).limits.take("inventories", caller.identity.id)
    wanted = Wanted(tuple(name or ()), expiring, frozenset(finding or ()), unmanaged)
    looks = known.connections.inventory(chosen, unused_after=unused_after if usage else None)
    first = await _first(looks, is_alone=len(chosen) == 1)
    as_lines = LINES in request.headers.get("accept", "")
    foremost = Foremost(wanted, known.clock.now(), 0 if as_lines else offset + limit)
    if as_lines:
        return StreamingResponse(_lines(first, looks, foremost), media_type=LINES)
    async for look in _all(first, looks):
        foremost.take(look)
    shown = [stocked(each, foremost.now) for each in foremost.items[offset:]]
    return JSONResponse({"credentials": shown, **_summary(foremost)})


async def _first(looks: _Looks, *, is_alone: bool) -> Look | None:
    """The first page before anything is answered: most of what can go wrong shows there, and has its status."""
    first = await anext(looks, None)
    if is_alone and first is not None and first.problem is not None:
        await looks.aclose()
        raise first.problem
    return first


async def asked_of(known: Resources, caller: Caller, id_or_name: str) -> Sequence[ShownConnection]:
    """The connections that are meant, all when none is named. Raises Forbidden for who does not read everything."""
    if not caller.may(Role.READER, ""):
        raise Forbidden(
            f"The identity {caller.identity.name} does not read everything, and an inventory is of whole tenants"
        )
    found = await visible_connections(known, caller)
    chosen = [each for each in found if id_or_name in {"", each.id, each.name}]
    if id_or_name and not chosen:
        raise BadRequest(f"There is no connection {id_or_name}")
    return chosen


async def _all(first: Look | None, looks: _Looks) -> AsyncIterator[Look]:
    if first is not None:
        yield first
    async with aclosing(looks):
        async for look in looks:
            yield look


async def _lines(first: Look | None, looks: _Looks, foremost: Foremost) -> AsyncIterator[str]:
    async for look in _all(first, looks):
        foremost.take(look)
        chosen = [stocked(each, foremost.now) for each in look.items if foremost.wanted.takes(each, foremost.now)]
        yield _line({"credentials": chosen, "seen": foremost.seen})
    yield _line({"done": True, **_summary(foremost)})


def _summary(foremost: Foremost) -> dict[str, Any]:
    return {
        "totalCount": foremost.total,
        "unmanagedCount": foremost.unmanaged,
        "seen": foremost.seen,
        "findings": foremost.findings,
        "problems": [{"connection": name, "message": str(why)} for name, why in foremost.problems.items()],
        "takenAt": at(foremost.now),
    }


def _line(said: Mapping[str, Any]) -> str:
    return json.dumps(said) + "\n"
