"""How does a connection sign in in a person's name? By his refresh token, which each use replaces."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from azure.core.credentials import AccessToken

from rotator.lent import Lent

if TYPE_CHECKING:
    from rotator.domain.model import Secret
    from rotator.entra.grants import Granted, Grants
    from rotator.entra.refresh_tokens import Use
    from rotator.ports import Clock


class PersonCredential(Lent):
    """An asynchronous credential in the form of azure-identity's; it keeps no token."""

    def __init__(self, grants: Grants, use: Use, *, longest: timedelta, clock: Clock) -> None:
        """`longest` is the longest that one request may take."""
        self._grants = grants
        self._use = use
        self._longest = longest
        self._clock = clock

    async def get_token(self, *_scopes: str, claims: str | None = None, **_: object) -> AccessToken:
        """A fresh one, for the scope of the connection's cloud. Raises as `Grants` does."""
        granted: Granted = await self._use(partial(self._refreshed, claims or ""), self._longest)
        ends = self._clock.now() + timedelta(seconds=granted.seconds)
        return AccessToken(granted.access_token.reveal(), int(ends.timestamp()))

    async def _refreshed(self, claims: str, token: Secret) -> Granted:
        return await self._grants.refresh(token, claims)
