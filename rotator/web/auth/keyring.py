"""Which of a tenant's keys has signed this? Kept for a day, asked for anew at most once a minute for an unknown one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from rotator.domain.access import SigningKeys
from rotator.errors import DirectoryError
from rotator.web.ports import Tenants
from rotator.web.refusals import Unauthorized, Unavailable

#: Seconds. Entra rolls its keys without notice; its libraries keep them for a day as well.
_KEPT = 86_400.0
_UNKNOWN_AGAIN = 60.0
_FAILED_AGAIN = 5.0
#: Tenants whose keys are kept; more than an installation has.
_MOST = 1000


@dataclass(slots=True)
class _Known:
    """What is known of one tenant, and since when, in monotonic seconds."""

    keys: SigningKeys | None = None
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    #: The last try failed, with this to say.
    trouble: str = ""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Keyring:
    """Signing keys by tenant. Whoever asks while somebody else is asking waits for his answer."""

    def __init__(self, tenants: Tenants, monotonic: Callable[[], float]) -> None:
        self._tenants = tenants
        self._monotonic = monotonic
        self._known: dict[str, _Known] = {}

    async def key(self, tenant_id: str, key_id: str) -> tuple[SigningKeys, dict[str, object]]:
        """The tenant's keys and the one named. Raises Unauthorized for an unknown one, Unavailable without any."""
        if len(self._known) >= _MOST and tenant_id not in self._known:
            self._known.clear()
        known = self._known.setdefault(tenant_id, _Known())
        async with known.turn:
            if self._should_ask(known, key_id):
                await self._ask(known, tenant_id)
        if known.keys is None:
            raise Unavailable(f"The signing keys of the tenant {tenant_id} cannot be had: {known.trouble}")
        found = known.keys.by_id.get(key_id)
        if found is None:
            raise Unauthorized("The token is signed with a key that its tenant does not know")
        return known.keys, dict(found)

    def _should_ask(self, known: _Known, key_id: str) -> bool:
        now = self._monotonic()
        if known.trouble and now - known.tried_at < _FAILED_AGAIN:
            return False
        if known.keys is None or now - known.fetched_at > _KEPT:
            return True
        return key_id not in known.keys.by_id and now - known.tried_at >= _UNKNOWN_AGAIN

    async def _ask(self, known: _Known, tenant_id: str) -> None:
        known.tried_at = self._monotonic()
        try:
            known.keys = await self._tenants.keys(tenant_id)
        except DirectoryError as problem:
            # Keys that are known stay good until the tenant says otherwise.
            known.trouble = str(problem)
        else:
            known.fetched_at, known.trouble = self._monotonic(), ""
