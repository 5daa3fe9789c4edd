"""What does a visit to a rotation consist of? Each duty in its order; one that fails does not hold up the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from rotator.domain import agenda, pacing
from rotator.domain.alarms import alarms
from rotator.domain.changes import EndRequest, ProbeTaken
from rotator.domain.due import Due, NotDue, Reason, due, spread
from rotator.domain.events import AlarmCleared, AlarmRaised, LeaseWasLost
from rotator.domain.freeze import spans
from rotator.domain.model import Initial, Mode, RotationStatus
from rotator.domain.pacing import Line
from rotator.engine import requests, rotate
from rotator.engine.lease import Draining, Hold
from rotator.engine.reconcile import missing_again_at, reconcile, reconcile_hinted, served_at_last
from rotator.engine.revoke import revoke_due
from rotator.engine.survey import second_look_at, survey
from rotator.engine.visit import Doubtful, Visit
from rotator.engine.world import World
from rotator.errors import LeaseLost, LimitReached, RotatorError, StoreError
from rotator.ports import Claim

Duty = Callable[[Visit], Awaitable[None]]


async def visit(world: World, claim: Claim, *, taken_at: float) -> None:
    """Do everything that is due for one claimed rotation, and give it back with the time of the next visit.

    `taken_at` is the monotonic time from before the claim. Raises StoreUnavailable; a lost lease is told and left.
    """
    held = Visit(world, Hold(world, claim.lease, taken_at=taken_at), claim.facts, claim.now)
    world.clockwatch.look(claim.now, world.clock.monotonic())
    try:
        await _until_given_back(held)
    except LeaseLost as lost:
        await held.leave_hints()
        world.tell(LeaseWasLost(held.rotation.name, held.now, str(lost)))


async def _until_given_back(held: Visit) -> None:
    try:
        await _visit(held)
    except Doubtful:
        await _stand_still(held)
    except Draining:
        await _put_down(held, held.now)
    except LimitReached as reached:
        await _wait_turn(held, reached)


async def _wait_turn(held: Visit, reached: LimitReached) -> None:
    """What all nodes share is used up: what was done so far stands, and the rest waits in line."""
    if reached.limit == "writes":
        await _put_down(held, held.now + reached.wait, line=pacing.line_for_writes(held.rotation.connection))
    else:
        await _never_begun(held)


async def _put_down(held: Visit, wake_at: datetime, *, line: Line | None = None) -> None:
    """Give back what is not done, with an attempt that has just begun if there is still a place for it."""
    try:
        await _give_back(held, wake_at, line=line)
    except LimitReached:
        await _never_begun(held)


async def _never_begun(held: Visit) -> None:
    """Others have begun meanwhile and taken the last place: of this attempt nothing is durable."""
    await held.forget()
    await settle(held)


async def _visit(held: Visit) -> None:
    if await _left_alone(held):
        return
    if not held.rotation.application.object_id:
        await _guarded(held, "resolve", _resolve)
        await _guarded(held, "requests", _requests)
        await _give_back(held, held.again.get("resolve", held.now))
        return
    await _guarded(held, "compare", _compare)
    if held.doubt:
        await _stand_still(held)
        return
    if not held.compared:
        await _uncompared(held)
        return
    for name, duty in _DUTIES:
        held.hold.step_boundary()
        await _guarded(held, name, duty)
    held.be_sure()
    await settle(held)


async def _left_alone(held: Visit) -> bool:
    """Graph has asked one of the nodes to wait: so do all, but for what a person has asked for or called compromised.

    A doubt about the time is for Entra to settle, all the same.
    """
    until, attempt = held.facts.health.quiet_until, held.facts.attempt
    pressing = bool(held.facts.requests) or (attempt is not None and attempt.mode is Mode.COMPROMISED)
    if until is None or until <= held.now or pressing or held.doubt:
        return False
    await _give_back(held, until, line=pacing.line_for_writes(held.rotation.connection))
    return True


async def _uncompared(held: Visit) -> None:
    """Nothing is issued, revoked or healed before the comparison of law L16 has been made.

    What is due may begin all the same: its preflight compares, or ends the attempt with the reason for all to see.
    """
    await _guarded(held, "requests", _requests)
    if held.facts.attempt is None:
        await _guarded(held, "rotate", _rotate)
    _alarms(held, _verdict(held))
    await _give_back(held, held.again.get("compare", held.now))


async def settle(held: Visit) -> None:
    """Write down alarms and the next visit, and let go of the lease."""
    served_at_last(held)
    verdict = _verdict(held)
    _alarms(held, verdict)
    missing = missing_again_at(held)
    wake_at = agenda.next_visit(
        held.facts,
        verdict,
        held.now,
        second_looks=[second_look_at(held, intent) for intent in held.facts.intents],
        comparisons=[missing] if missing is not None else [],
        stumbled=held.again,
        reconcile_every=held.world.pace.reconcile,
    )
    line = None
    if isinstance(verdict, NotDue) and verdict.reason is Reason.STORM_LIMIT and verdict.until == wake_at:
        line = pacing.line_for_places(held.rotation.connection, held.world.limits.rotations_per_hour)
    await _give_back(held, await _spread_out(held, verdict, wake_at), line=line)


async def _stand_still(held: Visit) -> None:
    """No date can be believed, so none is written down: the alarm is raised, and the next visit stays where it was."""
    await held.forget()
    _alarms(held, _verdict(held))
    await held.commit(release=True)


async def _guarded(held: Visit, name: str, duty: Duty) -> None:
    """The one place where a duty's failure is caught: it is tried again later, and the others go on."""
    if held.again.get(name, held.now) > held.now and not held.facts.requests:
        return
    try:
        await duty(held)
    except StoreError:
        raise
    except RotatorError as problem:
        held.stumbled(name)
        if name == "rotate" and held.facts.attempt is not None:
            held.note(replace(held.facts.attempt, resume_at=held.again[name]))
        held.note(held.entry(name, "note", message=str(problem)))
    else:
        held.managed(name)


async def _resolve(held: Visit) -> None:
    """Look up the ids that the definition leaves out; what cannot be looked up is a failure for all to see."""
    try:
        directory = await held.directory()
        registration = await directory.registration(held.rotation.application)
    except StoreError:
        raise
    except RotatorError as problem:
        message = str(problem)[:1024]
        held.note(replace(held.facts.standing, status=RotationStatus.FAILED, message=message))
        waiting = [request for request in held.facts.requests if request.kind != "forget"]
        held.note(*(EndRequest(request.id, "failed", message) for request in waiting))
        raise
    held.heard(directory)
    held.resolved(registration.application)


async def _compare(held: Visit) -> None:
    """Law L16: before anything is issued, revoked or healed; and when only Entra can settle a doubt about the time."""
    application = held.application
    if not held.compared or held.doubt or not application.client_id:
        registration = await survey(held)
        held.resolved(registration.application)
        await held.refresh()


async def _second_looks(held: Visit) -> None:
    if any(held.now >= second_look_at(held, intent) for intent in held.facts.intents):
        await survey(held)


async def _requests(held: Visit) -> None:
    if held.facts.requests:
        await requests.answer(held)


async def _initial(held: Visit) -> None:
    """A definition that adopts a key does so once, at its first visit."""
    rotation = held.rotation
    if rotation.initial is Initial.ADOPT and held.facts.standing.state == "new" and not held.facts.credentials:
        await requests.adopt_initial(held, rotation.adopt_key_id)


async def _hinted(held: Visit) -> None:
    if held.facts.switches.hints and not held.doubt:
        await reconcile_hinted(held)


async def _rotate(held: Visit) -> None:
    """Begin what is due, or go on with what is open."""
    verdict = _verdict(held)
    if isinstance(verdict, NotDue):
        return
    standing = held.facts.standing
    if verdict.slot is not None and standing.due_slot is None:
        held.note(replace(standing, due_slot=verdict.slot))
    if verdict.probe and not await _probing(held):
        return
    if held.facts.attempt is None:
        rotate.begin(held, verdict)
    else:
        rotate.resume(held, verdict.reason.value, request=verdict.request)
    await rotate.carry_on(held)


async def _probing(held: Visit) -> bool:
    """Be the one that tries a broken connection: of those that came at once, all but the first find the probe taken."""
    async with held.world.memory.probing:
        health = (await held.world.store.look(held.rotation.id))[0].health
        taken = health.opened_at is not None and health.probe_at is not None and health.probe_at > held.now
        if not taken:
            await held.commit(ProbeTaken(held.rotation.connection, held.now + held.world.limits.probe_after))
    held.facts = replace(held.facts, health=health)
    return not taken


async def _revoke(held: Visit) -> None:
    if not held.facts.standing.hold and held.facts.switches.retired_at is None:
        await revoke_due(held)


async def _reconcile(held: Visit) -> None:
    if held.facts.switches.retired_at is not None:
        return
    missing = missing_again_at(held)
    owed = agenda.reconcile_due(held.facts, held.now, held.world.pace.reconcile)
    if owed or (missing is not None and missing <= held.now):
        await held.commit()
        await reconcile(held)


_DUTIES: tuple[tuple[str, Duty], ...] = (
    ("second-look", _second_looks),
    ("requests", _requests),
    ("adopt", _initial),
    ("hints", _hinted),
    ("rotate", _rotate),
    ("revoke", _revoke),
    ("reconcile", _reconcile),
)


def _verdict(held: Visit) -> Due | NotDue:
    world = held.world
    freeze = spans(world.freeze, held.facts, held.now)
    return due(held.facts, held.now, limits=world.limits, freeze=freeze, clock_suspect=bool(held.doubt))


def _alarms(held: Visit, verdict: Due | NotDue) -> None:
    standing = held.facts.standing
    raised = alarms(held.facts, verdict, held.now, doubt=held.doubt)
    if raised == standing.alarms:
        return
    before = {alarm.code for alarm in standing.alarms}
    now = {alarm.code for alarm in raised}
    for alarm in raised:
        if alarm.code not in before:
            held.tell(AlarmRaised(held.rotation.name, held.now, alarm.code, alarm.message))
    for code in before - now:
        held.tell(AlarmCleared(held.rotation.name, held.now, code))
    held.note(replace(standing, alarms=raised))


async def _spread_out(held: Visit, verdict: Due | NotDue, wake_at: datetime) -> datetime:
    """Identical slots wake one after the other (law L14)."""
    waits_for_slot = isinstance(verdict, NotDue) and verdict.reason is Reason.NOT_YET and verdict.until == wake_at
    if not (held.world.spread and waits_for_slot):
        return wake_at
    return wake_at + spread(held.rotation.id, await held.world.store.same_time(held.rotation, wake_at))


async def _give_back(held: Visit, wake_at: datetime, *, line: Line | None = None) -> None:
    await held.commit(wake_at=wake_at, release=True, line=line)
