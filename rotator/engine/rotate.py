"""How is one attempt carried out? Ask the plan, journal the intent, do, record, ask again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rotator.domain import plan
from rotator.domain.due import Due
from rotator.domain.events import AttemptBegan, StepEnded
from rotator.domain.model import Attempt, Mode, Request, RotationStatus
from rotator.engine import closing, delivery, issuing
from rotator.engine.visit import Visit

Perform = Callable[[Visit, Any], Awaitable[None]]

_PERFORM: dict[type, Perform] = {
    plan.Preflight: issuing.preflight,
    plan.Issue: issuing.issue,
    plan.Reclaim: issuing.reclaim,
    plan.Verify: issuing.verify,
    plan.Deliver: delivery.deliver,
    plan.Promote: delivery.promote,
    plan.Notify: delivery.notify,
    plan.RevokeOthers: closing.revoke_others,
    plan.Discard: closing.discard,
    plan.Close: closing.close,
}

#: What an attempt does not do once a look at Entra has shown that our books are older (law L16).
_HELD = (plan.Issue, plan.Verify, plan.Deliver, plan.Promote)


def begin(visit: Visit, verdict: Due) -> None:
    """Open an attempt; nothing is touched yet."""
    reason, request = verdict.reason.value, verdict.request
    standing = visit.facts.standing
    mode = Mode.COMPROMISED if request is not None and request.kind == "compromised" else Mode.ROTATE
    attempt = Attempt(
        id=visit.world.chance.letters(10),
        rotation_id=visit.rotation.id,
        mode=mode,
        reason=reason,
        manual=verdict.manual,
        started_at=visit.now,
        application=visit.rotation.application,
        mapping=visit.rotation.mapping,
        due_slot=standing.due_slot,
        accept_outage=_accepted(request),
        request_id=request.id if request is not None else "",
    )
    visit.note(
        attempt,
        replace(
            standing,
            status=RotationStatus.IN_PROGRESS,
            last_attempted_at=visit.now,
            last_attempt_id=attempt.id,
            retry_at=None,
        ),
    )
    if verdict.limited:
        visit.begins(attempt.started_at)
    if request is not None and request.facts.get("emergency"):
        visit.note(visit.entry("emergency", "note", message=request.facts["emergency"], by=request.by))
    compromised = mode is Mode.COMPROMISED
    visit.tell(AttemptBegan(visit.rotation.name, visit.now, attempt.id, reason, compromised=compromised))


async def carry_on(visit: Visit) -> None:
    """Take step after step until the attempt ends or must wait longer than is worth holding the lease for."""
    while (step := _next(visit)) is not None:
        visit.hold.step_boundary()
        visit.be_sure()
        held = visit.facts.standing.hold and isinstance(step, _HELD)
        if held or not await _took(visit, step):
            return


async def _took(visit: Visit, step: plan.Step) -> bool:
    """Take the step, or sit out a short wait; False when the wait is too long to hold the lease for."""
    if not isinstance(step, plan.Wait):
        await _take(visit, step)
        return True
    if await _sat_out(visit, step.until):
        return True
    closing.tell_waiting(visit, step)
    return False


def supersede(visit: Visit, why: str) -> None:
    """Have the open attempt closed: its key is discarded, and the rotation begins anew."""
    visit.note(visit.entry("close", "intent", outcome="superseded", message=why))
    if visit.facts.attempt is not None:
        visit.note(replace(visit.facts.attempt, resume_at=None))


def resume(visit: Visit, reason: str, *, request: Request | None = None) -> None:
    """Go on with the open attempt; what asked for it does not wait for the retries of destinations."""
    attempt = visit.facts.attempt
    if attempt is None:
        return
    taken = attempt.request_id or (request.id if request is not None else "")
    visit.note(replace(attempt, resume_at=None, request_id=taken), visit.entry("resume", "intent", reason=reason))
    visit.tell(AttemptBegan(visit.rotation.name, visit.now, attempt.id, reason, resumed=True))


def _next(visit: Visit) -> plan.Step | None:
    attempt = visit.facts.attempt
    if attempt is None:
        return None
    proved = plan.progress(attempt, visit.facts.journal)
    if _too_old(visit, proved):
        supersede(visit, "the new secret had less than one interval left before it was everywhere")
        proved = plan.progress(attempt, visit.facts.journal)
    hooks = visit.world.hooks.names(visit.rotation)
    return plan.next_step(proved, visit.rotation, visit.now, urgent=_urgent(visit), hooks=hooks)


def _too_old(visit: Visit, proved: plan.Progress) -> bool:
    pending, interval = visit.facts.pending, timedelta(days=visit.rotation.schedule.interval)
    if proved.promoted or proved.closing or pending is None or pending.key_id != proved.key_id:
        return False
    # One that Entra gave a shorter life from the start would be no better the next time.
    given = pending.expires_at - (pending.issued_at or visit.now)
    return pending.expires_at - visit.now < interval <= given


def _urgent(visit: Visit) -> bool:
    current = visit.facts.current
    if current is None:
        return False
    return visit.facts.standing.current_lost or current.expires_at - visit.now < visit.rotation.urgent_before


async def _sat_out(visit: Visit, until: datetime) -> bool:
    """Spend a short wait here; for a long one leave the attempt open and return False."""
    wait = until - visit.now
    if wait <= visit.world.pace.short_wait:
        await visit.commit()
        await visit.hold.sleep(wait)
        await visit.refresh()
        return True
    attempt = visit.facts.attempt
    if attempt is not None and attempt.resume_at != until:
        visit.note(replace(attempt, resume_at=until))
    return False


async def _take(visit: Visit, step: plan.Step) -> None:
    attempt = visit.facts.attempt
    began = visit.world.clock.monotonic()
    before = len(visit.facts.journal)
    await _PERFORM[type(step)](visit, step)
    if attempt is None:
        return
    ended = [e for e in visit.facts.journal[before:] if e.phase == "outcome"]
    failed = [e for e in ended if not (e.facts.get("ok", True) and e.facts.get("done", True))]
    message = str(failed[0].facts.get("message", "")) if failed else ""
    seconds = visit.world.clock.monotonic() - began
    name = type(step).__name__.lower()
    visit.tell(StepEnded(visit.rotation.name, visit.now, attempt.id, name, not failed, seconds, message))


def _accepted(request: Request | None) -> tuple[str, ...]:
    listed = request.facts.get("accept_outage", ()) if request is not None else ()
    return tuple(str(name) for name in listed) if isinstance(listed, (list, tuple)) else ()
