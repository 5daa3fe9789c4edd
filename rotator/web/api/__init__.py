"""What can be done over the API besides signing in? One module for each kind of resource."""

from __future__ import annotations

from fastapi import APIRouter

from rotator.web.api import (
    connections,
    events,
    inventory,
    picking,
    projects,
    rotation_changes,
    rotation_orders,
    rotations,
    secrets,
)

#: All of them.
ROUTERS: list[APIRouter] = [
    secrets.router,  # first, for it is asked most, and the framework tries them one after another
    rotations.router,
    rotation_changes.router,
    rotation_orders.router,
    connections.router,
    picking.router,
    projects.router,
    inventory.router,
    events.router,
]
