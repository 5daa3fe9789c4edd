"""Is a person told, by a stable code, of all that needs one, and of nothing else?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rotator.domain.alarms import alarms
from rotator.domain.due import Due, NotDue, Reason
from rotator.domain.model import CredentialState, Facts
from tests.builders import a_credential, a_delivery
from tests.domain.due_facts import DAY, EXPIRY, HOUR, NEAR, rotated
from tests.fakes import START

WELL = NotDue(Reason.NOT_YET)
HELD = NotDue(Reason.PAUSED, near_expiry=True)


def codes(facts: Facts, verdict: Due | NotDue = WELL, **given: Any) -> list[str]:
    now = given.pop("now", START)
    return [alarm.code for alarm in alarms(facts, verdict, now, **given)]


def with_retiring(**changes: Any) -> Facts:
    old = a_credential(key_id="old", state=CredentialState.RETIRING, revoke_at=START, **changes)
    return replace(rotated(), credentials=(a_credential(), old))


def test_all_is_well() -> None:
    assert codes(rotated()) == []


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        ({"hold": "STATE_OLDER_THAN_ENTRA"}, "STATE_OLDER_THAN_ENTRA"),
        ({"current_lost": True}, "CURRENT_LOST"),
        ({"promoted_partly": True}, "PROMOTED_PARTLY"),
    ],
)
def test_what_stands_on_record_is_told(standing: dict[str, Any], code: str) -> None:
    assert codes(rotated(**standing)) == [code]


def test_a_doubt_about_the_time_says_why() -> None:
    (alarm,) = alarms(rotated(), WELL, START, doubt="the database says 2027")
    assert (alarm.code, "the database says 2027" in alarm.message) == ("CLOCK_SUSPECT", True)


def test_L10_nearing_expiry_is_told_where_something_holds_the_rotation() -> None:
    (alarm,) = alarms(rotated(), HELD, NEAR)
    assert alarm.code == "EXPIRING"
    assert "PAUSED" in alarm.message
    assert f"{EXPIRY:%Y-%m-%d %H:%M}Z" in alarm.message


def test_nearing_expiry_is_not_told_when_the_rotation_is_under_way() -> None:
    assert codes(rotated(), Due(Reason.NEAR_EXPIRY), now=NEAR) == []


def test_an_expired_secret_is_told_whatever_is_under_way() -> None:
    assert codes(rotated(), Due(Reason.NEAR_EXPIRY), now=EXPIRY) == ["EXPIRED"]
    assert codes(rotated(), HELD, now=EXPIRY + DAY) == ["EXPIRED"]


def test_a_revocation_is_overdue_an_hour_after_its_time_and_only_when_something_holds_it() -> None:
    assert codes(with_retiring(revoke_message="down"), now=START + HOUR) == []
    assert codes(with_retiring(revoke_message="down"), now=START + 1.1 * HOUR) == ["REVOKE_OVERDUE"]
    assert codes(with_retiring(), now=START + 2 * HOUR) == []


def test_destinations_that_drifted_or_left_are_named() -> None:
    rows = (a_delivery(destination="a", drifted=True, message="changed"), a_delivery(destination="b", removed=True))
    found = alarms(replace(rotated(), deliveries=rows), WELL, START)
    assert [(alarm.code, alarm.message[:2]) for alarm in found] == [("DRIFT", "a:"), ("DESTINATION_REMOVED", "b:")]


def test_a_destination_that_merely_fails_is_no_alarm_of_its_own() -> None:
    assert codes(replace(rotated(), deliveries=(a_delivery(message="down", failures=3),))) == []
