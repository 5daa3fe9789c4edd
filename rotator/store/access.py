"""The books of the API: identities, tokens and audit, over the same runner as the engine's.

A change and the audit row that tells of it are one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

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
)
from rotator.store import audit, identities, tokens
from rotator.store.audit import Chain
from rotator.store.rows import instant, micros
from rotator.store.runner import Runner
from rotator.store.seal import Place, Seal, text_at
from rotator.store.session import Operation, Transaction

Result = TypeVar("Result")
#: Expired tokens are remembered for so long, so that a late caller is told why.
_REMEMBERED = timedelta(days=1)


class AccessStore:
    """Implements `web.ports.AccessBooks`. All methods raise StoreUnavailable when the database does not answer."""

    def __init__(self, runner: Runner, seal: Seal, *, key_place: Place, node: str, now: Callable[[], datetime]) -> None:
        """`node` names the audit chain written here; `key_place` is where the key of fingerprints stands.

        `now` is the database's time without the offset of scaled time: people and machines sign in by it.
        """
        self._runner = runner
        self._seal = seal
        self._key_place = key_place
        self._node = node
        self._now = now
        self._key = b""

    def now(self) -> datetime:
        """The database's time without the offset, as tokens are judged by it."""
        return self._now()

    # Identities.

    async def add_identity(
        self, identity_id: str, name: str, *, grants: Sequence[Grant], note: Note
    ) -> Identity | None:
        """A new one; None when the name is taken."""

        def work(tx: Transaction) -> Identity | None:
            made = identities.add(tx, identity_id, name, grants=grants)
            self._note(tx, [note] if made else [])
            return made

        return await self._runner.write(work)

    async def change_identity(self, identity: Identity, note: Note) -> bool:
        """Give it another name and other grants; False when the name is taken."""
        return await self._noted(lambda tx: identities.change(tx, identity), note)

    async def remove_identity(self, identity_id: str, note: Note) -> None:
        """Take it away, with its sign-ins and tokens."""
        await self._noted(lambda tx: identities.remove(tx, identity_id), note)

    async def identity(self, name_or_id: str) -> Identity | None:
        """By id or by name."""
        return await self._runner.peek(lambda tx: identities.find(tx, name_or_id))

    async def all_identities(self) -> Sequence[Identity]:
        """All of them, by name."""
        return await self._runner.read(identities.every)

    # How they sign in.

    async def attach(self, sign_in: SignIn, note: Note) -> bool:
        """Add a way to sign in; False when the identity has one of that method."""
        return await self._noted(lambda tx: identities.attach(tx, sign_in), note)

    async def patch(self, sign_in: SignIn, note: Note) -> None:
        """Replace its rule and facts."""
        await self._noted(lambda tx: identities.patch(tx, sign_in), note)

    async def detach(self, identity_id: str, method: Method, note: Note) -> bool:
        """Take it away with the tokens that came of it; False when there is none."""

        def work(tx: Transaction) -> bool:
            tokens.revoke_all(tx, identity_id, method)
            return identities.detach(tx, identity_id, method)

        return await self._noted(work, note)

    async def sign_in(self, method: Method, *, identity: str = "", handle: str = "") -> SignIn | None:
        """The identity's way to sign in by that method; or that of a handle."""
        return await self._runner.peek(lambda tx: identities.sign_in(tx, method, identity=identity, handle=handle))

    async def keep_secret(self, secret: ClientSecret, note: Note) -> None:
        """Remember the digest of a client secret."""
        await self._noted(lambda tx: identities.keep_secret(tx, secret), note)

    async def secrets_of(self, identity_id: str) -> Sequence[ClientSecret]:
        """Its client secrets, revoked ones too."""
        return await self._runner.peek(lambda tx: identities.secrets_of(tx, identity_id))

    async def spend_secret(self, secret_id: str) -> bool:
        """Count one use; False when there is none left."""
        return await self._runner.write(lambda tx: identities.spend_secret(tx, secret_id))

    async def revoke_secret(self, identity_id: str, secret_id: str, note: Note) -> bool:
        """It signs in no more; False when there is none such."""
        return await self._noted(lambda tx: identities.revoke_secret(tx, identity_id, secret_id), note)

    # Access tokens.

    async def keep_token(self, token: AccessToken, note: Note) -> None:
        """Remember the digest of a fresh token; forget those that have long expired."""

        def work(tx: Transaction) -> None:
            tokens.forget_expired(tx, instant(tx.real) - _REMEMBERED)
            tokens.keep(tx, token)

        await self._noted(work, note)

    async def bearer(self, digest: str) -> Bearer | None:
        """What is known of the token with that digest."""
        return await self._runner.peek(lambda tx: tokens.bearer(tx, digest))

    async def spend(self, digest: str) -> bool:
        """Count one use of a token that has a limit; False when none is left."""
        return await self._runner.write(lambda tx: tokens.spend(tx, digest))

    async def renew_token(self, digest: str, until: datetime | None, note: Note) -> bool:
        """Let it live until then (None: for ever); False when it is gone."""
        return await self._noted(lambda tx: tokens.renew(tx, digest, until), note)

    async def revoke_token(self, digest: str, note: Note) -> bool:
        """It opens nothing any more; False when it was gone."""
        return await self._noted(lambda tx: tokens.revoke(tx, digest), note)

    async def revoke_tokens(self, identity_id: str, method: Method, note: Note) -> None:
        """Every token of the identity that came by that method opens nothing any more."""
        await self._noted(lambda tx: tokens.revoke_all(tx, identity_id, method), note)

    # Audit.

    async def record(self, notes: Sequence[Note]) -> None:
        """Add rows to this node's chain, in one transaction."""
        await self._runner.write(lambda tx: self._note(tx, notes))

    async def verify(self) -> Sequence[Chain]:
        """Walk every chain from its beginning."""
        return await self._runner.read(lambda tx: audit.verify(tx, self._chain_key(tx)))

    async def audited(self, until: datetime, most: int) -> Sequence[dict[str, object]]:
        """The latest rows of all nodes, newest first."""
        return await self._runner.read(lambda tx: audit.newest(tx, micros(until), most))

    async def search(self, search: AuditSearch) -> Sequence[dict[str, object]]:
        """The rows that are looked for, newest first."""
        return await self._runner.read(lambda tx: audit.found(tx, search))

    async def _noted(self, operation: Operation[Result], note: Note) -> Result:
        """Both in one transaction; of what changed nothing (False) there is nothing to tell."""

        def work(tx: Transaction) -> Result:
            result = operation(tx)
            self._note(tx, [] if result is False else [note])
            return result

        return await self._runner.write(work)

    def _note(self, tx: Transaction, notes: Sequence[Note]) -> None:
        if notes:
            audit.append(tx, self._node, self._chain_key(tx), notes=notes)

    def _chain_key(self, tx: Transaction) -> bytes:
        if not self._key:
            found = text_at(tx, self._seal, self._key_place)
            assert found is not None, "made with the database"
            self._key = audit.chain_key(found.reveal())
        return self._key
