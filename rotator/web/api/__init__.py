"""What can be done over the API besides signing in? One module for each kind of resource."""

from __future__ import annotations

from fastapi import APIRouter

#: All of them, in the order of the documentation.
ROUTERS: list[APIRouter] = []
