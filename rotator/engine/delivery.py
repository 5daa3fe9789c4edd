"""How does a proved credential reach its destinations and become current? Deliver, Promote, Notify."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rotator.domain import plan
from rotator.domain.changes import Change, SwitchMapped
from rotator.domain.events import AlarmRaised, Delivered, Promoted
from rotator.domain.model import (
    Credential,
    CredentialState,
    Delivery,
    DestinationRule,
    Mode,
    RotationStatus,
    Secret,
    Standing,
)
from rotator.domain.overlap import retired, revoke_time
from rotator.engine import places
from rotator.engine.visit import Visit
from rotator.errors import RotatorError, StoreError
from rotator.ports import HookResult

_HOOK_TRIES = 3


async def deliver(visit: Visit, step: plan.Deliver) -> None:
    """Bring the credential to these destinations side by side; one that fails waits alone (law L7)."""
    credential = visit.facts.pending
    text = await visit.text(step.key_id)
    if credential is None or text is None or credential.revoke_intent_at:
        visit.note(visit.entry("close", "intent", outcome="failed", message="the new secret's text is gone"))
        return
    rules = [rule for name in step.destinations if (rule := visit.rotation.destination(name)) is not None]
    await visit.commit(*(visit.entry("deliver", "intent", destination=rule.name, key_id=step.key_id) for rule in rules))
    # All are waited for: none goes on writing behind the back of a visit that another one has ended.
    served = await asyncio.gather(*(_serve(visit, rule, credential, text) for rule in rules), return_exceptions=True)
    for row in served:
        if isinstance(row, BaseException):
            raise row
        _delivered(visit, step.key_id, row)


async def promote(visit: Visit, step: plan.Promote) -> None:
    """One transaction: the new credential is current, the previous one retiring, the mapped secrets switch."""
    new = visit.facts.pending
    if new is None or new.key_id != step.key_id:
        visit.note(visit.entry("close", "intent", outcome="failed", message="the new credential is not in the ledger"))
        return
    previous = visit.facts.current
    message = _success(visit, new, previous, step.missing)
    visit.note(*_retire(visit, previous))
    visit.note(
        replace(new, state=CredentialState.CURRENT, promoted_at=visit.now),
        SwitchMapped(visit.rotation.id, new.key_id),
        _promoted(visit, new, step.missing, message),
        visit.entry("promote", "outcome", key_id=new.key_id, missing=step.missing, message=message),
    )
    attempt = visit.facts.attempt
    old = previous.key_id if previous else ""
    visit.tell(Promoted(visit.rotation.name, visit.now, attempt.id if attempt else "", new.key_id, new.expires_at, old))
    if step.missing:
        visit.tell(AlarmRaised(visit.rotation.name, visit.now, "PROMOTED_PARTLY", message))


async def notify(visit: Visit, step: plan.Notify) -> None:
    """Run one consumer hook, a few times at most; what comes of it is recorded and never fails the rotation."""
    credential = visit.facts.current
    if credential is None:
        visit.note(visit.entry("notify", "outcome", hook=step.hook, done=False, message="nothing is current"))
        return
    await visit.commit(visit.entry("notify", "intent", hook=step.hook, key_id=credential.key_id))
    tries, result = 1, await _run_hook(visit, step.hook, credential)
    while not result.done and tries < _HOOK_TRIES:
        await visit.hold.sleep(timedelta(seconds=tries))
        tries, result = tries + 1, await _run_hook(visit, step.hook, credential)
    visit.note(visit.entry("notify", "outcome", hook=step.hook, done=result.done, tries=tries, message=result.message))


async def _run_hook(visit: Visit, hook: str, credential: Credential) -> HookResult:
    await visit.hold.ensure(visit.world.hooks.patience(visit.rotation, hook))
    return await visit.world.hooks.run(visit.rotation, hook, credential)


async def _serve(visit: Visit, rule: DestinationRule, credential: Credential, text: Secret) -> Delivery:
    try:
        return await places.place(visit, rule, credential, text)
    except StoreError:
        raise
    except RotatorError as problem:
        return places.missed(visit, rule, problem)


def _delivered(visit: Visit, key_id: str, row: Delivery) -> None:
    ok = not row.message
    facts: dict[str, object] = {"version": row.version} if ok else {"message": row.message, "retry_at": row.retry_at}
    visit.note(row, visit.entry("deliver", "outcome", ok=ok, destination=row.destination, key_id=key_id, **facts))
    visit.tell(Delivered(visit.rotation.name, visit.now, row.destination, row.kind, ok, row.message))


def _retire(visit: Visit, previous: Credential | None) -> list[Change]:
    """The previous credential retires; those that waited for this promotion get their time."""
    rule = visit.rotation
    changes: list[Change] = [
        replace(waiting, revoke_at=revoke_time(waiting, rule.min_overlap, visit.now))
        for waiting in visit.facts.retiring
        if waiting.revoke_at is None and waiting.revoke_intent_at is None
    ]
    if previous is not None:
        attempt = visit.facts.attempt
        wanted = timedelta(0) if attempt and attempt.mode is Mode.COMPROMISED else rule.overlap
        overlap = None if wanted is None else max(wanted, visit.settling)
        changes.append(retired(previous, overlap, visit.now))
    return changes


def _promoted(visit: Visit, new: Credential, missing: Sequence[str], message: str) -> Standing:
    standing, attempt = visit.facts.standing, visit.facts.attempt
    issued_at = new.issued_at or visit.now
    manual = attempt.manual if attempt else False
    slot = None if manual else standing.due_slot
    return replace(
        standing,
        state="active",
        status=RotationStatus.SUCCESS,
        message=message,
        last_rotated_at=visit.now,
        last_manual=manual,
        anchor_at=max(issued_at, slot) if slot else issued_at,
        due_slot=None,
        failures=0,
        retry_at=None,
        active_index=new.slot,
        missing_since=None,
        current_lost=False,
        promoted_partly=bool(missing),
        # Every destination has just been written and read back.
        reconciled_at=standing.reconciled_at if missing else visit.now,
    )


def _success(visit: Visit, new: Credential, previous: Credential | None, missing: Sequence[str]) -> str:
    tries = next(
        (e.facts.get("tries") for e in reversed(visit.facts.journal) if e.step == "verify" and e.facts.get("ok")), "?"
    )
    served = [d.destination for d in visit.facts.deliveries if d.key_id == new.key_id]
    parts = [f"New secret {new.key_id} proved in {tries} sign-ins"]
    parts.append(f"delivered to {', '.join(served)}" if served else "no destination")
    if missing:
        parts.append(f"still missing at {', '.join(missing)}: the previous one stays until they are served")
    elif previous is not None:
        parts.append(_farewell(visit, previous))
    return ("; ".join(parts) + ".")[:1024]


def _farewell(visit: Visit, previous: Credential) -> str:
    overlap = None if visit.rotation.overlap is None else max(visit.rotation.overlap, visit.settling)
    if overlap is None:
        return f"the previous one ({previous.key_id}) will be revoked after the next rotation"
    return f"the previous one ({previous.key_id}) will be revoked at {_minute(visit.now + overlap)}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"
