"""Which files do the pages need? Style, htmx and its extension, from this server and no other."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rotator.web.dashboard.rendering import STATIC
from rotator.web.envelope import id_of, refusal
from rotator.web.refusals import NotFound

_KINDS = {".css": "text/css", ".js": "text/javascript", ".txt": "text/plain", ".svg": "image/svg+xml"}
_HELD = {path.name: (path.read_bytes(), _KINDS[path.suffix]) for path in sorted(STATIC.iterdir())}
#: Their addresses change with them.
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


async def _file(request: Request) -> Response:
    """One of them."""
    held = _HELD.get(request.path_params["name"])
    if held is None:
        return refusal(id_of(request), NotFound("There is no such file"))
    body, kind = held
    return Response(body, media_type=kind, headers=_KEPT)


ROUTES = [Route("/static/{name}", _file, methods=["GET"], include_in_schema=False)]
