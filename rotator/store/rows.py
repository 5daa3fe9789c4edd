"""How does a value of the domain stand in a row? By its field names and types, both ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import ColumnElement, Table, and_

from rotator.domain.model import (
    Alarm,
    Application,
    Attempt,
    Credential,
    CredentialState,
    Delivery,
    Entry,
    IssueIntent,
    Mode,
    Outcome,
    Request,
    RotationStatus,
    Standing,
)
from rotator.store import schema

Value = TypeVar("Value")
Row = Sequence[Any]

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: What `datetime.max` is in the database: no wake-up at all.
NEVER = 253_402_300_799_999_999
#: Column, and where its value stands.
_APPLICATION = (
    ("tenant_id", "application.tenant_id"),
    ("object_id", "application.object_id"),
    ("client_id", "application.client_id"),
    ("app_name", "application.name"),
)


def micros(at: datetime) -> int:
    """Whole microseconds since 1970 UTC; `datetime.max`, aware or not, is NEVER."""
    if at.year == 9999:
        return NEVER
    span = at - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def instant(count: int) -> datetime:
    """The aware UTC instant of that many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=count)


def span_micros(span: timedelta) -> int:
    """A span in whole microseconds."""
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def text_of(value: object) -> str:
    """JSON as it stands in a column."""
    return _JSON.encode(value)


class Form(Generic[Value]):
    """How one type of value stands in its table: the columns in the order of the fields."""

    def __init__(
        self, kind: type[Value], table: Table, *, derived: Mapping[str, ColumnElement[Any]] | None = None
    ) -> None:
        """`derived` fields are no columns of the table: the query computes them."""
        elsewhere = derived or {}
        self.kind = kind
        self._stored: list[tuple[str, str]] = []
        self._write: list[tuple[str, Callable[[Any], Any]]] = []
        self._read: list[tuple[int, Callable[[Any], Any]]] = []
        self._application: int | None = None
        self.columns: list[ColumnElement[Any]] = []
        #: What the columns are called, derived ones by their fields.
        self._called: list[str] = []
        for field in fields(cast("Any", kind)):
            if field.name == "application":
                self._application = len(self.columns)
                self._stored += _APPLICATION
                self.columns += [table.c[column] for column, _ in _APPLICATION]
                self._called += [column for column, _ in _APPLICATION]
                continue
            write, read = _CODECS[str(field.type)]
            # Positions are those after the application has become one value.
            at = len(self.columns) - (0 if self._application is None else len(_APPLICATION) - 1)
            self.columns.append(elsewhere[field.name] if field.name in elsewhere else table.c[field.name])
            self._called.append(field.name)
            if read is not None:
                self._read.append((at, read))
            if field.name not in elsewhere:
                self._stored.append((field.name, field.name))
                self._write += [(field.name, write)] if write is not None else []
        self._names = [column for column, _ in self._stored]
        self._get = attrgetter(*(path for _, path in self._stored))

    def params(self, value: Value) -> dict[str, Any]:
        """The columns of a row that holds this value."""
        found: dict[str, Any] = dict(zip(self._names, self._get(value), strict=True))
        for name, write in self._write:
            found[name] = write(found[name])
        return found

    def value(self, row: Row) -> Value:
        """The value that a row of `columns` holds."""
        values = list(row)
        if self._application is not None:
            span = slice(self._application, self._application + len(_APPLICATION))
            values[span] = [Application(*values[span])]
        for at, read in self._read:
            values[at] = read(values[at])
        return self.kind(*values)

    def of_params(self, params: Mapping[str, Any]) -> Value:
        """The value that `params` made these columns of; derived fields are named too. Raises KeyError."""
        return self.value([params[name] for name in self._called])

    @property
    def width(self) -> int:
        """How many columns a value takes."""
        return len(self.columns)


def _maybe(turn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda held: None if held is None else turn(held)


def _mapping(held: Mapping[str, Any]) -> str:
    return text_of(dict(held)) if held else "{}"


def _read_mapping(text: str) -> dict[str, Any]:
    return {} if text == "{}" else json.loads(text)


def _names(held: Sequence[str]) -> str:
    return text_of(list(held)) if held else "[]"


def _read_names(text: str) -> tuple[str, ...]:
    return () if text == "[]" else tuple(json.loads(text))


def _alarms(held: Sequence[Alarm]) -> str:
    return text_of([[alarm.code, alarm.message] for alarm in held]) if held else "[]"


def _read_alarms(text: str) -> tuple[Alarm, ...]:
    return () if text == "[]" else tuple(Alarm(*pair) for pair in json.loads(text))


#: By the type as written in `domain/model.py`: value to column, column to value; None: as it is.
_CODECS: dict[str, tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]] = {
    "str": (None, None),
    "int": (None, None),
    "bool": (None, bool),
    "datetime": (micros, instant),
    "datetime | None": (_maybe(micros), _maybe(instant)),
    "Mapping[str, str]": (_mapping, _read_mapping),
    "Mapping[str, object]": (_mapping, _read_mapping),
    "tuple[str, ...]": (_names, _read_names),
    "tuple[Alarm, ...]": (_alarms, _read_alarms),
    "Application": (None, None),
    "CredentialState": (str, CredentialState),
    "RotationStatus | None": (_maybe(str), _maybe(RotationStatus)),
    "Mode": (str, Mode),
    "Outcome | None": (_maybe(str), _maybe(Outcome)),
}

STANDING = Form(Standing, schema.standings)
ATTEMPT = Form(Attempt, schema.attempts)
ENTRY = Form(Entry, schema.journal)
#: The credentials, and whether a sealed text is kept for each.
WITH_TEXT = schema.credentials.outerjoin(
    schema.sealed,
    and_(
        schema.sealed.c.of_table == "credentials",
        schema.sealed.c.of_row == schema.credentials.c.key_id,
        schema.sealed.c.of_column == "text",
    ),
)
CREDENTIAL = Form(Credential, schema.credentials, derived={"has_text": schema.sealed.c.of_row.is_not(None)})
INTENT = Form(IssueIntent, schema.issue_intents)
DELIVERY = Form(Delivery, schema.deliveries)
REQUEST = Form(Request, schema.requests)
