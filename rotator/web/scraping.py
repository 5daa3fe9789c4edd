"""What does Prometheus get, and what a probe? /metrics, /healthz and /readyz: of the API, or on a listener in clear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from rotator.web.access import caller_of
from rotator.web.parts import parts_of
from rotator.web.ports import Readiness
from rotator.web.refusals import NotFound

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

#: https://prometheus.io/docs/instrumenting/exposition_formats/
_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Gives the whole answer to a scrape in pieces, without waiting for anything.
Numbers = Callable[[], Iterable[str]]

router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {}}, "description": "The text format of Prometheus."}},
)
async def metrics(request: Request) -> Response:
    """The numbers, for Prometheus. They name rotations: told to all on this machine, else to admins of everything."""
    parts = parts_of(request)
    if parts.numbers is None:
        raise NotFound("No numbers are kept here")
    if not parts.numbers_are_open:
        (await caller_of(request)).require_everywhere()
    return scraped(parts.numbers)


@dataclass(frozen=True, slots=True)
class Scraping:
    """The app of the second listener, which knows three paths and no sign-in."""

    numbers: Numbers
    ready: Readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = await self._answer(scope["method"], scope["path"])
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        await answer(scope, receive, send)

    async def _answer(self, method: str, path: str) -> Response:
        if path not in {"/metrics", "/healthz", "/readyz"}:
            return PlainTextResponse("There are /metrics, /healthz and /readyz here\n", 404)
        if method not in {"GET", "HEAD"}:
            return PlainTextResponse("Only GET\n", 405, {"Allow": "GET, HEAD"})
        if path == "/metrics":
            return scraped(self.numbers)
        why = await self.ready() if path == "/readyz" else ""
        return JSONResponse({"status": why or "ok"}, 503 if why else 200)


def scraped(numbers: Numbers) -> Response:
    """The answer to a scrape. Between two pieces everybody else has his turn."""

    async def pieces() -> AsyncIterator[bytes]:
        for piece in numbers():
            yield piece.encode()
            await asyncio.sleep(0)

    return StreamingResponse(pieces(), headers={"Content-Type": _TYPE})
