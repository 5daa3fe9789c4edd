"""When does a rotation need us next? The earliest of everything that is waited for, so that a wake-up finds work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from rotator.domain.due import Due, NotDue
from rotator.domain.model import Credential, CredentialState, Facts

#: A visit that leaves something due is followed by the next after this, never at once.
_BREATH = timedelta(seconds=1)
NEVER = datetime.max.replace(tzinfo=UTC)


def next_visit(
    facts: Facts,
    verdict: Due | NotDue,
    now: datetime,
    *,
    second_looks: Sequence[datetime] = (),
    comparisons: Sequence[datetime] = (),
    stumbled: Mapping[str, datetime],
    reconcile_every: timedelta,
) -> datetime:
    """Return when to look again; NEVER when only a person can change anything.

    `comparisons` are those owed beside the regular ones. `stumbled` names duties that failed and when each is tried
    again; a duty that stumbled is not waited for sooner.
    """
    awaited: dict[str, Sequence[datetime]] = {"second-look": second_looks}
    if facts.switches.retired_at is None:
        regular = min(facts.standing.reconciled_at or now, now) + reconcile_every
        awaited["reconcile"] = [regular, *comparisons, *_deliveries(facts)]
        awaited["revoke"] = _revocations(facts)
        awaited["rotate"] = _verdict(facts, verdict, now)
    times = [max(at, stumbled.get(duty, at)) for duty, ats in awaited.items() for at in ats]
    times += [at for duty, at in stumbled.items() if duty not in awaited]
    return max(now + _BREATH, min(times, default=NEVER))


def reconcile_due(facts: Facts, now: datetime, every: timedelta) -> bool:
    """The comparison is owed: never made, long ago, edited since, or a destination's retry has come.

    One that was made in the future was made under a wrong clock, and is owed too.
    """
    standing = facts.standing
    if standing.reconciled_at is None or not standing.reconciled_at <= now < standing.reconciled_at + every:
        return True
    changed = facts.switches.changed_at
    if changed is not None and changed >= standing.reconciled_at:
        return True
    gone = {d.destination for d in facts.deliveries if not d.removed} - {
        rule.name for rule in facts.rotation.destinations
    }
    if gone and facts.current is not None:
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
    if facts.standing.hold:
        return []
    retiring = [c for c in facts.credentials if c.state is CredentialState.RETIRING]
    return [at for c in retiring if (at := revoke_time(c)) is not None]


def _deliveries(facts: Facts) -> list[datetime]:
    """Retries of destinations, which reconcile serves once no attempt is open; of an adopted key it has no text."""
    standing, current = facts.standing, facts.current
    if facts.attempt is not None or current is None or not current.has_text or standing.hold or standing.current_lost:
        return []
    named = {rule.name for rule in facts.rotation.destinations}
    waiting = [d.retry_at for d in facts.deliveries if d.message and d.destination in named and d.retry_at is not None]
    missing = named - {d.destination for d in facts.deliveries}
    reconciled = standing.reconciled_at
    return waiting + ([reconciled] if missing and reconciled else [])


def _verdict(facts: Facts, verdict: Due | NotDue, now: datetime) -> list[datetime]:
    if isinstance(verdict, NotDue):
        return [at for at in (verdict.until, verdict.again_at) if at is not None and at > now]
    resumes = facts.attempt.resume_at if facts.attempt else None
    return [max(now, resumes or now)]
