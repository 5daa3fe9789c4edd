"""What do the pages work with? Made by the composition root, found on the app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, cast

from rotator.domain.model import Credential
from rotator.domain.nodes import Node
from rotator.domain.overview import Life, Look, Overview
from rotator.web.api.resources import Resources
from rotator.web.parts import Parts

if TYPE_CHECKING:
    from starlette.requests import Request


class LookingBooks(Protocol):
    """The store, as far as many rotations are looked at. All raise StoreUnavailable."""

    async def overview(self, look: Look) -> Overview: ...

    async def life(self, rotation_id: str, since: datetime) -> Life: ...

    async def ledger(self, rotation_id: str) -> Sequence[Credential]: ...

    async def now(self) -> datetime: ...

    async def approve(self, rotation_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything that pages need of the world."""

    parts: Parts
    resources: Resources
    books: LookingBooks
    #: Browsers reach us over https: cookies are for that alone.
    is_secure: bool = False
    #: The nodes of the database and the time they are judged by; None where there can be only one.
    nodes: Callable[[], Awaitable[tuple[Sequence[Node], datetime]]] | None = None


def dashboard_of(request: Request) -> Dashboard:
    """That of the app that the request has reached."""
    return cast("Dashboard", request.app.state.dashboard)
