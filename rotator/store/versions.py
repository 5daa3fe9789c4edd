"""Which credential did a mapped name show in each of its versions? For as long as that credential is not revoked."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, bindparam, delete, select
from sqlalchemy.engine import Dialect

from rotator.domain.model import Folder
from rotator.store.schema import mapped_names, metadata
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, Statement, insert_of

_TEXT = mapped_names.c.name.type

mapped_versions = Table(
    "mapped_versions",
    metadata,
    Column("project", _TEXT, nullable=False),
    Column("environment", _TEXT, nullable=False),
    Column("path", _TEXT, nullable=False),
    Column("name", _TEXT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rotation_id", _TEXT, nullable=False),
    Column("field", _TEXT, nullable=False),
    Column("key_id", _TEXT, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("project", "environment", "path", "name", "version"),
    Index("mapped_versions_by_key", "key_id"),
    sqlite_with_rowid=False,
)

_COLUMNS = ("project", "environment", "path", "name", "version", "rotation_id", "field", "key_id", "updated_at")


def _remember(dialect: Dialect) -> Statement:
    """What its names show now, unless that is known."""
    now = select(*(mapped_names.c[column] for column in _COLUMNS)).where(
        mapped_names.c.rotation_id == bindparam("rotation"), mapped_names.c.key_id == bindparam("key")
    )
    made: Statement = insert_of(dialect)(mapped_versions).from_select(_COLUMNS, now).on_conflict_do_nothing()
    return made


_REMEMBER = Prepared(_remember)
_PURGE = Prepared(delete(mapped_versions).where(mapped_versions.c.key_id == bindparam("key")))
_FORGET = Prepared(
    delete(mapped_versions).where(
        mapped_versions.c.project == bindparam("project"),
        mapped_versions.c.environment == bindparam("environment"),
        mapped_versions.c.path == bindparam("path"),
        mapped_versions.c.name == bindparam("name"),
        mapped_versions.c.rotation_id == bindparam("rotation"),
    )
)


def remember(tx: Transaction, rotation_id: str, key_id: str) -> None:
    """The names of the rotation that show this credential show it in the version they have now."""
    tx.run_all(_REMEMBER, [{"rotation": rotation_id, "key": key_id}])


def purge(tx: Transaction, key_ids: Sequence[str]) -> None:
    """These credentials are revoked: no version shows them any more."""
    tx.run_all(_PURGE, [{"key": key_id} for key_id in key_ids])


def forget(tx: Transaction, folder: Folder, name: str, rotation_id: str) -> None:
    """The name is no longer that rotation's."""
    place = {"project": folder.project, "environment": folder.environment, "path": folder.path}
    tx.run(_FORGET, {**place, "name": name, "rotation": rotation_id})
