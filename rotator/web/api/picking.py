"""Which application shall it be? All that a connection sees, whole or page by page, for whoever picks one."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from rotator.domain.model import Application
from rotator.errors import RotatorError
from rotator.options import Id
from rotator.web.access import Calling
from rotator.web.api.connections import found_connection
from rotator.web.api.resources import Known
from rotator.web.api.shapes import APP
from rotator.web.envelope import id_of, refusal

router = APIRouter(prefix="/api/v1/app-connections", tags=["connections"])
#: Who accepts this sees a tenant of thousands arrive.
LINES = "application/x-ndjson"

_Pages = AsyncGenerator[Sequence[Application], None]


@router.get(f"/{APP}/{{connection_id}}/clients", response_class=JSONResponse)
async def clients(
    request: Request,
    caller: Calling,
    known: Known,
    connection_id: Id,
    name: Annotated[str | None, Query(max_length=256, description="Ours: part of the name.")] = None,
) -> Response:
    """The applications of the tenant, for who picks one: `id` is the object id.

    Whoever accepts `application/x-ndjson` gets a line for each page, with how many have been seen, and one at the end.
    """
    connection = await found_connection(known, caller, connection_id)
    pages = known.connections.applications(connection)
    # The first page before anything is answered: most of what can go wrong shows there, and has its status.
    first = await anext(pages, ())
    part = (name or "").lower()
    if LINES in request.headers.get("accept", ""):
        return StreamingResponse(_lines(first, pages, part=part, request_id=id_of(request)), media_type=LINES)
    async with aclosing(pages):
        found = [*_shown(first, part), *[each async for page in pages for each in _shown(page, part)]]
    return JSONResponse({"clients": found})


async def _lines(first: Sequence[Application], pages: _Pages, *, part: str, request_id: str) -> AsyncIterator[str]:
    seen = len(first)
    yield _line({"clients": _shown(first, part), "seen": seen})
    try:
        async with aclosing(pages):
            async for page in pages:
                seen += len(page)
                yield _line({"clients": _shown(page, part), "seen": seen})
    except RotatorError as problem:
        yield bytes(refusal(request_id, problem).body).decode() + "\n"
    else:
        yield _line({"done": True, "seen": seen})


def _line(said: Mapping[str, Any]) -> str:
    return json.dumps(said) + "\n"


def _shown(page: Sequence[Application], part: str) -> list[dict[str, str]]:
    return [
        {"name": each.name, "id": each.object_id, "appId": each.client_id} for each in page if part in each.name.lower()
    ]
