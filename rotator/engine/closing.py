"""How does an attempt end? Discard what will not be promoted, revoke the others when compromised, close the books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from rotator.domain import plan
from rotator.domain.changes import ConnectionFailed, ConnectionWorked, EndRequest
from rotator.domain.events import AttemptEnded
from rotator.domain.model import Attempt, Credential, CredentialState, Delivery, Mode, Outcome, RotationStatus
from rotator.engine import places, revoke
from rotator.engine.visit import Visit
from rotator.errors import RotatorError, StoreError


async def discard(visit: Visit, step: plan.Discard) -> None:
    """Revoke a credential that will not be promoted, but only when no destination bears it; else it retires."""
    credential = next((c for c in visit.facts.credentials if c.key_id == step.key_id), None)
    if credential is None:
        visit.note(visit.entry("discard", "outcome", key_id=step.key_id, came_to="it was gone already"))
        return
    bearers = () if step.unseen else await _bearers(visit, credential)
    if bearers:
        visit.note(_as_retiring(visit, credential))
        came_to = f"kept for now: {', '.join(bearers)} may bear it"
    else:
        going = replace(credential, state=CredentialState.RETIRING, retired_at=visit.now, revoke_intent_at=visit.now)
        visit.note(going)
        gone = await revoke.end(visit, going, why="it was never promoted")
        came_to = "revoked" if gone else "its removal is being retried"
    visit.note(visit.entry("discard", "outcome", key_id=step.key_id, came_to=came_to))


async def revoke_others(visit: Visit, step: plan.RevokeOthers) -> None:
    """Compromised: end every other credential of the ledger now, current and retiring alike."""
    held = revoke.not_forgotten(visit)
    left = []
    for credential in visit.facts.credentials:
        if credential.key_id == step.key_id:
            continue
        visit.hold.step_boundary()
        if held:
            # It goes as soon as they are forgotten.
            visit.note(replace(credential, revoke_at=visit.now))
        if held or not await revoke.end(visit, credential, why=revoke.COMPROMISED, checks=False):
            left.append(credential.key_id)
    message = "" if left else "Every other secret of ours was revoked. "
    if left:
        message = f"Not revoked yet, tried again until they are: {', '.join(left)}{held and f' ({held})'}. "
    message += "Tokens already issued live on for 60 to 90 minutes, up to 24 h with continuous access evaluation."
    foreign = await _foreign(visit)
    if foreign:
        message = (
            f"{message} Secrets that are not ours are still valid: {', '.join(foreign)}; end one with --key KEY_ID."
        )
    visit.note(
        visit.entry(
            "revoke-others", "outcome", ok=not (left or foreign), left=left, foreign=foreign, message=message[:1024]
        )
    )


def tell_waiting(visit: Visit, step: plan.Wait) -> None:
    """Say what an open attempt waits for; a compromised one that lacks a destination also answers who asked for it."""
    attempt = visit.facts.attempt
    if attempt is None:
        return
    proved = plan.progress(attempt, visit.facts.journal)
    lacking = [name for name in proved.failed_deliveries if name not in attempt.accept_outage]
    why = _why_waiting(visit, lacking if step.why == "deliver" else [])
    message = f"Tried again at {step.until:%Y-%m-%d %H:%M}Z: {why}"[:1024]
    visit.note(replace(visit.facts.standing, message=message))
    asked = any(request.id == attempt.request_id for request in visit.facts.requests)
    if asked and lacking and attempt.mode is Mode.COMPROMISED:
        accept = " ".join(f"--accept-outage {name}" for name in lacking)
        message = (
            f"Stopped, nothing is revoked: {why}. It goes on when they answer, or at once without them by {accept}"
        )
        visit.note(EndRequest(attempt.request_id, "failed", message[:1024]))


def _why_waiting(visit: Visit, lacking: Sequence[str]) -> str:
    if not lacking:
        told = [str(e.facts["message"]) for e in visit.facts.journal if e.step == "issue" and e.facts.get("message")]
        return told[-1] if told else "an issue had no answer"
    rows = {row.destination: row.message for row in visit.facts.deliveries}
    return "; ".join(rows.get(name) or f"{name} lacks the new secret" for name in lacking)


async def close(visit: Visit, step: plan.Close) -> None:
    """The attempt is over: status, message, the next try, and the answer to whoever asked."""
    attempt = visit.facts.attempt
    if attempt is None:
        return
    if step.outcome is Outcome.FAILED:
        _failed(visit, step.message)
    elif step.outcome is Outcome.SUCCEEDED:
        _succeeded(visit, attempt, step.message)
    _answer(visit, attempt, step)
    visit.note(visit.entry("close", "outcome", outcome=step.outcome.value, message=step.message))
    visit.note(replace(attempt, ended_at=visit.now, outcome=step.outcome, message=step.message, resume_at=None))
    seconds = (visit.now - attempt.started_at).total_seconds()
    next_at = visit.facts.standing.retry_at
    visit.tell(
        AttemptEnded(visit.rotation.name, visit.now, attempt.id, step.outcome.value, seconds, step.message, next_at)
    )


async def _bearers(visit: Visit, credential: Credential) -> tuple[str, ...]:
    """Required destinations that bear it, or cannot be read and so may."""
    named = {rule.name for rule in visit.rotation.destinations}
    bearers = [d.destination for d in visit.facts.deliveries if d.destination not in named and _may_bear(d, credential)]
    for rule in visit.rotation.destinations:
        try:
            borne = await places.bears(visit, rule)
        except StoreError:
            raise
        except RotatorError:
            borne = credential.key_id if rule.required else ""
        if borne == credential.key_id:
            bearers.append(rule.name)
    return tuple(bearers)


def _may_bear(left: Delivery, credential: Credential) -> bool:
    """A destination that left the definition is read no more: it bears what it was last seen to bear."""
    return left.key_id == credential.key_id


def _as_retiring(visit: Visit, credential: Credential) -> Credential:
    wait = max(visit.rotation.min_overlap, timedelta(hours=1))
    return replace(credential, state=CredentialState.RETIRING, retired_at=visit.now, revoke_at=visit.now + wait)


async def _foreign(visit: Visit) -> list[str]:
    directory = await visit.directory()
    registration = await directory.registration(visit.application)
    visit.heard(directory)
    recognised = await visit.world.store.recognise(visit.application, registration.credentials)
    return [
        listed.key_id
        for listed in registration.credentials
        if listed.key_id not in recognised.ledger and (listed.expires_at is None or listed.expires_at > visit.now)
    ]


def _failed(visit: Visit, message: str) -> None:
    standing = visit.facts.standing
    failures = standing.failures + 1
    failed = next((e.facts for e in reversed(visit.facts.journal) if e.facts.get("error")), {})
    wait = max(visit.later(failures), timedelta(seconds=float(str(failed.get("retry_after", 0)))))
    visit.note(
        replace(
            standing,
            status=RotationStatus.FAILED,
            message=message[:1024],
            failures=failures,
            retry_at=visit.now + wait,
        )
    )
    if failed.get("connection_fault"):
        limits = visit.world.limits
        visit.note(
            ConnectionFailed(
                visit.rotation.connection,
                visit.rotation.id,
                message[:1024],
                threshold=limits.failures_before_pause,
                probe_at=visit.now + limits.probe_after,
            )
        )


def _succeeded(visit: Visit, attempt: Attempt, message: str) -> None:
    health = visit.facts.health
    if attempt.mode is Mode.COMPROMISED or any(entry.step == "notify" for entry in visit.facts.journal):
        visit.note(replace(visit.facts.standing, message=message[:1024]))
    if health.failing or health.opened_at:
        visit.note(ConnectionWorked(visit.rotation.connection))


def _answer(visit: Visit, attempt: Attempt, step: plan.Close) -> None:
    if step.outcome is Outcome.SUPERSEDED:
        return
    revoked = [e.facts.get("ok") for e in visit.facts.journal if e.step == "revoke-others"]
    trouble = attempt.mode is Mode.COMPROMISED and not all(revoked or [False])
    done = step.outcome is Outcome.SUCCEEDED and not trouble
    for request in visit.facts.requests:
        if request.id == attempt.request_id or request.kind == "rotate":
            visit.note(EndRequest(request.id, "done" if done else "failed", step.message[:1024]))
