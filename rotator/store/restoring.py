"""How do books come of a copy? In a database that is still empty, whole or not at all."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TextIO

from sqlalchemy import Table, bindparam, func, insert, select, text

from rotator.domain.model import Secret
from rotator.errors import StoreUnusable
from rotator.store import keys as key_files
from rotator.store import schema
from rotator.store.backup import FORMAT, kinds_of, tables
from rotator.store.making import is_made, statements
from rotator.store.opening import Door, door_to, no_key, path_of
from rotator.store.requests import wake
from rotator.store.rows import Row
from rotator.store.runner import InlineRunner
from rotator.store.seal import Seal, unknown_key
from rotator.store.session import Kind, Times, Transaction
from rotator.store.statements import Prepared

_AT_ONCE = 500


def restore(
    url: str, copy: TextIO, *, times: Times, keys: Sequence[Secret] = (), password: Secret | None = None
) -> tuple[str, int]:
    """Fill the empty database at `url` from a copy; gives its installation and how many rows it has.

    Raises StoreUnusable, with nothing changed, when it is not empty, when no key opens what is sealed in the copy, or
    when the copy is not whole; StoreUnavailable.
    """
    lines = _lines(copy)
    head = _head_of(next(islice(lines, 1), ""))
    made_here = not url.startswith("postgres") and (path := path_of(url)) is not None and not path.exists()
    door = door_to(url, times, password=password)
    try:
        _check_keys(head["keys"], door, key_files.configured(keys))
        count = InlineRunner(door.session).now(lambda tx: _fill(tx, door, lines), write=True)
    except BaseException:
        door.session.close()
        if made_here and door.path is not None:
            door.path.unlink()
        raise
    door.session.close()
    return str(head["installation"]), count


def _fill(tx: Transaction, door: Door, lines: Iterator[str]) -> int:
    if door.kind.lock:
        tx.cursor.execute(door.kind.lock)
    if is_made(tx, door.kind):
        raise StoreUnusable(
            f"The database {door.where} holds books already", hint="Restore into an empty one; nothing is overwritten."
        )
    return _load(tx, door.kind, lines)


def _head_of(line: str) -> dict[str, Any]:
    """What the first line says. Raises StoreUnusable when this program cannot make books of what follows."""
    found = _read(line)
    if not isinstance(found, dict) or found.get("rotator") != "backup":
        raise StoreUnusable("This is no copy that 'rotator backup' has made", hint="Name the file that it wrote.")
    if found.get("format") != FORMAT or found.get("schema") != schema.REVISION:
        raise StoreUnusable(
            f"The copy has the schema {found.get('schema')}, this program makes {schema.REVISION}",
            hint="Restore it with the rotator that made it, then start the newer one on the database.",
        )
    return found


def _load(tx: Transaction, kind: Kind, lines: Iterable[str]) -> int:
    """Make the tables and fill them, all in one transaction; returns how many rows.

    `lines` come after the first one. Leases are not taken over: whoever held them is on the other side of the copy.
    """
    for statement in statements(kind):
        if statement not in kind.triggers:
            tx.cursor.execute(statement)
    count = _filled(tx, lines)
    for statement in kind.triggers:
        tx.cursor.execute(statement)
    tx.cursor.execute("UPDATE leases SET until = 0")
    # The world may be newer than the copy (law L16): each is compared with Entra as soon as somebody works.
    wake(tx, None)
    if tx.dialect.name != "sqlite":
        tx.rows(Prepared(select(func.setval("journal_seq_seq", select(_NEXT_SEQ).scalar_subquery(), text("false")))))
    return count


_NEXT_SEQ = func.coalesce(func.max(schema.journal.c.seq), 0) + 1


def _filled(tx: Transaction, lines: Iterable[str]) -> int:
    """Fill the tables, a batch at a time; the last line must count as many rows as there were."""
    known = {table.name: table for table in tables()}
    count, batch = 0, _Batch(None)
    for found in map(_read, lines):
        if isinstance(found, list):
            batch.add(found, tx)
            count += 1
            continue
        batch.insert(tx)
        said = found if isinstance(found, dict) else {}
        if said.get("end") == count:
            return count
        batch = _Batch(known.get(str(said.get("table"))))
    raise StoreUnusable("The copy is not whole: its end is missing", hint="Take another one. Nothing was changed.")


class _Batch:
    """Rows of one table that are yet to be inserted."""

    def __init__(self, table: Table | None) -> None:
        self._table = table
        self._kinds = kinds_of(table) if table is not None else ()
        self._rows: list[Row] = []

    def add(self, row: Sequence[Any], tx: Transaction) -> None:
        self._rows.append(_inside(row, self._kinds))
        if len(self._rows) == _AT_ONCE:
            self.insert(tx)

    def insert(self, tx: Transaction) -> None:
        if self._table is not None and self._rows:
            names = [column.name for column in self._table.c]
            statement = Prepared(insert(self._table).values({name: bindparam(name) for name in names}))
            tx.run_all(statement, [dict(zip(names, row, strict=True)) for row in self._rows])
            tx.flush()
        self._rows.clear()


def _inside(row: Sequence[Any], kinds: Sequence[str]) -> list[object]:
    if len(row) != len(kinds):
        raise StoreUnusable("A row of the copy does not fit its table", hint="Nothing was changed.")
    return [base64.b64decode(value) if kind == "bytes" else value for kind, value in zip(kinds, row, strict=True)]


def _check_keys(needed: Sequence[str], door: Door, given: Sequence[bytes]) -> None:
    """What is sealed in the copy must open, or it would be of no use."""
    if door.is_server and not given:
        raise no_key()
    known = Seal(given or (key_files.from_file(key_files.key_file(door.path)) if door.path else [])).known
    unknown = [key for key in needed if key not in known]
    if unknown:
        raise unknown_key(unknown)


def _lines(copy: TextIO) -> Iterator[str]:
    try:
        yield from copy
    except UnicodeDecodeError:
        raise StoreUnusable("This is no copy that 'rotator backup' has made", hint="It is not even text.") from None


def _read(line: str) -> object:
    try:
        found: object = json.loads(line)
    except ValueError:
        raise StoreUnusable(
            "A line of the copy cannot be read", hint="Take another one. Nothing was changed."
        ) from None
    return found
