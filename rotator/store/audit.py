"""Who has done what, and has anybody changed that record since? Rows chained by keyed hashes, one chain a node.

The key is derived from one that is sealed in the database: who can write the file, but not open its seals, can neither
change a row, nor take one out, nor put one in between. Rows cut off at the end show only beside a head kept elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, or_, select

from rotator.domain.access import AuditSearch, Note
from rotator.redaction import redact
from rotator.store.access_schema import audit
from rotator.store.rows import Row, micros, text_of
from rotator.store.session import Transaction
from rotator.store.statements import Prepared

_COLUMNS = [column.name for column in audit.c]
_HASHED = _COLUMNS[:-1]
_LAST = Prepared(
    select(audit.c.n, audit.c.hash).where(audit.c.node == bindparam("node")).order_by(audit.c.n.desc()).limit(1)
)
_APPEND = Prepared(insert(audit).values({name: bindparam(name) for name in _COLUMNS}))
_NODES = Prepared(select(audit.c.node, func.count(), func.max(audit.c.at)).group_by(audit.c.node))
_ROWS = Prepared(
    select(*audit.c)
    .where(audit.c.node == bindparam("node"), audit.c.n > bindparam("after"))
    .order_by(audit.c.n)
    .limit(bindparam("most"))
)
_NEWEST = Prepared(
    select(*audit.c)
    .where(audit.c.at <= bindparam("until"))
    .order_by(audit.c.at.desc(), audit.c.node, audit.c.n.desc())
    .limit(bindparam("most"))
)
_EXACT = ("actor", "identity_id", "address", "request_id", "node")
_FOUND = Prepared(
    select(*audit.c)
    .where(
        audit.c.at <= bindparam("until"),
        audit.c.at >= bindparam("since"),
        or_(
            audit.c.at < bindparam("before_at"),
            audit.c.n < bindparam("before_n"),
            and_(audit.c.n == bindparam("before_n"), audit.c.node > bindparam("before_node")),
        ),
        # All of the kind, or its beginning.
        func.substr(audit.c.kind, 1, bindparam("length")) == bindparam("begins"),
        *(or_(bindparam(f"wanted_{name}") == "", audit.c[name] == bindparam(f"wanted_{name}")) for name in _EXACT),
    )
    .order_by(audit.c.at.desc(), audit.c.n.desc(), audit.c.node)
    .limit(bindparam("most"))
)
_AT_ONCE = 1000
#: Longer than any kind, and later than any row.
_WHOLE, _LATEST = 256, 2**62


@dataclass(frozen=True, slots=True)
class Chain:
    """One node's chain as it was found; `broken` is empty, or says where and how it does not hold."""

    node: str
    rows: int
    head: str
    broken: str = ""


def chain_key(fingerprint_key: str) -> bytes:
    """The key of the chains, from the one that is sealed in the database."""
    return hmac.digest(fingerprint_key.encode(), b"rotator audit chain", "sha256")


def append(tx: Transaction, node: str, key: bytes, *, notes: Sequence[Note]) -> None:
    """Add rows at the end of the node's chain, in the transaction of what they tell of."""
    last = tx.row(_LAST, {"node": node})
    n, head = (int(last[0]), str(last[1])) if last else (0, "")
    rows: list[dict[str, Any]] = []
    for note in notes:
        n += 1
        row: dict[str, Any] = {
            "node": node,
            "n": n,
            "at": tx.now,
            "kind": note.kind,
            "actor": note.actor,
            "identity_id": note.identity_id,
            "address": note.address,
            "request_id": note.request_id,
            "facts": text_of(redact(note.facts)) if note.facts else "{}",
        }
        head = row["hash"] = _hash(key, head, list(row.values()))
        rows.append(row)
    tx.run_all(_APPEND, rows)


def verify(tx: Transaction, key: bytes) -> list[Chain]:
    """Walk every chain from its beginning."""
    return [_walk(tx, str(node), key) for node, _, _ in tx.rows(_NODES)]


def newest(tx: Transaction, until: int, most: int) -> list[dict[str, object]]:
    """The latest rows of all nodes, newest first."""
    return [_shown(row) for row in tx.rows(_NEWEST, {"until": until, "most": most})]


def found(tx: Transaction, search: AuditSearch) -> list[dict[str, object]]:
    """The rows that are looked for, newest first."""
    before_at, before_n, before_node = search.before or (_LATEST, 0, "")
    exact = {f"wanted_{name}": getattr(search, name) for name in _EXACT}
    is_beginning = not search.kind or search.kind.endswith(".")
    until = _LATEST if search.until is None else micros(search.until)
    params = {
        "until": min(until, before_at),
        "since": 0 if search.since is None else micros(search.since),
        "before_at": before_at,
        "before_n": before_n,
        "before_node": before_node,
        "length": len(search.kind) if is_beginning else _WHOLE,
        "begins": search.kind,
        "most": search.most,
    }
    return [_shown(row) for row in tx.rows(_FOUND, params | exact)]


def _walk(tx: Transaction, node: str, key: bytes) -> Chain:
    head, n = "", 0
    for row in _all(tx, node):
        expected = _hash(key, head, list(row[: len(_HASHED)]))
        if row[1] != n + 1:
            return Chain(node, n, head, f"row {n + 1} is missing")
        if not hmac.compare_digest(expected, str(row[-1])):
            return Chain(node, n, head, f"row {row[1]} has been changed, or the one before it")
        head, n = expected, n + 1
    return Chain(node, n, head)


def _all(tx: Transaction, node: str) -> Iterator[Row]:
    after = 0
    while part := tx.rows(_ROWS, {"node": node, "after": after, "most": _AT_ONCE}):
        yield from part
        after = int(part[-1][1])


def _hash(key: bytes, head: str, values: list[Any]) -> str:
    return hmac.new(key, f"{head}\n{text_of(values)}".encode(), hashlib.sha256).hexdigest()


def _shown(row: Row) -> dict[str, object]:
    found = dict(zip(_COLUMNS, row, strict=True))
    return found | {"facts": json.loads(str(found["facts"]))}
