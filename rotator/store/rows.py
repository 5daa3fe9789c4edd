"""How does a value of the domain stand in a row? By its field names and types, both ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Column, Table

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

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: What `datetime.max` is in the database: no wake-up at all.
NEVER = 253_402_300_799_999_999
_APPLICATION = ("tenant_id", "object_id", "client_id", "app_name")


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
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Form(Generic[Value]):
    """How one type of value stands in its table: the columns in the order of the fields."""

    def __init__(self, kind: type[Value], table: Table, *, derived: Sequence[str] = ()) -> None:
        """`derived` are fields that are no columns: the last ones of a row, yes or no, given by the query."""
        self._kind = kind
        named = [(field.name, str(field.type)) for field in fields(cast("Any", kind))]
        self._stored = [(name, *_CODECS[type_]) for name, type_ in named if name not in derived]
        self.columns: list[Column[Any]] = [
            table.c[name]
            for field, _, _ in self._stored
            for name in (_APPLICATION if field == "application" else (field,))
        ]
        self._derived = tuple(derived)

    def params(self, value: Value) -> dict[str, Any]:
        """The columns of a row that holds this value."""
        found: dict[str, Any] = {}
        for name, write, _ in self._stored:
            held = getattr(value, name)
            if name == "application":
                found.update(
                    zip(_APPLICATION, (held.tenant_id, held.object_id, held.client_id, held.name), strict=True)
                )
            else:
                found[name] = held if write is None else write(held)
        return found

    def value(self, row: Row) -> Value:
        """The value that a row of `columns` (and then the derived fields) holds."""
        found: dict[str, Any] = {}
        at = 0
        for name, _, read in self._stored:
            if name == "application":
                found[name] = Application(*row[at : at + 4])
                at += 4
                continue
            found[name] = row[at] if read is None else read(row[at])
            at += 1
        found.update(zip(self._derived, map(bool, row[at:]), strict=False))
        return self._kind(**found)

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
CREDENTIAL = Form(Credential, schema.credentials, derived=("has_text",))
INTENT = Form(IssueIntent, schema.issue_intents)
DELIVERY = Form(Delivery, schema.deliveries)
REQUEST = Form(Request, schema.requests)
