"""When does a rotation need us next? The earliest of everything that is waited for, so that a wake-up finds work."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from rotator.domain.due import Due, NotDue
from rotator.domain.model import Credential, CredentialState, Facts


def next_visit(
    facts: Facts, verdict: Due | NotDue, now: datetime, *, look_again: Iterable[datetime], reconcile_every: timedelta
) -> datetime:
    """Return when to look again; `look_again` are second looks and duties that failed. Never earlier than now."""
    times = [*look_again, *_revocations(facts), *_deliveries(facts)]
    times.append((facts.standing.reconciled_at or now) + reconcile_every)
    if isinstance(verdict, Due):
        times.append(_resumes(facts, now))
    else:
        times += [at for at in (verdict.until, verdict.again_at) if at is not None and at > now]
    return max(now, min(times))


def reconcile_due(facts: Facts, now: datetime, every: timedelta) -> bool:
    """The comparison is owed: never made, long ago, edited since, or a destination's retry has come."""
    standing = facts.standing
    if standing.reconciled_at is None or now >= standing.reconciled_at + every:
        return True
    changed = facts.switches.changed_at
    if changed is not None and changed >= standing.reconciled_at:
        return True
    return any(at <= now for at in _deliveries(facts))


def revoke_time(credential: Credential) -> datetime | None:
    """When a retiring credential is looked at for its end, or None when nothing has decided that yet."""
    if credential.revoke_intent_at is not None:
        wanted: datetime = credential.revoke_intent_at
    elif credential.revoke_at is not None:
        wanted = min(credential.revoke_at, credential.expires_at)
    else:
        wanted = credential.expires_at
    retry = credential.revoke_retry_at
    return max(wanted, retry) if retry is not None else wanted


def _revocations(facts: Facts) -> list[datetime]:
    return [at for c in facts.credentials if c.state is CredentialState.RETIRING and (at := revoke_time(c)) is not None]


def _deliveries(facts: Facts) -> list[datetime]:
    """Retries of destinations, which reconcile serves once no attempt is open."""
    if facts.attempt is not None or facts.current is None:
        return []
    named = {rule.name for rule in facts.rotation.destinations}
    waiting = [d.retry_at for d in facts.deliveries if d.message and d.destination in named and d.retry_at is not None]
    missing = named - {d.destination for d in facts.deliveries}
    reconciled = facts.standing.reconciled_at
    return waiting + ([reconciled + timedelta(hours=1)] if missing and reconciled else [])


def _resumes(facts: Facts, now: datetime) -> datetime:
    attempt = facts.attempt
    if attempt is None:
        return now
    return attempt.resume_at or now
