"""What did a person or a program ask of this rotation? Everything but plain rotations, which are decided by `due`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from rotator.domain.changes import EndRequest, ForgetDelivery, ForgetRotation
from rotator.domain.due import NotDue, Reason, due
from rotator.domain.freeze import spans
from rotator.domain.model import Credential, CredentialState, Mode, Request, RotationStatus
from rotator.engine import places, reconcile, revoke, rotate
from rotator.engine.survey import as_retiring, unknown_keys
from rotator.engine.visit import Visit
from rotator.errors import DestinationError, RotatorError, StoreError
from rotator.ports import Listed

_REFUSED = "refused"


async def answer(visit: Visit) -> None:
    """Deal with each request that is not a rotation, and prepare the state for those that are."""
    for request in visit.facts.requests:
        visit.hold.step_boundary()
        try:
            await _answer(visit, request)
        except StoreError:
            raise
        except RotatorError as problem:
            visit.note(EndRequest(request.id, "failed", str(problem)[:1024]))
    await visit.commit()


async def _answer(visit: Visit, request: Request) -> None:
    if request.kind in {"rotate", "compromised"}:
        await _before_rotating(visit, request)
        return
    perform = _KINDS.get(request.kind)
    if perform is None:
        visit.note(EndRequest(request.id, _REFUSED, f"this version does not know the request '{request.kind}'"))
        return
    result, message = await perform(visit, request)
    visit.note(EndRequest(request.id, result, message[:1024]))


async def _before_rotating(visit: Visit, request: Request) -> None:
    refusal = _refusal(visit) or _wait(visit)
    if refusal:
        visit.note(EndRequest(request.id, _REFUSED, refusal))
        return
    standing = visit.facts.standing
    if standing.hold and standing.held_at is not None and request.at < standing.held_at:
        # Asked before the hold was known, perhaps in the very database that was restored: no decision about it.
        visit.note(EndRequest(request.id, _REFUSED, standing.message[:1024]))
        return
    if standing.hold:
        await leave_hold(visit, keep="")
    attempt = visit.facts.attempt
    if request.kind == "compromised" and attempt is not None and request.id != attempt.request_id:
        _compromised_over_open(visit, request)
    await _adopt_named(visit, request)


def _refusal(visit: Visit) -> str:
    name = visit.rotation.name
    if visit.facts.switches.retired_at is not None:
        return f"'{name}' has left the configuration: put its definition back, or 'rotator forget {name}'"
    if visit.facts.switches.paused:
        return f"'{name}' is paused: 'rotator resume {name}' first"
    return ""


def _wait(visit: Visit) -> str:
    """What a rotation would wait for, perhaps for weeks: whoever asks is told at once, and may insist."""
    name = visit.rotation.name
    verdict = due(visit.facts, visit.now, freeze=spans(visit.world.freeze, visit.facts, visit.now))
    if not isinstance(verdict, NotDue):
        return ""
    insist = f"'rotator rotate {name} --emergency REASON' does not wait"
    if verdict.reason is Reason.FREEZE_WINDOW and verdict.until is not None:
        return f"changes are frozen until {verdict.until:%Y-%m-%d %H:%M}Z; {insist}"
    if verdict.reason is Reason.AWAITING_APPROVAL:
        return f"it needs an approval first: 'rotator approve {name}'; {insist}"
    return ""


def _compromised_over_open(visit: Visit, request: Request) -> None:
    attempt = visit.facts.attempt
    if attempt is None:
        return
    accepted = request.facts.get("accept_outage", ())
    names = tuple(str(name) for name in accepted) if isinstance(accepted, (list, tuple)) else ()
    if attempt.mode is Mode.COMPROMISED:
        visit.note(
            replace(attempt, accept_outage=(*attempt.accept_outage, *names), request_id=request.id, resume_at=None)
        )
    elif not any(entry.step == "promote" for entry in visit.facts.journal):
        rotate.supersede(visit, "a compromised rotation was asked for")


async def _adopt_named(visit: Visit, request: Request) -> None:
    """`--compromised --key KEY_ID`: a foreign key enters the ledger by a person's word, to go with the others."""
    key_id = str(request.facts.get("key", ""))
    if not key_id or any(c.key_id == key_id for c in visit.facts.credentials):
        return
    listed = await _listed(visit, key_id)
    visit.note(as_retiring(visit, listed), visit.entry("adopt", "outcome", key_id=key_id, by=request.by))


async def _revoke(visit: Visit, request: Request) -> tuple[str, str]:
    """End the retiring credentials now, or all of a rotation that is being forgotten."""
    everything = bool(request.facts.get("all"))
    if everything and not request.facts.get("last") and _has_valid(visit):
        return _REFUSED, "that would revoke the last valid secret: say so with --last"
    chosen = visit.facts.credentials if everything else visit.facts.retiring
    if not chosen:
        return _REFUSED, "there is no retiring secret to revoke"
    left = [
        c for c in chosen if not await revoke.end(visit, c, why=f"asked for by {request.by}", checks=not everything)
    ]
    if left:
        fresh = {c.key_id: c for c in visit.facts.credentials}
        why = "; ".join(f"{c.key_id}: {fresh.get(c.key_id, c).revoke_message}" for c in left)
        return "failed", f"not revoked: {why}"
    return "done", f"revoked {', '.join(c.key_id for c in chosen)}"


def _has_valid(visit: Visit) -> bool:
    return any(c.expires_at > visit.now for c in visit.facts.credentials)


async def _adopt(visit: Visit, request: Request) -> tuple[str, str]:
    """Record an existing key as current without touching it; leaves the hold of L16."""
    key_id = str(request.facts["key_id"])
    listed = await _listed(visit, key_id)
    if visit.facts.attempt is not None and not visit.facts.standing.hold:
        return _REFUSED, "an attempt is open; adopt when it has ended"
    await leave_hold(visit, keep=key_id)
    adopt(visit, listed, by=request.by)
    return "done", f"adopted {key_id}, which expires at {listed.expires_at}"


def adopt(visit: Visit, listed: Listed, *, by: str) -> None:
    """Make a listed key the current one; what was current retires."""
    known = next((c for c in visit.facts.credentials if c.key_id == listed.key_id), None)
    previous = visit.facts.current
    if previous is not None and previous.key_id != listed.key_id:
        retire_at = visit.now + visit.rotation.min_overlap
        visit.note(replace(previous, state=CredentialState.RETIRING, retired_at=visit.now, revoke_at=retire_at))
    row: Credential = known or as_retiring(visit, listed)
    standing = visit.facts.standing
    visit.note(
        replace(row, state=CredentialState.CURRENT, retired_at=None, revoke_at=None, slot=standing.active_index),
        replace(
            standing,
            state="active",
            anchor_at=visit.now,
            last_manual=True,
            failures=0,
            retry_at=None,
            due_slot=None,
            current_lost=False,
            missing_since=None,
            message=f"Adopted {listed.key_id}; it was not touched and is rotated in its turn.",
        ),
        visit.entry("adopt", "outcome", key_id=listed.key_id, by=by),
    )


async def adopt_initial(visit: Visit, key_id: str) -> None:
    """`initial: {adopt: KEY_ID}` of a new definition. Raises RotatorError when there is no such key."""
    try:
        listed = await _listed(visit, key_id)
    except StoreError:
        raise
    except RotatorError as problem:
        visit.note(replace(visit.facts.standing, status=RotationStatus.FAILED, message=str(problem)[:1024]))
        raise
    adopt(visit, listed, by="configuration")
    await visit.commit()


async def leave_hold(visit: Visit, *, keep: str) -> None:
    """A person has decided (law L16): close the open attempt, take every unknown key as retiring, except `keep`."""
    if visit.facts.attempt is not None and visit.facts.standing.hold:
        rotate.supersede(visit, "the database was found to be older than Entra")
        await rotate.carry_on(visit)
    for listed in await unknown_keys(visit):
        if listed.key_id != keep:
            visit.note(
                as_retiring(visit, listed), visit.entry("adopt", "outcome", key_id=listed.key_id, as_retiring=True)
            )
    visit.note(replace(visit.facts.standing, hold="", held_at=None))
    await visit.commit()


async def _listed(visit: Visit, key_id: str) -> Listed:
    directory = await visit.directory()
    registration = await directory.registration(visit.application)
    visit.heard(directory)
    for listed in registration.credentials:
        if listed.key_id == key_id:
            return listed
    raise RotatorError(
        f"application {visit.application.object_id} has no secret with key id {key_id}",
        hint="List them with 'az ad app credential list', or look in the portal under Certificates & secrets",
    )


async def _deliver(visit: Visit, request: Request) -> tuple[str, str]:
    """Bring the current credential to its destinations again, or to one of them."""
    wanted = str(request.facts.get("to", ""))
    if wanted and visit.rotation.destination(wanted) is None:
        known = ", ".join(rule.name for rule in visit.rotation.destinations)
        return _REFUSED, f"no destination '{wanted}' (there is: {known})"
    rules = [rule for rule in visit.rotation.destinations if wanted in {"", rule.name}]
    await reconcile.redeliver(visit, rules)
    current = visit.facts.current
    if visit.facts.standing.hold or current is None:
        return _REFUSED, visit.facts.standing.message if visit.facts.standing.hold else "there is no current secret"
    failing = [f"{rule.name}: {why}" for rule in rules if (why := _undelivered(visit, rule.name, current.key_id))]
    if failing:
        return "failed", "; ".join(failing)
    return "done", f"{wanted or 'every destination'} bears the current secret {current.key_id}"


def _undelivered(visit: Visit, destination: str, key_id: str) -> str:
    row = visit.facts.delivery(destination)
    if row is None or row.key_id != key_id:
        return (row.message if row else "") or "an attempt is on its way there"
    return row.message


async def _forget(visit: Visit, request: Request) -> tuple[str, str]:
    """Let a destination that left the definition go, or a whole retired rotation."""
    destination = str(request.facts.get("to", ""))
    if destination:
        row = visit.facts.delivery(destination)
        if row is None or visit.rotation.destination(destination) is not None:
            return _REFUSED, f"'{destination}' is not a destination that left the definition"
        visit.note(ForgetDelivery(visit.rotation.id, destination))
        return "done", f"'{destination}' no longer holds anything"
    if visit.facts.switches.retired_at is None:
        return _REFUSED, f"'{visit.rotation.name}' is still in the configuration; remove its definition first"
    if request.facts.get("revoke"):
        result, message = await _revoke(visit, replace(request, facts={**request.facts, "all": True}))
        if result != "done" and visit.facts.credentials:
            return result, message
        left = await _clear_places(visit)
        if left:
            return "failed", f"revoked; the dead secret still stands at {'; '.join(left)}"
    visit.note(ForgetRotation(visit.rotation.id))
    return "done", "forgotten"


async def _clear_places(visit: Visit) -> list[str]:
    """Take what has been revoked out of its destinations; returns those that still hold it, and why."""
    left = []
    for rule in visit.rotation.destinations:
        try:
            await places.clear(visit, rule)
        except DestinationError as problem:
            left.append(str(problem))
    return left


_KINDS: dict[str, Callable[[Visit, Request], Awaitable[tuple[str, str]]]] = {
    "revoke": _revoke,
    "adopt": _adopt,
    "deliver": _deliver,
    "forget": _forget,
}
