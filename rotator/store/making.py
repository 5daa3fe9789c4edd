"""How does an empty file become a state database, and an old one a new one?"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import bindparam, insert, select
from sqlalchemy.schema import CreateIndex, CreateTable

from rotator.domain.model import Secret
from rotator.errors import StoreUnusable
from rotator.ports import Chance
from rotator.store import access_schema, cluster_schema, resources_schema, schema
from rotator.store import keys as key_files
from rotator.store.seal import Seal, keep
from rotator.store.session import Kind, Transaction
from rotator.store.statements import Prepared
from rotator.store.store import FINGERPRINT_KEY

_VERSION = Prepared(select(schema.version.c.version_num))
_SET_VERSION = Prepared(insert(schema.version).values(version_num=bindparam("version")))
_INSTALLATION = Prepared(select(schema.meta.c.value).where(schema.meta.c.name == "installation"))
_ALSO_FOR = Prepared(select(schema.meta.c.value).where(schema.meta.c.name == "also_for"))
_SET_META = Prepared(insert(schema.meta).values(name=bindparam("of"), value=bindparam("is")))


def is_made(tx: Transaction, kind: Kind) -> bool:
    """Are there any tables? Raises StoreUnusable when they are not ours."""
    tx.cursor.execute(kind.tables)
    tables = {row[0] for row in tx.cursor.fetchall()}
    if tables and not {"alembic_version", "meta"} <= tables:
        raise StoreUnusable(
            "The state database holds the tables of another program", hint="Set state.url to another database."
        )
    return bool(tables)


def make(
    tx: Transaction, kind: Kind, given: Sequence[bytes], *, path: Path | None, chance: Chance, installation: str
) -> Seal:
    """Make everything in one transaction; the key file first, so that no record is ever sealed without one.

    `path` is that of a file, beside which its key may stand.
    """
    if kind.lock:
        tx.cursor.execute(kind.lock)
    beside = key_files.key_file(path) if path else None
    found = given or (key_files.from_file(beside) if beside else [])
    if is_made(tx, kind):  # somebody was faster
        return Seal(found)
    if not found:
        found = [key_files.make_file(beside) if beside else os.urandom(32)]
    seal = Seal(found)
    for statement in statements(kind):
        tx.cursor.execute(statement)
    tx.run(_SET_VERSION, {"version": schema.REVISION})
    tx.run(_SET_META, {"of": "installation", "is": installation or chance.letters(8)})
    keep(tx, seal, FINGERPRINT_KEY, Secret(base64.b64encode(os.urandom(32)).decode()))
    return seal


@cache
def statements(kind: Kind) -> tuple[str, ...]:
    """What makes the newest schema of nothing."""
    assert resources_schema.connections.metadata is schema.metadata, "imported, so that its tables are among them"
    assert access_schema.audit.metadata is schema.metadata, "imported, so that its tables are among them"
    assert cluster_schema.nodes.metadata is schema.metadata, "imported, so that its tables are among them"
    made: list[str] = []
    for table in schema.metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=kind.dialect)))
        for index in sorted(table.indexes, key=str):
            index.dialect_options[kind.dialect.name]["where"] = index.info.get(schema.ONLY)
            made.append(str(CreateIndex(index).compile(dialect=kind.dialect)))
    return *made, *kind.triggers


def installation_of(tx: Transaction) -> str:
    """The id that display names bear."""
    row = tx.row(_INSTALLATION)
    assert row is not None, "made with the database"
    return str(row[0])


def _also_for(tx: Transaction) -> list[str]:
    """Older revisions whose programs can work on this schema too, as its last migration has said."""
    row = tx.row(_ALSO_FOR)
    return json.loads(row[0]) if row else []


def is_newest(tx: Transaction, where: str) -> bool:
    """Is the schema the newest? False: it is to be migrated. Raises StoreUnusable when it is newer than we are."""
    found = [str(row[0]) for row in tx.rows(_VERSION)]
    if found == [schema.REVISION]:
        return True
    if len(found) == 1 and found[0] in schema.REVISIONS:
        return False
    if schema.REVISION in _also_for(tx):
        # A newer node has added to the schema while this one is still to be replaced.
        return True
    raise StoreUnusable(
        f"The state database {where} has schema {', '.join(found) or 'none'}, this program knows {schema.REVISION}",
        hint="It was written by a newer rotator: install that one, or restore an older backup. Nothing was changed.",
    )
