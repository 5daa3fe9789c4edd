"""Which refresh token does a connection sign in with, and whose turn is it to use it?

That of a connection made through the API stands with its other credentials; of a configured one the configuration holds
the first, and what has followed it is sealed here.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import BigInteger, Column, Table, bindparam, delete, select, update
from sqlalchemy.engine import Dialect

from rotator.domain.resources import REFRESH_TOKEN, RefreshTurn
from rotator.store.resources_schema import connections
from rotator.store.schema import metadata
from rotator.store.seal import Place, Seal, erase, keep, text_at
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, Statement, insert_of

_TABLE = "refresh_tokens"
_TEXT = connections.c.name.type
#: A refresh token that was not used for so long is dead: https://learn.microsoft.com/entra/identity-platform/refresh-tokens
LIFE = timedelta(days=90)

refresh_tokens = Table(
    _TABLE,
    metadata,
    Column("connection", _TEXT, primary_key=True),
    # Keyed, of the configured one that the sealed one came of.
    Column("fingerprint", _TEXT, nullable=False),
    # Whose turn it is, until when: in the database's real time; of nobody's, since when.
    Column("holder", _TEXT, nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

_ROW = Prepared(select(refresh_tokens.c.fingerprint).where(refresh_tokens.c.connection == bindparam("of")))
_MADE = Prepared(select(connections.c.id).where(connections.c.name == bindparam("of")))
# Changes nothing; who replaces the credentials of the connection waits, and so do we for him.
_LOCK = Prepared(update(connections).where(connections.c.name == bindparam("of")).values(name=connections.c.name))
_END = Prepared(
    update(refresh_tokens)
    .where(refresh_tokens.c.connection == bindparam("of"), refresh_tokens.c.holder == bindparam("ours"))
    .values(holder="", until=bindparam("now"))
)
_CAME_OF = Prepared(
    update(refresh_tokens)
    .where(refresh_tokens.c.connection == bindparam("of"))
    .values(fingerprint=bindparam("came_of"))
)
_FORGET = Prepared(delete(refresh_tokens).where(refresh_tokens.c.connection == bindparam("of")))
_KNOWN = Prepared(select(refresh_tokens.c.connection, refresh_tokens.c.until))
_MICROSECOND = timedelta(microseconds=1)


def _take(dialect: Dialect) -> Statement:
    """In one statement, so that of two who come at once one gets it."""
    row = insert_of(dialect)(refresh_tokens).values(
        connection=bindparam("of"), fingerprint="", holder=bindparam("ours"), until=bindparam("until")
    )
    free = (refresh_tokens.c.until <= bindparam("now")) | (refresh_tokens.c.holder == bindparam("ours"))
    new = {"holder": row.excluded.holder, "until": row.excluded.until}
    made: Statement = row.on_conflict_do_update(index_elements=["connection"], set_=new, where=free)
    return made


_TAKE = Prepared(_take)


def claim(tx: Transaction, seal: Seal, connection: str, *, holder: str, span: timedelta) -> RefreshTurn | None:
    """Take the turn for so long; None while it is another's. A turn that its holder did not end ends by itself."""
    until = tx.real + span // _MICROSECOND
    if not tx.run(_TAKE, {"of": connection, "ours": holder, "until": until, "now": tx.real}):
        return None
    row = tx.row(_ROW, {"of": connection})
    assert row is not None, "just written"
    return RefreshTurn(text_at(tx, seal, _place(tx, connection)), str(row[0]))


def end(
    tx: Transaction, seal: Seal, connection: str, *, holder: str, turn: RefreshTurn, new: RefreshTurn | None
) -> bool:
    """Give the turn back, with what followed the token that `turn` gave. False: another has replaced that one."""
    tx.run(_LOCK, {"of": connection})
    tx.run(_END, {"of": connection, "ours": holder, "now": tx.real})
    if new is None or new.token is None:
        return True
    place = _place(tx, connection)
    if text_at(tx, seal, place) != turn.token:
        return False
    keep(tx, seal, place, new.token)
    tx.run(_CAME_OF, {"of": connection, "came_of": new.fingerprint})
    return True


def forget_others(tx: Transaction, connections_kept: Collection[str]) -> None:
    """Nothing is left here of connections that are gone, once Entra takes their tokens no more.

    Not before: another node may have a connection that this one's configuration has not.
    """
    dead = tx.real - LIFE // _MICROSECOND
    for connection, until in tx.rows(_KNOWN):
        if connection not in connections_kept and until < dead:
            erase(tx, [Place(_TABLE, connection, REFRESH_TOKEN)])
            tx.run(_FORGET, {"of": connection})


def _place(tx: Transaction, connection: str) -> Place:
    made = tx.row(_MADE, {"of": connection})
    return Place("connections", str(made[0]), REFRESH_TOKEN) if made else Place(_TABLE, connection, REFRESH_TOKEN)
