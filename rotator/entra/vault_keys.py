"""How does a key of Azure Key Vault keep ours? It wraps it, there, and unwraps it at each start; it never leaves.

https://learn.microsoft.com/rest/api/keyvault/keys/wrap-key/wrap-key
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import httpx

from rotator.answers import parsed, shortened
from rotator.entra.platform import platform_token
from rotator.errors import DirectoryError, DirectoryUnavailable, StoreUnusable
from rotator.network import Network, Timeouts
from rotator.trouble import NO_ANSWER, described, remedy

_API: Final = "7.4"
_ALGORITHM: Final = "RSA-OAEP-256"
_RIGHTS: Final = "Give the identity the role 'Key Vault Crypto Service Encryption User' on the key."


class VaultKey:
    """The key at `address`: https://NAME.vault.azure.net/keys/KEY, its newest version to wrap with."""

    def __init__(self, address: str, network: Network, environment: Mapping[str, str]) -> None:
        self._address = address.rstrip("/")
        self._network = network
        self._environment = environment

    async def wrap(self, key: bytes) -> str:
        """The key wrapped, as text: the version that did it, and what it made. Raises DirectoryError."""
        answer = await self._ask("wrapkey", self._address, key)
        version = str(answer.get("kid") or "").rpartition("/")[2]
        return f"{version}:{answer.get('value')}"

    async def unwrap(self, wrapped: str) -> bytes:
        """The key. Raises DirectoryError, and StoreUnusable for a text that no key here has made."""
        version, _, text = wrapped.partition(":")
        if not version.isalnum() or not text:
            raise StoreUnusable("The wrapped key is not one", hint="Expected: what `rotator keys wrap` printed.")
        answer = await self._ask("unwrapkey", f"{self._address}/{version}", _decoded(text))
        return _decoded(str(answer.get("value") or ""))

    async def _ask(self, verb: str, address: str, value: bytes) -> dict[str, Any]:
        timeouts, host = Timeouts(), httpx.URL(address).host
        body = {"alg": _ALGORITHM, "value": base64.urlsafe_b64encode(value).rstrip(b"=").decode()}
        async with (
            self._network.client(timeouts, http2=False) as http,
            self._network.client(timeouts, http2=False, proxied=False) as local,
        ):
            token = await platform_token(http, local, _resource(host), self._environment)
            try:
                answer = await http.post(
                    f"{address}/{verb}",
                    params={"api-version": _API},
                    json=body,
                    headers={"Authorization": f"Bearer {token}"},
                )
            except NO_ANSWER as exc:
                error: DirectoryError = DirectoryUnavailable(verb, described(exc, host), hint=remedy(exc))
            else:
                if answer.status_code == 200:
                    return parsed(answer.content)
                error = _failure(verb, address, answer)
        raise error


def _failure(verb: str, address: str, answer: httpx.Response) -> DirectoryError:
    said = parsed(answer.content).get("error")
    message = shortened(str(said.get("message") or said.get("code"))) if isinstance(said, dict) else ""
    detail = f"Key Vault answered {answer.status_code} at {address}: {message}"
    if answer.status_code == 429 or answer.status_code >= 500:
        return DirectoryUnavailable(verb, detail, status=answer.status_code)
    hint = _RIGHTS if answer.status_code in {401, 403} else ""
    return DirectoryError(verb, detail, status=answer.status_code, hint=hint)


def _resource(host: str) -> str:
    """What the token is for: the vault's host without its own name, in whichever cloud."""
    return f"https://{host.partition('.')[2] or host}"


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise StoreUnusable("The wrapped key is not one", hint="Expected: what `rotator keys wrap` printed.") from None
