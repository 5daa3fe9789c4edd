"""What should a person know about a rotation right now? By stable code, derived anew at every visit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rotator.domain.due import Due, NotDue, Reason
from rotator.domain.model import Alarm, Facts

#: A revocation that is this late is worth a word.
_REVOKE_LATE = timedelta(hours=1)
#: This long before the end of a connection's credential a person should know, unless it is rotated.
CONNECTION_NEAR = timedelta(days=30)


def alarms(facts: Facts, verdict: Due | NotDue, now: datetime, *, doubt: str = "") -> tuple[Alarm, ...]:
    """Return the alarms in a stable order; empty when all is well."""
    return tuple(_all(facts, verdict, now, doubt))


def connection_alarm(expires_at: datetime | None, now: datetime, *, near: timedelta = CONNECTION_NEAR) -> str:
    """The code for the credential of a connection, empty when all is well; no date: it is refused as expired."""
    if expires_at is None or expires_at <= now:
        return "CONNECTION_EXPIRED"
    return "CONNECTION_EXPIRING" if expires_at - now < near else ""


def _all(facts: Facts, verdict: Due | NotDue, now: datetime, doubt: str) -> Iterator[Alarm]:
    standing, current = facts.standing, facts.current
    if doubt:
        yield Alarm("CLOCK_SUSPECT", f"Nothing is issued or revoked: {doubt}")
    if standing.hold:
        yield Alarm(standing.hold, standing.message)
    if standing.current_lost:
        yield Alarm("CURRENT_LOST", standing.message)
    if standing.promoted_partly:
        yield Alarm("PROMOTED_PARTLY", standing.message)
    if current is not None and current.expires_at <= now:
        yield Alarm("EXPIRED", f"The current secret {current.key_id} expired at {current.expires_at:%Y-%m-%d %H:%M}Z")
    elif current is not None and isinstance(verdict, NotDue) and verdict.near_expiry:
        yield Alarm("EXPIRING", _expiring(facts, verdict, current.expires_at))
    if isinstance(verdict, NotDue) and verdict.reason is Reason.AWAITING_APPROVAL:
        name = facts.rotation.name
        yield Alarm("AWAITING_APPROVAL", f"It is due, and waits for 'rotator approve {name}'")
    yield from _of_credentials(facts, now)
    yield from _of_destinations(facts)


def _expiring(facts: Facts, verdict: NotDue, expires_at: datetime) -> str:
    why = f"{verdict.reason.value} ({facts.rotation.name})"
    return f"The current secret expires at {expires_at:%Y-%m-%d %H:%M}Z and is not rotated: {why}"


def _of_credentials(facts: Facts, now: datetime) -> Iterator[Alarm]:
    for credential in facts.retiring:
        wanted = credential.revoke_at
        if wanted is not None and credential.revoke_message and now > wanted + _REVOKE_LATE:
            yield Alarm("REVOKE_OVERDUE", f"{credential.key_id} is still valid: {credential.revoke_message}")


def _of_destinations(facts: Facts) -> Iterator[Alarm]:
    for row in facts.deliveries:
        if row.removed:
            yield Alarm("DESTINATION_REMOVED", f"{row.destination}: {row.message}")
        elif row.drifted:
            yield Alarm("DRIFT", f"{row.destination}: {row.message}")
