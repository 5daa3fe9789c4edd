"""Which client secret does a connection sign in with: the configured one, or the one it has rotated itself?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rotator.domain.model import Credential, Secret
    from rotator.entra.directories import EntraDirectories
    from rotator.entra.options import AnyConnection


class OwnSecrets(Protocol):
    """What the store remembers of connections (rotation.md section 8)."""

    async def fingerprint(self, text: Secret) -> str:
        """The same for the same text in this database only."""

    async def connection_fingerprint(self, connection: str) -> str | None:
        """What was last remembered."""

    async def set_connection_fingerprint(self, connection: str, fingerprint: str) -> None:
        """Remember it."""

    async def own_credential(self, connection: str) -> tuple[Credential, Secret] | None:
        """The credential a connection rotates for itself, with its text."""


class ClientSecrets:
    """Gives the rotated one, unless the operator has configured another value since and that one signs in.

    What is remembered is the fingerprint of the configured value and, behind a slash, the rotated key it overrules.
    """

    def __init__(self, store: OwnSecrets, connections: Mapping[str, AnyConnection]) -> None:
        #: A reload replaces it.
        self.connections = connections
        #: Set once they exist: they are made with `secret_of`.
        self.directories: EntraDirectories | None = None
        self._store = store

    async def secret_of(self, name: str) -> Secret:
        """The secret to sign in with now. Raises SecretMissing when the configured one is not there."""
        configured: Secret = self.connections[name].credentials.client_secret.resolve()  # type: ignore[union-attr]
        fingerprint = await self._store.fingerprint(configured)
        said, _, overruled = (await self._store.connection_fingerprint(name) or "").partition("/")
        own = await self._store.own_credential(name)
        if own is None:
            if said != fingerprint:
                await self._store.set_connection_fingerprint(name, fingerprint)
            return configured
        credential, rotated = own
        if said == fingerprint:
            return configured if overruled == credential.key_id else rotated
        if not await self._signs_in(name, configured):
            return rotated
        await self._store.set_connection_fingerprint(name, f"{fingerprint}/{credential.key_id}")
        return configured

    async def rotated(self, name: str) -> tuple[Credential, Secret] | None:
        """The credential that the connection has rotated for itself, whether it is the one in use or not."""
        return await self._store.own_credential(name)

    async def _signs_in(self, name: str, secret: Secret) -> bool:
        if self.directories is None:
            return False
        directory = await self.directories.open(name)
        client_id = self.directories.connection(name).client_id
        return (await directory.prove(client_id, secret)).accepted
