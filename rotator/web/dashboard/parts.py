"""What do the pages work with? Made by the composition root, found on the app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, cast

from rotator.domain.access import Grant
from rotator.domain.model import Credential
from rotator.domain.nodes import Node
from rotator.domain.overview import Life, Look, Overview
from rotator.web.api.resources import Resources
from rotator.web.auth.keyring import Keyring
from rotator.web.dashboard.flows import Once
from rotator.web.dashboard.shelf import Shelf
from rotator.web.dashboard.stock import Stock
from rotator.web.parts import Parts

if TYPE_CHECKING:
    from starlette.requests import Request

    from rotator.domain.secret import Secret


class LookingBooks(Protocol):
    """The store, as far as many rotations are looked at. All raise StoreUnavailable."""

    async def overview(self, look: Look) -> Overview: ...

    async def life(self, rotation_id: str, since: datetime) -> Life: ...

    async def ledger(self, rotation_id: str) -> Sequence[Credential]: ...

    async def now(self) -> datetime: ...

    async def approve(self, rotation_id: str) -> None: ...


class Authority(Protocol):
    """Where people of one tenant sign in to one application."""

    def sign_in_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Where to send a browser; `challenge` is that of a verifier (PKCE, S256)."""

    def sign_out_url(self, redirect_uri: str) -> str:
        """Where to send a browser so that its session there ends too."""

    async def redeem(self, code: Secret, *, redirect_uri: str, verifier: Secret) -> tuple[Secret, Secret]:
        """The id token, of which nothing has been checked, and an access token. Raises DirectoryError."""

    async def groups_of(self, access_token: Secret, candidates: Collection[str]) -> frozenset[str]:
        """Those of the groups that he is in, directly or not. Raises DirectoryError."""


@dataclass(frozen=True, slots=True)
class RoleRule:
    """What whoever has an app role, or is in a group, may do."""

    grant: Grant
    app_role: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class EntraSignIn:
    """How people sign in with Microsoft Entra."""

    #: Where browsers reach us, without a final slash; never what a request says of itself.
    address: str
    tenant_id: str
    client_id: str
    rules: tuple[RoleRule, ...]
    #: How long a session lasts.
    life: timedelta
    authority: Authority
    #: The keys of that tenant, at the cloud that it is in.
    keyring: Keyring


class Consent(Protocol):
    """How a person lets connections act in his name."""

    def is_here(self) -> bool:
        """Entra sends browsers back to a page of ours, so that it can be begun here."""

    def url(self, tenant_id: str, cloud: str, *, state: str, challenge: str) -> str:
        """Where to send a browser, once it `is_here`. Raises ConfigError for a cloud that is not defined."""


def _nobody() -> EntraSignIn | None:
    return None


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
    #: How people sign in with Entra as it is configured now; None where they do not.
    sign_in: Callable[[], EntraSignIn | None] = _nobody
    consent: Consent | None = None
    #: What has come back from Entra once, and may not again.
    seen: Once = field(default_factory=Once)
    #: The inventory that is looked at.
    stock: Stock = field(default_factory=Stock)
    shelf: Shelf = field(default_factory=Shelf)

    @property
    def may_consent(self) -> bool:
        """People may let connections act in their name, by these pages."""
        return self.consent is not None and self.consent.is_here()


def dashboard_of(request: Request) -> Dashboard:
    """That of the app that the request has reached."""
    return cast("Dashboard", request.app.state.dashboard)
