"""What does the API ask of whoever started it? Protocols that the store and the composition root implement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from rotator.domain.access import (
    AccessToken,
    AuditSearch,
    Bearer,
    ClientSecret,
    Grant,
    Identity,
    Method,
    Note,
    SignIn,
    SigningKeys,
)


class AccessBooks(Protocol):
    """Identities, their sign-ins and tokens, and the audit. All raise StoreUnavailable.

    What takes a `note` adds it to the audit in the same transaction, when it changes anything.
    """

    def now(self) -> datetime: ...

    async def add_identity(
        self, identity_id: str, name: str, *, grants: Sequence[Grant], note: Note
    ) -> Identity | None: ...

    async def change_identity(self, identity: Identity, note: Note) -> bool: ...

    async def remove_identity(self, identity_id: str, note: Note) -> None: ...

    async def identity(self, name_or_id: str) -> Identity | None: ...

    async def all_identities(self) -> Sequence[Identity]: ...

    async def attach(self, sign_in: SignIn, note: Note) -> bool: ...

    async def patch(self, sign_in: SignIn, note: Note) -> None: ...

    async def detach(self, identity_id: str, method: Method, note: Note) -> bool: ...

    async def sign_in(self, method: Method, *, identity: str = "", handle: str = "") -> SignIn | None: ...

    async def keep_secret(self, secret: ClientSecret, note: Note) -> None: ...

    async def secrets_of(self, identity_id: str) -> Sequence[ClientSecret]: ...

    async def spend_secret(self, secret_id: str) -> bool: ...

    async def revoke_secret(self, identity_id: str, secret_id: str, note: Note) -> bool: ...

    async def keep_token(self, token: AccessToken, note: Note) -> None: ...

    async def bearer(self, digest: str) -> Bearer | None: ...

    async def spend(self, digest: str) -> bool: ...

    async def renew_token(self, digest: str, until: datetime | None, note: Note) -> bool: ...

    async def revoke_token(self, digest: str, note: Note) -> bool: ...

    async def record(self, notes: Sequence[Note]) -> None: ...

    async def search(self, search: AuditSearch) -> Sequence[Mapping[str, object]]: ...

    async def audited(self, until: datetime, most: int) -> Sequence[Mapping[str, object]]: ...


class Tenants(Protocol):
    """Asks a tenant for its signing keys."""

    async def keys(self, tenant_id: str) -> SigningKeys:
        """Fetch them now, from the tenant's discovery documents. Raises DirectoryUnavailable."""


class Readiness(Protocol):
    """Tells whether we can do our work."""

    async def __call__(self) -> str:
        """Empty when we can, else why not."""
