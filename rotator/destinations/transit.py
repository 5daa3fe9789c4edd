"""How does a key of Vault's transit engine keep ours? It encrypts it, there, and decrypts it at each start.

https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from pydantic import Field

from rotator.destinations.options import Endpoint
from rotator.destinations.vault import Auth, VaultPath
from rotator.destinations.vault import Options as VaultOptions
from rotator.domain.model import Secret
from rotator.errors import StoreUnusable
from rotator.options import FilePath, Line, Options

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.destinations.vault_session import Session

_NO_KEY = "Expected: what `rotator keys wrap` printed."


class Transit(Options):
    """Which key of which server, and how to sign in there."""

    endpoint: Endpoint = Field(description="The address of Vault or OpenBao.")
    mount: VaultPath = Field(default="transit", description="Where the transit engine is mounted; default transit.")
    key: VaultPath = Field(description="The key's name.")
    namespace: Line = Field(default="", description="The namespace; default: the root.")
    ca_file: FilePath | None = Field(default=None, description="Certificates to trust beside the usual ones, PEM.")
    auth: Auth | None = Field(default=None, description="How to sign in; default: the token in $VAULT_TOKEN.")


class TransitKey:
    """One key of the engine. Both methods raise DestinationRefused, DestinationUnavailable."""

    def __init__(self, transit: Transit, surroundings: Surroundings) -> None:
        self._transit = transit
        self._surroundings = surroundings

    async def wrap(self, key: bytes) -> str:
        """The key encrypted, as text that names the version."""
        plain = base64.b64encode(key).decode()
        data = await self._ask("encrypt", {"plaintext": plain}, Secret(plain))
        return str(data.get("ciphertext") or "")

    async def unwrap(self, wrapped: str) -> bytes:
        """The key. Raises StoreUnusable for a text that no key there has made."""
        if not wrapped.startswith("vault:v"):
            raise StoreUnusable("The wrapped key is not one", hint=_NO_KEY)
        data = await self._ask("decrypt", {"ciphertext": wrapped})
        try:
            return base64.b64decode(str(data.get("plaintext") or ""), validate=True)
        except (binascii.Error, ValueError):
            raise StoreUnusable("What Vault decrypted is no key", hint=_NO_KEY) from None

    async def _ask(self, verb: str, body: dict[str, str], *hide: Secret) -> dict[str, object]:
        session = self._session()
        try:
            answer = await session.ask(
                verb, "POST", f"{self._transit.mount}/{verb}/{self._transit.key}", json=body, hide=hide
            )
        finally:
            await session.close()
        data = answer.json.get("data")
        return data if isinstance(data, dict) else {}

    def _session(self) -> Session:
        from rotator.destinations.vault_session import session_of

        transit = self._transit
        # A session asks only where and as whom.
        options = VaultOptions.model_construct(
            endpoint=transit.endpoint,
            mount=transit.mount,
            path=transit.key,
            namespace=transit.namespace,
            ca_file=transit.ca_file,
            auth=transit.auth,
        )
        return session_of(options, self._surroundings)
