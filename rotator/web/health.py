"""Is the daemon alive, can it work, and what can it be asked? Open to all: nothing in these answers is a secret."""

from __future__ import annotations

import html
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse

from rotator.web.parts import parts_of

router = APIRouter(tags=["operations"])
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Rotator API</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
td{{padding:.15rem .8rem .15rem 0;vertical-align:top}}code{{font-size:.95em}}</style></head>
<body><h1>Rotator API {version}</h1><p>{about}</p>
<p>The whole description: <a href="/api/docs/openapi.json">OpenAPI, as JSON</a>.</p>
<table>{rows}</table></body></html>"""
_ROW = "<tr><td><code>{method}</code></td><td><code>{path}</code></td><td>{about}</td></tr>"


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Alive: the loop turns. Asks nothing of anybody."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "It cannot work now; `status` says why."}})
async def readyz(request: Request) -> JSONResponse:
    """Ready: the state database answers and its keys are there; not while stopping."""
    why = await parts_of(request).ready()
    return JSONResponse({"status": why or "ok"}, 503 if why else 200)


@router.get("/api/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """What can be asked, as a page."""
    described = request.app.openapi()
    rows = [
        _ROW.format(method=method.upper(), path=html.escape(path), about=html.escape(operation.get("summary", "")))
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    ]
    about = described["info"]
    page = _PAGE.format(version=about["version"], about=html.escape(about["description"]), rows="\n".join(rows))
    return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


@router.get("/api/docs/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Any:
    """What can be asked, as OpenAPI."""
    return JSONResponse(request.app.openapi())
