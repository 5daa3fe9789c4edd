"""Which pages are there? Found by the paths that follow from what they show."""

from __future__ import annotations

from starlette.routing import Route

from rotator.web.dashboard import (
    adding,
    adopting,
    connection_changes,
    connections,
    consenting,
    deleting,
    editing,
    entra,
    files,
    inventory,
    orders,
    overview,
    records,
    revealing,
    rotation,
    signing,
    steps,
)

#: All of them.
ROUTES: list[Route] = [
    *overview.ROUTES,
    *adding.ROUTES,  # before those whose path holds an id
    *steps.ROUTES,
    *rotation.ROUTES,
    *editing.ROUTES,
    *deleting.ROUTES,
    *orders.ROUTES,
    *revealing.ROUTES,
    *consenting.ROUTES,  # before those whose path holds an id
    *connections.ROUTES,
    *connection_changes.ROUTES,
    *inventory.ROUTES,
    *adopting.ROUTES,
    *records.ROUTES,
    *signing.ROUTES,
    *entra.ROUTES,
    *files.ROUTES,
]
