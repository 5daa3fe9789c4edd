"""How is a statement said to a PostgreSQL server at the least cost? Through libpq itself, several at once if possible.

A psycopg cursor takes several times as much of the node's processor for a statement as what is done here, and a
rotation says some seventy. Parameters and answers are text, as the server writes it.
"""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Self

import psycopg
from psycopg import errors, pq
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

from rotator.store.rows import Row

#: Statements that the server keeps parsed and planned; when there are more, all are forgotten.
_MOST_PREPARED = 500
#: So many go at once: an answer that nobody has read yet must not keep the server from reading on.
_AT_ONCE = 200
_NAMED = re.compile(r"%\((\w+)\)s|%%")
_SMALL, _PLAIN, _LARGE, _TRUTH, _BYTES, _NUMERIC, _REAL = 21, 23, 20, 16, 17, 1700, 701
_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE, ExecStatus.PIPELINE_ABORTED)

#: A statement that the server keeps is of other tables than there are now, or is not kept any more.
STALE = (errors.FeatureNotSupported, errors.InvalidSqlStatementName)

Said = tuple[str, Mapping[str, Any]]
#: A statement as the server takes it, its values and their types.
_Ready = tuple[bytes, list[bytes | None], tuple[int, ...]]


class Wire:
    """What a transaction says its statements with; used by one thread at a time. Raises psycopg.Error."""

    def __init__(self, connection: psycopg.Connection[Any], *, prepares: bool) -> None:
        """`prepares`: statements may be kept by the server, as no pooler stands between."""
        self.connection = connection
        self.rowcount = -1
        #: What the last statement was, in the server's word.
        self.done = ""
        self._server = connection.pgconn
        self._prepares = prepares
        self._texts: dict[str, tuple[bytes, tuple[str, ...]]] = {}
        self._names: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._rows: list[Row] = []
        #: What the server keeps is of other tables than there are now, or it keeps nothing any more.
        self._stale = False

    @property
    def is_lost(self) -> bool:
        """There is no server at the other end any more."""
        return bool(self._server.status == ConnStatus.BAD)

    def execute(self, text: str | bytes, params: Mapping[str, Any] | None = None) -> Self:
        """Say one statement; without `params` it may be several, whose last answer counts."""
        if params is None:
            self._take(self._server.exec_(text.encode() if isinstance(text, str) else text))
            return self
        assert isinstance(text, str), "with parameters"
        said, values, types = self._said(text, params)
        name = self._prepared(said, types)
        # These let other threads work while they wait; `get_result` would not.
        if name:
            self._take(self._server.exec_prepared(name, values))  # type: ignore[arg-type]  # None is NULL
        else:
            self._take(self._server.exec_params(said, values, types))
        return self

    def fetchone(self) -> Row | None:
        """The first row of the last answer."""
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[Row]:
        """All rows of the last answer."""
        return self._rows

    def together(self, said: Sequence[Said]) -> list[list[Row]]:
        """Say several statements without waiting in between; the rows of each. All fail with the first that does."""
        if len(said) == 1:
            return [self.execute(*said[0]).fetchall()]
        found: list[list[Row]] = []
        for start in range(0, len(said), _AT_ONCE):
            ready = [self._said(*each) for each in said[start : start + _AT_ONCE]]
            names = [self._prepared(text, types) for text, _, types in ready]
            found += self._at_once(ready, names)
        return found

    def mend(self) -> None:
        """Outside a transaction: let the server keep no statement, if one it kept was the trouble."""
        if self._stale:
            self._forget()

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def _at_once(self, ready: Sequence[_Ready], names: Sequence[bytes]) -> list[list[Row]]:
        server = self._server
        try:
            server.enter_pipeline_mode()
            self._send(ready, names)
            answers = self._answers()
            server.exit_pipeline_mode()
        except BaseException:
            # Nobody knows any more which answer belongs to what.
            self.close()
            raise
        found = []
        for each in answers:
            self._take(each)
            found.append(self._rows)
        return found

    def _send(self, ready: Sequence[_Ready], names: Sequence[bytes]) -> None:
        server = self._server
        for (text, values, types), name in zip(ready, names, strict=True):
            if name:
                server.send_query_prepared(name, values)
            else:
                server.send_query_params(text, values, types)
        server.pipeline_sync()

    def _answers(self) -> list[PGresult]:
        """To everything that was said before the last sync; to what failed alone, if something has."""
        server = self._server
        found: list[PGresult] = []
        self._flush()
        while True:
            if server.is_busy():
                self._wait(select.POLLIN)
                continue
            result = server.get_result()
            if result is None and self.is_lost:
                raise self._gone()
            if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
                return [each for each in found if each.status in _FAILED] or found
            found += [] if result is None else [result]

    def _flush(self) -> None:
        """Send all, reading meanwhile what the server answers already: else it would stop reading."""
        while self._server.flush():
            self._wait(select.POLLIN | select.POLLOUT)

    def _wait(self, for_: int) -> None:
        """Here, and not in libpq's own `get_result`, which would keep all other threads waiting as well."""
        poll = select.poll()
        poll.register(self._server.socket, for_)
        poll.poll()
        self._server.consume_input()

    def _said(self, text: str, params: Mapping[str, Any]) -> _Ready:
        """The statement as the server takes it, with its values and their types."""
        known = self._texts.get(text)
        if known is None:
            known = self._texts[text] = _numbered(text)
        said, names = known
        values: list[bytes | None] = []
        types: list[int] = []
        for name in names:
            value, type_ = _written(params[name])
            values.append(value)
            types.append(type_)
        return said, values, tuple(types)

    def _prepared(self, text: bytes, types: tuple[int, ...]) -> bytes:
        """The name under which the server keeps the statement; empty where it may not."""
        if not self._prepares:
            return b""
        name = self._names.get((text, types))
        if name is None:
            if len(self._names) >= _MOST_PREPARED:
                self._forget()
            name = b"rotator_%d" % len(self._names)
            self._take(self._server.prepare(name, text, types))
            self._names[text, types] = name
        return name

    def _forget(self) -> None:
        self._stale = False
        self._names.clear()
        self.execute(b"DEALLOCATE ALL")

    def _take(self, result: PGresult) -> None:
        if result.status in _FAILED:
            said = result.error_field(DiagnosticField.SQLSTATE)
            error = errors.error_from_result(result) if said else self._gone()
            self._stale = self._stale or isinstance(error, STALE)
            raise error
        self.done = (result.command_status or b"").decode()
        self.rowcount = result.command_tuples if result.command_tuples is not None else -1
        self._rows = _rows(result)

    def _gone(self) -> psycopg.OperationalError:
        return psycopg.OperationalError(self._server.get_error_message().strip() or "the connection is lost")


def _numbered(text: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with `$1` for each `%(name)s`, and the names in that order."""
    places: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        name = found[1]
        return "%" if name is None else f"${places.setdefault(name, len(places) + 1)}"

    said = _NAMED.sub(place, text)
    return said.encode(), tuple(places)


def _written(value: Any) -> tuple[bytes | None, int]:
    """A value as text, and the type it has; of text the server finds out what is wanted."""
    if value is None:
        return None, 0
    if isinstance(value, str):
        return value.encode(), 0
    if isinstance(value, bool):
        return (b"t" if value else b"f"), _TRUTH
    if isinstance(value, int):
        size = _SMALL if -(1 << 15) <= value < 1 << 15 else _PLAIN if -(1 << 31) <= value < 1 << 31 else _LARGE
        return b"%d" % value, size
    if isinstance(value, float):
        return repr(value).encode(), _REAL
    return b"\\x" + bytes(value).hex().encode(), _BYTES


def _rows(result: PGresult) -> list[Row]:
    count = result.ntuples
    if not count:
        return []
    read = [_READ.get(result.ftype(n), _text) for n in range(result.nfields)]
    get = result.get_value
    return [
        tuple(None if (value := get(row, n)) is None else turn(value) for n, turn in enumerate(read))
        for row in range(count)
    ]


def _text(value: bytes) -> str:
    return value.decode()


def _truth(value: bytes) -> bool:
    return value == b"t"


def _number(value: bytes) -> Decimal:
    return Decimal(value.decode())


def _bytes(value: bytes) -> bytes:
    return pq.Escaping().unescape_bytea(value)


#: By the server's number of the type.
_READ: dict[int, Callable[[bytes], Any]] = {
    _SMALL: int,
    _PLAIN: int,
    _LARGE: int,
    _TRUTH: _truth,
    _BYTES: _bytes,
    _NUMERIC: _number,
    _REAL: float,
}
