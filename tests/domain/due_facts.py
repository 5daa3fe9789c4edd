"""What does a rotation look like that is new, rotated, failed, asked for? Facts for the tests of what is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rotator.domain.due import Due, NotDue
from rotator.domain.model import ConnectionHealth, Facts, Standing
from tests.builders import a_credential, a_request, a_rotation, some_facts
from tests.fakes import START

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: The builder's rotation, every 30 days at 02:30 UTC, rotated by its schedule at START (10:00): its next slot.
SLOT = datetime(2026, 3, 31, 2, 30, tzinfo=UTC)
EXPIRY = START + 63 * DAY
#: Half its margin of three days before the end.
NEAR = EXPIRY - 1.5 * DAY
STORM = ConnectionHealth("contoso", attempts_last_hour=600, oldest_attempt_at=START)
ZERO = datetime(1, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new(**changes: Any) -> Facts:
    """Defined at START and nothing done yet; `changes` are fields of the rotation."""
    return some_facts(a_rotation(**changes))


def rotated(**standing: Any) -> Facts:
    """Rotated by its schedule at START, all well; `standing` says what is different."""
    plain = Standing("rotation-1", state="active", anchor_at=START, last_rotated_at=START, last_attempted_at=START)
    facts = some_facts(created_at=START - 90 * DAY, credentials=(a_credential(),))
    return replace(facts, standing=replace(plain, **standing))


def failed(at: datetime, retry_at: datetime, **standing: Any) -> Facts:
    return rotated(failures=3, last_attempted_at=at, retry_at=retry_at, **standing)


def ruled(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, rotation=replace(facts.rotation, **changes))


def switched(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, switches=replace(facts.switches, **changes))


def asked(facts: Facts, at: datetime, kind: str = "rotate", request_id: str = "request-1") -> Facts:
    return replace(facts, requests=(*facts.requests, a_request(id=request_id, kind=kind, at=at)))


def broken(facts: Facts, opened_at: datetime, **changes: Any) -> Facts:
    return replace(facts, health=ConnectionHealth("contoso", opened_at=opened_at, **changes))


def reason(answer: Due | NotDue) -> str:
    return answer.reason.value
