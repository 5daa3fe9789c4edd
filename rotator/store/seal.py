"""How is a secret text kept in the database? AES-256-GCM under a key of its own, wrapped by a key from outside it.

A record bears its place (table, row, column) as associated data: moved to another row it does not open.
Several keys may be known: the first seals, all open.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update

from rotator.domain.model import Secret
from rotator.errors import StoreUnusable
from rotator.store.schema import sealed
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, upsert

KEY_BYTES = 32
_NONCE_BYTES = 12
#: A 32-byte key wrapped by RFC 3394.
_WRAPPED_BYTES = 40


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands."""

    table: str
    row: str
    column: str

    @classmethod
    def of_credential(cls, key_id: str) -> Place:
        """The text of a credential of the ledger."""
        return cls("credentials", key_id, "text")

    @property
    def bound(self) -> bytes:
        """The associated data `table|row|column`; escaped, so that no two places are bound alike."""
        parts = (part.replace("\\", "\\\\").replace("|", "\\|") for part in (self.table, self.row, self.column))
        return "|".join(parts).encode()

    def params(self) -> dict[str, str]:
        """As parameters of a statement."""
        return {"of_table": self.table, "of_row": self.row, "of_column": self.column}


class Seal:
    """The key-encryption keys, newest first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Keys are 32 bytes each, their form checked by `keys.py`."""
        self._keys = {fingerprint(key): key for key in keys}
        self.newest = next(iter(self._keys), "")

    @property
    def known(self) -> frozenset[str]:
        """The fingerprints of the keys."""
        return frozenset(self._keys)

    def close(self, place: Place, text: bytes) -> bytes:
        """Seal under a fresh key of the record's own, wrapped by the newest key."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        own, nonce = os.urandom(KEY_BYTES), os.urandom(_NONCE_BYTES)
        return self._wrap(own) + nonce + AESGCM(own).encrypt(nonce, text, place.bound)

    def open(self, place: Place, key: str, body: bytes) -> bytes:
        """Unseal. Raises StoreUnusable when no key opens it or it was sealed for another place."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        own = self._unwrap(place, key, body)
        nonce, text = body[_WRAPPED_BYTES:][:_NONCE_BYTES], body[_WRAPPED_BYTES + _NONCE_BYTES :]
        try:
            return AESGCM(own).decrypt(nonce, text, place.bound)
        except InvalidTag:
            raise _broken(place) from None

    def rewrap(self, place: Place, key: str, body: bytes) -> bytes:
        """The same record with its own key wrapped by the newest key; the text is not opened."""
        return self._wrap(self._unwrap(place, key, body)) + body[_WRAPPED_BYTES:]

    def _wrap(self, own: bytes) -> bytes:
        from cryptography.hazmat.primitives.keywrap import aes_key_wrap

        if not self.newest:
            raise StoreUnusable("No encryption key is configured", hint="Set state.encryptionKeys.")
        return aes_key_wrap(self._keys[self.newest], own)

    def _unwrap(self, place: Place, key: str, body: bytes) -> bytes:
        from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

        if key not in self._keys:
            raise unknown_key([key])
        try:
            return aes_key_unwrap(self._keys[key], body[:_WRAPPED_BYTES])
        except InvalidUnwrap:
            raise _broken(place) from None


def fingerprint(key: bytes) -> str:
    """What a record says about the key that wraps it: 16 hexadecimal digits that tell nothing of the key."""
    return hashlib.sha256(b"rotator key-encryption key\0" + key).hexdigest()[:16]


_KEEP = upsert(sealed)
_ERASE = Prepared(
    delete(sealed).where(
        sealed.c.of_table == bindparam("of_table"),
        sealed.c.of_row == bindparam("of_row"),
        sealed.c.of_column == bindparam("of_column"),
    )
)
_TEXT = Prepared(
    select(sealed.c.key, sealed.c.body).where(
        sealed.c.of_table == bindparam("of_table"),
        sealed.c.of_row == bindparam("of_row"),
        sealed.c.of_column == bindparam("of_column"),
    )
)
_NEXT_KEY = Prepared(select(sealed.c.key).where(sealed.c.key > bindparam("after")).order_by(sealed.c.key).limit(1))
_OLD = Prepared(select(sealed).where(sealed.c.key == bindparam("old")).limit(bindparam("most")))
_REWRAP = Prepared(
    update(sealed)
    .where(
        sealed.c.of_table == bindparam("table"),
        sealed.c.of_row == bindparam("row"),
        sealed.c.of_column == bindparam("column"),
        sealed.c.key == bindparam("old"),
    )
    .values(key=bindparam("new"), body=bindparam("new_body"))
)


def keep(tx: Transaction, seal: Seal, place: Place, text: Secret) -> None:
    """Seal a text at its place, over what was there."""
    body = seal.close(place, text.reveal().encode())
    tx.run_all(_KEEP, [{**place.params(), "key": seal.newest, "body": body}])


def erase(tx: Transaction, places: Sequence[Place]) -> None:
    """Remove the records for good; `secure_delete` overwrites them in the file."""
    tx.run_all(_ERASE, [place.params() for place in places])


def text_at(tx: Transaction, seal: Seal, place: Place) -> Secret | None:
    """The text, or None when none is kept. Raises StoreUnusable when no key opens it."""
    row = tx.row(_TEXT, place.params())
    return None if row is None else Secret(seal.open(place, row[0], bytes(row[1])).decode())


def keys_in_use(tx: Transaction) -> list[str]:
    """The fingerprints of all keys that wrap a record; the cost grows with their number, not with the records'."""
    found = [""]
    while (row := tx.row(_NEXT_KEY, {"after": found[-1]})) is not None:
        found.append(row[0])
    return found[1:]


def rewrap_some(tx: Transaction, seal: Seal, most: int) -> int:
    """Put up to so many records under the newest key; returns how many, 0 when all are."""
    old = next((key for key in keys_in_use(tx) if key != seal.newest), None)
    if old is None:
        return 0
    changed = []
    for table, row, column, key, body in tx.rows(_OLD, {"old": old, "most": most}):
        again = seal.rewrap(Place(table, row, column), key, bytes(body))
        changed.append(
            {"table": table, "row": row, "column": column, "old": key, "new": seal.newest, "new_body": again}
        )
    tx.run_all(_REWRAP, changed)
    return len(changed)


def unknown_key(fingerprints: Sequence[str]) -> StoreUnusable:
    """The error when records are sealed under keys we were not given (law L16: no new key is made)."""
    return StoreUnusable(
        f"No configured key opens the sealed secrets of this database (sealed under key {', '.join(fingerprints)})",
        hint="Give the key that was in use, as one of state.encryptionKeys or as the key file beside the database.",
    )


def _broken(place: Place) -> StoreUnusable:
    return StoreUnusable(
        f"The sealed record {place.table}/{place.row}/{place.column} does not open: it was changed or moved",
        hint="Restore the database from a backup.",
    )
