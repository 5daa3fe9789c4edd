"""What is a copy of the books that any kind of database can be made of again? Lines of JSON, sealed texts as they are.

The first line says what it is, then each table has its columns and its rows, and the last line counts them: a copy that
was cut off is not taken for a whole one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Boolean, LargeBinary, Table, select

from rotator.store import schema
from rotator.store.rows import Row, text_of
from rotator.store.seal import keys_in_use
from rotator.store.session import Transaction
from rotator.store.statements import Prepared

#: Of the lines; a later one that older programs cannot read has another.
FORMAT = 1
#: What belongs to the database or to those at work on it, and not to the books.
_LEFT_OUT = frozenset({"nodes", "paces"})


def dump(tx: Transaction, write: Callable[[str], object], installation: str) -> int:
    """Hand out the lines of a copy, all of one moment; returns how many rows."""
    head = {
        "rotator": "backup",
        "format": FORMAT,
        "schema": schema.REVISION,
        "installation": installation,
        "at": tx.time.isoformat(),
        "keys": keys_in_use(tx),
    }
    write(text_of(head) + "\n")
    count = 0
    for table in tables():
        write(text_of({"table": table.name, "columns": [column.name for column in table.c]}) + "\n")
        kinds = kinds_of(table)
        for row in tx.stream(Prepared(select(*table.c))):
            write(text_of(_outside(row, kinds)) + "\n")
            count += 1
    write(text_of({"end": count}) + "\n")
    return count


def tables() -> Iterator[Table]:
    """In an order in which every row finds what it refers to."""
    return (table for table in schema.metadata.sorted_tables if table.name not in _LEFT_OUT)


def kinds_of(table: Table) -> tuple[str, ...]:
    """How each column stands in a line: bytes in base64, a flag as true or false, anything else as it is."""
    return tuple(_kind(column.type) for column in table.c)


def _kind(type_: object) -> str:
    if isinstance(type_, LargeBinary):
        return "bytes"
    return "flag" if isinstance(type_, Boolean) else ""


def _outside(row: Row, kinds: Sequence[str]) -> list[object]:
    return [
        _WRITE[kind](value) if kind and value is not None else value for kind, value in zip(kinds, row, strict=True)
    ]


_WRITE: dict[str, Callable[[Any], object]] = {
    "bytes": lambda value: base64.b64encode(bytes(value)).decode(),
    "flag": bool,
}
