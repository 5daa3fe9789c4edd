"""Which connections were made through the API? Their options in a row, their credentials sealed."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import bindparam, delete, func, insert, select, update

from rotator.domain.model import Secret
from rotator.domain.resources import MadeConnection
from rotator.store.requests import tell
from rotator.store.resources_schema import connections
from rotator.store.rows import Row, instant, text_of
from rotator.store.schema import sealed
from rotator.store.seal import Place, Seal, erase, keep, text_at
from rotator.store.session import Transaction
from rotator.store.statements import Prepared

_TABLE = "connections"
_ALL = Prepared(select(connections).order_by(connections.c.name))
_IDS = Prepared(select(connections.c.name, connections.c.id))
_NAMED = Prepared(select(connections.c.id).where(connections.c.name == bindparam("wanted")))
_MARK = Prepared(select(func.count(), func.max(connections.c.updated_at), func.sum(connections.c.version)))
_INSERT = Prepared(insert(connections).values({c.name: bindparam(c.name) for c in connections.c}))
_CHANGE = Prepared(
    update(connections)
    .where(connections.c.id == bindparam("of"), connections.c.version == bindparam("expected"))
    .values(
        name=bindparam("name"),
        document=bindparam("document"),
        fingerprint=bindparam("fingerprint"),
        version=bindparam("version"),
        updated_at=bindparam("updated_at"),
    )
)
_DELETE = Prepared(delete(connections).where(connections.c.id == bindparam("of")))
_SEALED = Prepared(select(sealed.c.of_column).where(sealed.c.of_table == _TABLE, sealed.c.of_row == bindparam("of")))


def every(tx: Transaction, seal: Seal) -> list[MadeConnection]:
    """All of them by name, with their credentials."""
    return [_connection(tx, seal, row) for row in tx.rows(_ALL)]


def ids(tx: Transaction) -> dict[str, str]:
    """Name -> id."""
    return {row[0]: row[1] for row in tx.rows(_IDS)}


def mark(tx: Transaction) -> str:
    """Differs once any of them has been made, changed or taken out."""
    (row,) = tx.rows(_MARK)
    return " ".join(map(str, row))


def add(tx: Transaction, seal: Seal, made: MadeConnection) -> bool:
    """Record it as made now. False: the name is taken."""
    if tx.row(_NAMED, {"wanted": made.name}) is not None:
        return False
    plain = {"id": made.id, "project": made.project, "created_at": tx.now}
    tx.run(_INSERT, {**plain, **_values(made), "version": 1, "updated_at": tx.now})
    _keep(tx, seal, made.id, made.secrets)
    tell(tx)
    return True


def change(tx: Transaction, seal: Seal, made: MadeConnection, *, with_secrets: bool) -> bool:
    """Replace options, perhaps credentials, of the version that was read. False: it has changed, or the name is taken.

    Credentials that were merely read may be older than those that stand there: a refresh token is replaced at any time.
    """
    holder = tx.row(_NAMED, {"wanted": made.name})
    if holder is not None and holder[0] != made.id:
        return False
    expected = {"of": made.id, "expected": made.version, "version": made.version + 1, "updated_at": tx.now}
    if not tx.run(_CHANGE, {**_values(made), **expected}):
        return False
    if with_secrets:
        _keep(tx, seal, made.id, made.secrets)
    tell(tx)
    return True


def remove(tx: Transaction, connection_id: str) -> None:
    """Take it out, its credentials erased."""
    erase(tx, _places(tx, connection_id))
    tx.run(_DELETE, {"of": connection_id})
    tell(tx)


def _values(made: MadeConnection) -> dict[str, object]:
    return {"name": made.name, "document": text_of(dict(made.document)), "fingerprint": made.fingerprint}


def _keep(tx: Transaction, seal: Seal, connection_id: str, secrets: Mapping[str, Secret]) -> None:
    """Exactly these: what was there besides is erased."""
    erase(tx, [place for place in _places(tx, connection_id) if place.column not in secrets])
    for name, text in secrets.items():
        keep(tx, seal, Place(_TABLE, connection_id, name), text)


def _places(tx: Transaction, connection_id: str) -> list[Place]:
    return [Place(_TABLE, connection_id, row[0]) for row in tx.rows(_SEALED, {"of": connection_id})]


def _connection(tx: Transaction, seal: Seal, row: Row) -> MadeConnection:
    connection_id, name, project, document, fingerprint, version, created_at, updated_at = row
    texts = {place.column: text_at(tx, seal, place) for place in _places(tx, connection_id)}
    return MadeConnection(
        id=connection_id,
        name=name,
        project=project,
        document=json.loads(document),
        secrets={column: text for column, text in texts.items() if text is not None},
        fingerprint=fingerprint,
        version=version,
        created_at=instant(created_at),
        updated_at=instant(updated_at),
    )
