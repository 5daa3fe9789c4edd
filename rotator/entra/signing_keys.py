"""With which keys does a tenant sign its tokens, and as whom? Its own discovery documents say so, for v1 and v2."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from rotator.domain.access import SigningKeys
from rotator.errors import DirectoryUnavailable
from rotator.network import Timeouts
from rotator.trouble import NO_ANSWER, described, remedy

if TYPE_CHECKING:
    from rotator.entra.clouds import Endpoints
    from rotator.network import Network

_DOCUMENTS = ("/.well-known/openid-configuration", "/v2.0/.well-known/openid-configuration")
_OPERATION = "signing keys"
_TIMEOUTS = Timeouts(timedelta(seconds=5), timedelta(seconds=10))
#: A document of keys is some 20 kB.
_LARGEST = 1 << 20


class TenantKeys:
    """Asks the authority of the tenant's cloud; `cloud_of` gives it for a tenant id."""

    def __init__(self, cloud_of: Callable[[str], Endpoints], network: Network) -> None:
        self._cloud_of = cloud_of
        self._network = network

    async def keys(self, tenant_id: str) -> SigningKeys:
        """Fetch them now. Raises DirectoryUnavailable when the tenant gives no answer, or one that makes no sense."""
        cloud = self._cloud_of(tenant_id)
        host = urlsplit(cloud.authority).netloc
        # Certificates take tens of milliseconds to parse: not in the loop.
        client = await asyncio.to_thread(self._network.client, _TIMEOUTS, extra_ca_file=cloud.ca_file)
        async with client:
            try:
                async with asyncio.timeout(_TIMEOUTS.whole):
                    return await _fetched(client, f"{cloud.authority}/{tenant_id}", host)
            except NO_ANSWER as exc:
                raise DirectoryUnavailable(_OPERATION, described(exc, host), hint=remedy(exc)) from None
            except (ValueError, KeyError, TypeError, AttributeError):
                raise DirectoryUnavailable(_OPERATION, f"{host} gave an answer that makes no sense") from None


async def _fetched(client: httpx.AsyncClient, tenant: str, host: str) -> SigningKeys:
    documents = [await _json(client, tenant + path) for path in _DOCUMENTS]
    places = dict.fromkeys(str(each["jwks_uri"]) for each in documents)
    found: dict[str, Mapping[str, object]] = {}
    for place in places:
        if urlsplit(place).scheme != "https" or urlsplit(place).netloc != host:
            raise ValueError(place)
        found |= {str(key["kid"]): key for key in (await _json(client, place))["keys"] if key.get("kty") == "RSA"}
    return SigningKeys(found, frozenset(str(each["issuer"]) for each in documents))


async def _json(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    answer = await client.get(url)
    answer.raise_for_status()
    if len(answer.content) > _LARGEST:
        raise ValueError("too large")
    found: dict[str, Any] = answer.json()
    return found
