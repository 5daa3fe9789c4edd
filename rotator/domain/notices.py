"""Which of the things that happen does a person want to be told, as what, and how often?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from rotator.domain import events
from rotator.domain.events import Event
from rotator.domain.model import Facts, Outcome, RotationStatus

#: What stands is told again after 4 h, then after twice as long each time, at most a week.
_FIRST, _LONGEST = timedelta(hours=4), timedelta(days=7)
#: The code of a rotation that has failed, beside the codes of alarms.
FAILED = "FAILED"


class Kind(StrEnum):
    """What a channel may be configured to tell."""

    FAILURE = "failure"
    RECOVERY = "recovery"
    EXPIRING = "expiring"
    OVERDUE = "overdue"
    ORPHAN = "orphan"
    DRIFT = "drift"
    COMPROMISED = "compromised"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell; `code` names what stands until it is over, empty for what has just happened."""

    kind: Kind
    rotation: str
    at: datetime
    message: str
    code: str = ""
    #: How often it has been told before.
    again: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)


_ALARMS = {
    "EXPIRING": Kind.EXPIRING,
    "EXPIRED": Kind.EXPIRING,
    "CONNECTION_EXPIRING": Kind.EXPIRING,
    "CONNECTION_EXPIRED": Kind.EXPIRING,
    "REVOKE_OVERDUE": Kind.OVERDUE,
    "AWAITING_APPROVAL": Kind.OVERDUE,
    "DRIFT": Kind.DRIFT,
    "DESTINATION_REMOVED": Kind.DRIFT,
}


def notice_of(event: Event) -> Notice | None:  # noqa: PLR0911 - one case a kind of event
    """What is told of an event; None for what only the log tells."""
    rotation, at = event.rotation, event.at
    match event:
        case events.AlarmRaised(code=code, message=message):
            return of_alarm(rotation, code, message, at)
        case events.AlarmCleared(code=code):
            return Notice(Kind.RECOVERY, rotation, at, f"{code} is over", code)
        case events.AttemptEnded(outcome=Outcome.SUCCEEDED, message=message):
            return Notice(Kind.SUCCESS, rotation, at, message)
        case events.AttemptEnded(outcome=Outcome.FAILED, message=message):
            return Notice(Kind.FAILURE, rotation, at, message, FAILED)
        case events.OrphanFound(message=message):
            return Notice(Kind.ORPHAN, rotation, at, message)
        case events.DriftFound(healed=True, destination=destination):
            return Notice(Kind.DRIFT, rotation, at, f"{destination} had been changed, and was put right")
        case events.AttemptBegan(compromised=True, resumed=False):
            return Notice(Kind.COMPROMISED, rotation, at, "Its secrets are being replaced as compromised")
        case _:
            return None


def of_alarm(rotation: str, code: str, message: str, at: datetime) -> Notice:
    """An alarm as it is told; what is neither an end that nears, nor late, nor drift, is a failure."""
    return Notice(_ALARMS.get(code, Kind.FAILURE), rotation, at, message, code)


def standing(facts: Facts, at: datetime) -> list[Notice]:
    """What stands about a rotation now."""
    if facts.switches.retired_at is not None:
        return []
    name, found = facts.rotation.name, facts.standing
    told = [of_alarm(name, alarm.code, alarm.message, at) for alarm in found.alarms]
    if found.failures or found.status is RotationStatus.FAILED:
        told.append(Notice(Kind.FAILURE, name, at, found.message, FAILED))
    return told


def distance(told: int) -> timedelta:
    """How long after the `told`-th time it is told again."""
    return min(_LONGEST, _FIRST * (1 << min(max(0, told - 1), 10)))
