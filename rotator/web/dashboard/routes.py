"""Which pages are there? Found by the paths that follow from what they show."""

from __future__ import annotations

from starlette.routing import Route

from rotator.web.dashboard import adding, connections, files, orders, overview, records, rotation, signing

#: All of them.
ROUTES: list[Route] = [
    *overview.ROUTES,
    *adding.ROUTES,  # before those whose path holds an id
    *rotation.ROUTES,
    *orders.ROUTES,
    *connections.ROUTES,
    *records.ROUTES,
    *signing.ROUTES,
    *files.ROUTES,
]
