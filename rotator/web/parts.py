"""What do the routes work with? Made by the composition root, found on the app."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from rotator.ports import Clock
from rotator.web.audit import Audit
from rotator.web.auth.keyring import Keyring
from rotator.web.broadcast import Broadcast
from rotator.web.limits import Limits
from rotator.web.ports import AccessBooks, Readiness

if TYPE_CHECKING:
    from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that routes need of the world."""

    access: AccessBooks
    audit: Audit
    limits: Limits
    keyring: Keyring
    clock: Clock
    ready: Readiness
    broadcast: Broadcast = field(default_factory=Broadcast)
    #: Gives what Prometheus is told; None where nothing is counted.
    numbers: Callable[[], Iterable[str]] | None = None
    #: Whoever reaches us may read them.
    numbers_are_open: bool = False
    #: How long a body may take to arrive, in seconds.
    patience: float = 20.0
    #: Networks whose X-Forwarded-For is believed.
    trusted_proxies: Callable[[], tuple[str, ...]] = field(default=lambda: ())


def parts_of(request: Request) -> Parts:
    """Those of the app that the request has reached."""
    return cast("Parts", request.app.state.parts)
