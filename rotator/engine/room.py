"""How does an application that holds only so many secrets make room for one more (rotation.md section 2, Preflight)?"""

from __future__ import annotations

from dataclasses import replace

from rotator.domain.model import Credential, CredentialState, Mode
from rotator.engine import places, revoke
from rotator.engine.visit import Visit
from rotator.errors import DestinationError, TooManyCredentials
from rotator.ports import Registration


async def make_room(visit: Visit, registration: Registration) -> None:
    """Where no more fit, end the oldest retiring one once its least overlap has passed, whatever its overlap.

    A compromised rotation does not wait for that. Raises TooManyCredentials, which says what is to be done.
    """
    if registration.room_for is None or len(registration.credentials) < registration.room_for:
        return
    await _take_what_is_in_use(visit, registration)
    attempt = visit.facts.attempt
    pressing = attempt is not None and attempt.mode is Mode.COMPROMISED
    for credential in visit.facts.retiring:
        rested = credential.retired_at is None or visit.now >= credential.retired_at + visit.rotation.min_overlap
        why = "to make room where only two secrets fit"
        if (rested or pressing) and await revoke.end(visit, credential, why=why):
            return
    message = f"the application holds at most {registration.room_for} secrets"
    raise TooManyCredentials("preflight", message, hint=_way_out(visit, registration))


async def _take_what_is_in_use(visit: Visit, registration: Registration) -> None:
    """The current secret is gone from Entra: the living one of ours that the required destinations bear is current.

    A restored database, for one, knows it as retiring only. Without a living current secret none could ever be revoked
    (section 6 a), and none be added until one expires.
    """
    lost, standing = visit.facts.current, visit.facts.standing
    if lost is None or not standing.current_lost:
        return
    try:
        borne = {await places.bears(visit, rule) for rule in visit.rotation.destinations if rule.required}
    except DestinationError:
        return
    in_use = [c for c in visit.facts.retiring if c.key_id in borne]
    if len(in_use) != 1 or not _lives(visit, in_use[0], registration):
        return
    # What led here becomes true by itself, before what it is judged by changes.
    await visit.commit()
    visit.be_sure()
    taken = replace(
        in_use[0],
        state=CredentialState.CURRENT,
        retired_at=None,
        revoke_at=None,
        revoke_failures=0,
        revoke_retry_at=None,
        revoke_message="",
        slot=standing.active_index,
    )
    message = f"The current secret {lost.key_id} is lost; the destinations bear {taken.key_id}, which is current now"
    visit.note(
        replace(lost, state=CredentialState.RETIRING, retired_at=visit.now, revoke_at=visit.now),
        taken,
        replace(standing, current_lost=False, missing_since=None, message=message),
        visit.entry("adopt", "outcome", key_id=taken.key_id, by="destinations", message=message),
    )
    await visit.commit()


def _lives(visit: Visit, credential: Credential, registration: Registration) -> bool:
    """Listed, not expired, and nobody has begun to end it."""
    if credential.revoke_intent_at is not None or credential.revoke_message.startswith(revoke.COMPROMISED):
        return False
    listed = any(entry.key_id == credential.key_id for entry in registration.credentials)
    return listed and credential.expires_at > visit.now


def _way_out(visit: Visit, registration: Registration) -> str:
    ours = {credential.key_id for credential in visit.facts.credentials}
    foreign = [listed.key_id for listed in registration.credentials if listed.key_id not in ours]
    if foreign:
        return f"Remove one that is not in use ({', '.join(foreign)}), or take it over with 'rotator adopt'"
    ends = [c.retired_at + visit.rotation.min_overlap for c in visit.facts.retiring if c.retired_at]
    if ends and min(ends) > visit.now:
        return f"The previous one makes way at {min(ends):%Y-%m-%d %H:%M}Z"
    held = [c for c in visit.facts.retiring if c.revoke_message]
    if not held:
        return "Wait for the previous one to end"
    return (
        f"{held[0].key_id} cannot make way: {held[0].revoke_message}. Where the current secret is lost, "
        f"'rotator adopt {visit.rotation.name} KEY_ID' with the key in use"
    )
