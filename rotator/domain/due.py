"""Is a rotation due now, and why; or what holds it, and until when?

Every *cause* to rotate is put before every *hold*, in order; the first cause that nothing holds wins.
What a cause passes by stands in one table. A missing, zero or future timestamp is no cause (law L9).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from rotator.domain.model import Facts, FreezeWindow, Initial, Limits, Request
from rotator.domain.next_time import (
    earliest,
    first_slot,
    interval_slot,
    is_creation,
    is_unborn,
    near_expiry_at,
    next_rotation_at,
    retry_at,
)
from rotator.domain.retry import LONGEST_BACK_OFF

__all__ = ["Due", "NotDue", "Reason", "due", "next_rotation_at", "spread"]

#: Half of the 20 writes a second (3,000 in 150 s) that Graph allows one application in one tenant.
SPREAD_PER_ROTATION = timedelta(milliseconds=100)
MOST_SPREAD = timedelta(minutes=15)

_LIMITS = Limits()


class Reason(StrEnum):
    """Stable codes, in the order they are considered: why a rotation is due, then why it is not."""

    REQUESTED = "REQUESTED"
    ATTEMPT_OPEN = "ATTEMPT_OPEN"
    CURRENT_LOST = "CURRENT_LOST"
    NEAR_EXPIRY = "NEAR_EXPIRY"
    RETRY = "RETRY"
    NEVER_ROTATED = "NEVER_ROTATED"
    INTERVAL_ELAPSED = "INTERVAL_ELAPSED"

    PAUSED = "PAUSED"
    CLOCK_SUSPECT = "CLOCK_SUSPECT"
    STATE_OLDER_THAN_ENTRA = "STATE_OLDER_THAN_ENTRA"
    AUTO_ROTATION_OFF = "AUTO_ROTATION_OFF"
    BACKING_OFF = "BACKING_OFF"
    NOT_YET = "NOT_YET"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    FREEZE_WINDOW = "FREEZE_WINDOW"
    CONNECTION_BROKEN = "CONNECTION_BROKEN"
    STORM_LIMIT = "STORM_LIMIT"


@dataclass(frozen=True, slots=True)
class Due:
    """Rotate now. Whatever the reason, an open attempt is resumed, unless the request is a compromised one."""

    reason: Reason
    #: The slot it runs for once its interval has elapsed: the same at every look until the rotation is promoted.
    slot: datetime | None = None
    #: Counts as manual for the next time: asked for, the first, or the retry of such a one.
    manual: bool = False
    request: Request | None = None
    #: It is the one to try a broken connection: take it only by moving the connection's `probe_at` on.
    probe: bool = False
    #: It may begin only under the limit of attempts in an hour; whatever passes by that limit counts, and is not held.
    limited: bool = True


@dataclass(frozen=True, slots=True)
class NotDue:
    """Leave it alone."""

    reason: Reason
    #: When this reason ends by itself; None when that is not known.
    until: datetime | None = None
    #: The earliest time at which the answer may change without anybody's doing, for the wake-up.
    again_at: datetime | None = None
    #: The current credential nears its end and we may not act: to be alarmed (law L10).
    near_expiry: bool = False


def due(
    facts: Facts,
    now: datetime,
    *,
    limits: Limits = _LIMITS,
    freeze: Sequence[FreezeWindow] = (),
    clock_suspect: bool = False,
) -> Due | NotDue:
    """Decide. `now` is the database's time; `clock_suspect`: it cannot be believed (law L13)."""
    case = _Case(facts, now, limits, freeze, clock_suspect, near_expiry_at(facts, freeze, now))
    held = []
    for cause in _causes(case):
        hold = _hold(case, cause)
        if hold is None:
            return _due(case, cause)
        held.append(hold)
    return _not_due(case, held)


def spread(rotation_id: str, same: int) -> timedelta:
    """Return how long after its slot a rotation wakes when `same` of them share it (law L14).

    Stable for an id and even over 100 ms for each of them, 15 minutes at most. It moves the wake-up, never the
    gate: `due` knows nothing of it.
    """
    phase = int.from_bytes(blake2b(rotation_id.encode(), digest_size=6).digest()) / 2**48
    return min(MOST_SPREAD, same * SPREAD_PER_ROTATION) * phase


@dataclass(frozen=True, slots=True)
class _Case:
    facts: Facts
    now: datetime
    limits: Limits
    freeze: Sequence[FreezeWindow]
    clock_suspect: bool
    near_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Cause:
    reason: Reason
    #: It wants to rotate from then on; None: never by itself.
    at: datetime | None
    request: Request | None = None


#: Holds that do not apply to a cause. What has been begun is finished, for half done is worse.
_PASSES = {
    Reason.REQUESTED: frozenset({Reason.AUTO_ROTATION_OFF, Reason.CONNECTION_BROKEN}),
    Reason.ATTEMPT_OPEN: frozenset(
        {Reason.AUTO_ROTATION_OFF, Reason.AWAITING_APPROVAL, Reason.FREEZE_WINDOW, Reason.STORM_LIMIT}
    ),
    Reason.NEAR_EXPIRY: frozenset({Reason.FREEZE_WINDOW, Reason.CONNECTION_BROKEN, Reason.STORM_LIMIT}),
}
_PASSED_BY_COMPROMISED = frozenset({Reason.FREEZE_WINDOW, Reason.STORM_LIMIT})
#: What a person passes by who gives a reason for it: the fact `emergency` of his request.
_PASSED_IN_EMERGENCY = _PASSED_BY_COMPROMISED | {Reason.AWAITING_APPROVAL}
#: Entries of these show that an attempt was worked on; whoever else visits the rotation writes to its journal too.
_STEPS = frozenset(
    {"preflight", "issue", "reclaim", "verify", "deliver", "promote", "notify", "revoke-others", "discard"}
)


def _causes(case: _Case) -> Iterator[_Cause]:
    facts, now = case.facts, case.now
    yield from _requested(case)
    if facts.attempt is not None:
        yield _Cause(Reason.ATTEMPT_OPEN, now)
        yield _Cause(Reason.NEAR_EXPIRY, case.near_at)
        return
    if facts.standing.current_lost:
        yield _Cause(Reason.CURRENT_LOST, now)
    yield _Cause(Reason.NEAR_EXPIRY, case.near_at)
    if facts.standing.failures:
        yield _Cause(Reason.RETRY, retry_at(facts))
    elif is_unborn(facts):
        yield _Cause(Reason.NEVER_ROTATED, now if facts.rotation.initial is Initial.ROTATE else first_slot(facts))
    yield _Cause(Reason.INTERVAL_ELAPSED, interval_slot(facts))


def _requested(case: _Case) -> Iterator[_Cause]:
    """Give the requests that no attempt has taken up yet, the urgent ones first."""
    taken = case.facts.attempt.request_id if case.facts.attempt else ""
    waiting = [request for request in case.facts.requests if request.id != taken]
    urgent_first = [request for kind in ("compromised", "rotate") for request in waiting if request.kind == kind]
    return (_Cause(Reason.REQUESTED, case.now, request) for request in urgent_first)


def _due(case: _Case, cause: _Cause) -> Due:
    slot = interval_slot(case.facts)
    elapsed = slot if slot is not None and slot <= case.now else None
    manual = False
    match cause.reason:
        case Reason.REQUESTED | Reason.NEVER_ROTATED:
            elapsed, manual = None, True
        case Reason.ATTEMPT_OPEN if case.facts.attempt is not None:
            elapsed, manual = case.facts.attempt.due_slot, case.facts.attempt.manual
        case Reason.RETRY:
            manual = elapsed is None
        case Reason.NEAR_EXPIRY | Reason.CURRENT_LOST:
            elapsed = None
    passes = _passes(case, cause)
    probe = case.facts.health.opened_at is not None and Reason.CONNECTION_BROKEN not in passes
    limited = Reason.STORM_LIMIT not in passes
    return Due(cause.reason, elapsed, manual, request=cause.request, probe=probe, limited=limited)


def _not_due(case: _Case, held: Sequence[NotDue]) -> NotDue:
    """Name what holds the first cause that wants to act now, else the cause that comes first."""
    wanting = [hold for hold in held if hold.reason is not Reason.NOT_YET]
    coming = earliest(*(hold.until for hold in held))
    told = wanting[0] if wanting else NotDue(Reason.NOT_YET, coming)
    near = case.near_at is not None and case.near_at <= case.now
    again_at = earliest(coming, None if near else case.near_at)
    return NotDue(told.reason, told.until, again_at, near)


def _hold(case: _Case, cause: _Cause) -> NotDue | None:
    """Find the first hold that keeps this cause back."""
    passes = _passes(case, cause)
    holds = (check(case, cause) for check in _HOLDS)
    return next((hold for hold in holds if hold is not None and hold.reason not in passes), None)


def _passes(case: _Case, cause: _Cause) -> frozenset[Reason]:
    passes = _PASSES.get(cause.reason, frozenset())
    if cause.request is None:
        return passes
    if cause.request.facts.get("emergency"):
        passes |= _PASSED_IN_EMERGENCY
    if cause.request.kind == "compromised":
        return passes | _PASSED_BY_COMPROMISED
    return passes | _PASSES[Reason.ATTEMPT_OPEN] if case.facts.attempt is not None else passes


def _paused(case: _Case, _cause: _Cause) -> NotDue | None:
    switches = case.facts.switches
    return NotDue(Reason.PAUSED) if switches.paused or switches.retired_at is not None else None


def _clock_suspect(case: _Case, _cause: _Cause) -> NotDue | None:
    return NotDue(Reason.CLOCK_SUSPECT) if case.clock_suspect else None


def _state_older(case: _Case, cause: _Cause) -> NotDue | None:
    # A person's request leaves the hold (law L16), but not one that lay in the database that was restored.
    standing = case.facts.standing
    fresh = cause.request is not None and (standing.held_at is None or cause.request.at >= standing.held_at)
    return NotDue(Reason.STATE_OLDER_THAN_ENTRA) if standing.hold and not fresh else None


def _auto_rotation_off(case: _Case, cause: _Cause) -> NotDue | None:
    creating = cause.reason in {Reason.NEVER_ROTATED, Reason.RETRY} and is_creation(case.facts)
    return None if case.facts.rotation.auto or creating else NotDue(Reason.AUTO_ROTATION_OFF)


def _backing_off(case: _Case, cause: _Cause) -> NotDue | None:
    until = _waits_until(case.facts)
    if until is None or not case.now < until <= case.now + LONGEST_BACK_OFF or _is_news(case.facts, cause):
        return None
    return NotDue(Reason.BACKING_OFF, until)


def _waits_until(facts: Facts) -> datetime | None:
    if facts.attempt is not None:
        return facts.attempt.resume_at
    return facts.standing.retry_at if facts.standing.failures else None


def _is_news(facts: Facts, cause: _Cause) -> bool:
    """Tell whether a request, or the turn to near expiry, came after the last try: then it does not wait.

    A failure after that waits its turn, so that neither drives what keeps failing faster than the retry table.
    """
    since = cause.request.at if cause.request is not None else cause.at
    if since is None or cause.reason not in {Reason.REQUESTED, Reason.NEAR_EXPIRY}:
        return False
    if facts.attempt is not None:
        tries = (entry.at for entry in reversed(facts.journal) if entry.step in _STEPS)
        return since > next(tries, facts.attempt.started_at)
    return facts.standing.last_attempted_at is None or since >= facts.standing.last_attempted_at


def _not_yet(case: _Case, cause: _Cause) -> NotDue | None:
    return NotDue(Reason.NOT_YET, cause.at) if cause.at is None or cause.at > case.now else None


def _awaiting_approval(case: _Case, _cause: _Cause) -> NotDue | None:
    given, rotated = case.facts.switches.approved_at, case.facts.standing.last_rotated_at
    approved = given is not None and (rotated is None or given > rotated)
    return NotDue(Reason.AWAITING_APPROVAL) if case.facts.rotation.requires_approval and not approved else None


def _frozen(case: _Case, _cause: _Cause) -> NotDue | None:
    ends = [window.end for window in case.freeze if window.start <= case.now < window.end]
    return NotDue(Reason.FREEZE_WINDOW, max(ends)) if ends else None


def _connection_broken(case: _Case, _cause: _Cause) -> NotDue | None:
    health = case.facts.health
    if health.opened_at is None:
        return None
    probe_at = health.probe_at or health.opened_at + case.limits.probe_after
    believable = case.now + max(LONGEST_BACK_OFF, case.limits.probe_after)
    return NotDue(Reason.CONNECTION_BROKEN, probe_at) if case.now < probe_at <= believable else None


def _storm_limit(case: _Case, _cause: _Cause) -> NotDue | None:
    health = case.facts.health
    if health.attempts_last_hour < case.limits.rotations_per_hour:
        return None
    oldest = health.oldest_attempt_at
    return NotDue(Reason.STORM_LIMIT, oldest + timedelta(hours=1) if oldest else None)


_HOLDS = (
    _paused,
    _clock_suspect,
    _state_older,
    _auto_rotation_off,
    _backing_off,
    _not_yet,
    _awaiting_approval,
    _frozen,
    _connection_broken,
    _storm_limit,
)
