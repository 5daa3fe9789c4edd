"""Which routes sign identities in, and say who they are?"""

from __future__ import annotations

from fastapi import APIRouter

from rotator.web.auth import azure, identities, tokens, universal

#: All of them, in the order of the documentation.
ROUTERS: list[APIRouter] = [identities.router, universal.router, azure.router, tokens.router]
