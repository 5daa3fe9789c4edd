"""Does every field of every value come back from its row as it went in?"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotator.domain.model import Alarm, Application, CredentialState, Mode, Outcome, RotationStatus
from rotator.store import rows

FORMS: list[rows.Form[Any]] = [
    rows.STANDING,
    rows.ATTEMPT,
    rows.ENTRY,
    rows.CREDENTIAL,
    rows.INTENT,
    rows.DELIVERY,
    rows.REQUEST,
]
SAMPLES: dict[str, Any] = {
    "str": "text",
    "int": 7,
    "bool": True,
    "Mapping[str, str]": {"a": "ü"},
    "Mapping[str, object]": {"a": [1, True, None, "ü"]},
    "tuple[str, ...]": ("a", "b"),
    "tuple[Alarm, ...]": (Alarm("CODE", "line"),),
    "Application": Application("tenant", "object", "client", "name"),
    "CredentialState": CredentialState.RETIRING,
    "RotationStatus | None": RotationStatus.FAILED,
    "Mode": Mode.COMPROMISED,
    "Outcome | None": Outcome.SUPERSEDED,
}


def filled(kind: Any) -> Any:
    """A value none of whose fields is as it would be by default."""
    found = {}
    for n, field in enumerate(fields(kind)):
        type_ = str(field.type)
        date = datetime(2026, 1, 1, 2, 3, 4, 5 + n, tzinfo=UTC) + timedelta(days=n)
        sample = date if type_.startswith("datetime") else SAMPLES[type_]
        found[field.name] = f"{field.name} {n}" if sample == "text" else sample
    return kind(**found)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.kind.__name__)
def test_a_filled_value_comes_back_the_same(form: rows.Form[Any]) -> None:
    value = filled(form.kind)
    stored = form.params(value)
    row = [stored.get(getattr(column, "name", ""), 1) for column in form.columns]
    assert form.value(row) == value
    assert all(type(held) in {str, int, bool} for held in stored.values())


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.kind.__name__)
def test_a_plain_value_comes_back_the_same(form: rows.Form[Any]) -> None:
    full = filled(form.kind)
    plain = form.kind(**{f.name: getattr(full, f.name) for f in fields(form.kind) if f.name in required(form.kind)})
    stored = form.params(plain)
    row = [stored.get(getattr(column, "name", ""), 0) for column in form.columns]
    assert form.value(row) == plain


def required(kind: Any) -> set[str]:
    from dataclasses import MISSING

    return {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}


@pytest.mark.parametrize(
    "at",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 10, 0, 0, 999_999, tzinfo=UTC),
    ],
)
def test_an_instant_is_kept_to_the_microsecond(at: datetime) -> None:
    assert rows.instant(rows.micros(at)) == at


def test_never_is_the_same_aware_or_not() -> None:
    naive = datetime.max  # noqa: DTZ901 - the very case
    assert rows.micros(naive) == rows.micros(naive.replace(tzinfo=UTC)) == rows.NEVER
    assert rows.instant(rows.NEVER) == naive.replace(tzinfo=UTC)
