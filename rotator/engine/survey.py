"""What does Entra show, and do the books agree? Every reading of an application comes here (laws L4, L6, L16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rotator.domain.events import AlarmRaised, OrphanFound, Reclaimed
from rotator.domain.model import Credential, CredentialState, IssueIntent
from rotator.engine import places
from rotator.engine.visit import Visit
from rotator.errors import DestinationError
from rotator.ports import Listed, Registration

STATE_OLDER = "STATE_OLDER_THAN_ENTRA"


async def survey(visit: Visit) -> Registration:
    """Read the application and settle what it shows of ours.

    A credential named by an issue intent without a recorded outcome is revoked, however old. One with our prefix that
    no book names holds the rotation. Raises DirectoryError when the application cannot be read or a removal fails.
    """
    directory = await visit.directory()
    registration = await directory.registration(visit.application)
    visit.heard(directory)
    unknown = await _strangers(visit, registration)
    if unknown and not visit.facts.standing.hold:
        _hold(visit, unknown)
    visit.have_compared()
    if not visit.doubt:
        _age_intents(visit)
    return registration


def second_look_at(visit: Visit, intent: IssueIntent) -> datetime:
    """Reads may lag and a stopped node may still send: only after this time does a look close an intent."""
    connection = visit.connection
    return intent.opened_at + connection.propagation + 2 * connection.request_timeout


async def unknown_keys(visit: Visit) -> list[Listed]:
    """Credentials with our prefix that neither the ledger nor an issue intent names, as Entra shows them now."""
    directory = await visit.directory()
    registration = await directory.registration(visit.application)
    visit.heard(directory)
    return await _strangers(visit, registration)


def as_retiring(visit: Visit, listed: Listed) -> Credential:
    """A ledger row for a key that a person has told us to take as ours."""
    return Credential(
        key_id=listed.key_id,
        rotation_id=visit.rotation.id,
        application=visit.application,
        display_name=listed.display_name,
        starts_at=listed.starts_at or visit.now,
        expires_at=listed.expires_at or visit.now + visit.rotation.lifetime,
        state=CredentialState.RETIRING,
        hint=listed.hint,
        adopted=True,
        issued_at=visit.now,
        promoted_at=listed.starts_at or visit.now,
        retired_at=visit.now,
        revoke_at=visit.now + visit.rotation.min_overlap,
    )


async def _strangers(visit: Visit, registration: Registration) -> list[Listed]:
    books = {credential.key_id for credential in visit.facts.credentials}
    strange = [
        listed
        for listed in registration.credentials
        if listed.key_id not in books and listed.display_name.startswith(visit.prefix)
    ]
    if not strange:
        return []
    recognised = await visit.world.store.recognise(visit.application, strange)
    unknown = []
    for listed in strange:
        intent = recognised.intents.get(listed.display_name)
        if listed.key_id in recognised.ledger:
            continue
        if intent is None:
            unknown.append(listed)
        elif intent.outcome:
            _report_orphan(visit, listed)
        elif not visit.doubt:
            unknown += await _left_behind(visit, listed, intent)
    return unknown


async def _left_behind(visit: Visit, listed: Listed, intent: IssueIntent) -> list[Listed]:
    """Reclaim what an unanswered issue left. Where a destination bears it, our books are a copy made in the middle of
    that issue, and the key is in use: it is unknown to them like any other that came later (law L16).
    """
    if intent.display_name not in visit.world.memory.asked_for:
        try:
            borne = [await places.bears(visit, rule) for rule in visit.rotation.destinations]
        except DestinationError:
            # It may be in use where we cannot look: left alone until a later look can tell.
            return []
        if listed.key_id in borne:
            return [listed]
    await _reclaim(visit, listed, intent)
    return []


async def _reclaim(visit: Visit, listed: Listed, intent: IssueIntent) -> None:
    await visit.before_graph(
        visit.entry("revoke", "intent", key_id=listed.key_id, why="left by an unanswered issue", n=intent.n),
        pressing=True,
    )
    directory = await visit.directory()
    await directory.remove_password(visit.application.object_id, listed.key_id)
    visit.heard(directory)
    visit.note(visit.entry("revoke", "outcome", key_id=listed.key_id, why="left by an unanswered issue", n=intent.n))
    visit.tell(Reclaimed(visit.rotation.name, visit.now, intent.attempt_id, listed.key_id))


def _age_intents(visit: Visit) -> None:
    for intent in visit.facts.intents:
        if intent.first_look_at is None:
            visit.note(replace(intent, first_look_at=visit.now))
        elif visit.now >= second_look_at(visit, intent):
            visit.note(replace(intent, closed_at=visit.now))


def _hold(visit: Visit, unknown: list[Listed]) -> None:
    keys = ", ".join(listed.key_id for listed in unknown)
    message = (
        f"Entra holds credentials of ours that this database does not know ({keys}): it was restored or is older. "
        f"Nothing is issued or revoked. Run 'rotator adopt {visit.rotation.name} KEY_ID' with the key in use, "
        f"or 'rotator rotate {visit.rotation.name}'"
    )
    visit.note(replace(visit.facts.standing, hold=STATE_OLDER, held_at=visit.now, message=message))
    visit.tell(AlarmRaised(visit.rotation.name, visit.now, STATE_OLDER, message))


def _report_orphan(visit: Visit, listed: Listed) -> None:
    message = f"key {listed.key_id} bears the name of an issue that is recorded with another outcome; it is left alone"
    visit.tell(OrphanFound(visit.rotation.name, visit.now, listed.key_id, listed.display_name, message))
