"""May a retiring credential go, and is it gone (laws L1, L6, L7, L12)?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rotator.domain.changes import EraseText
from rotator.domain.events import Revoked, RevokeHeld
from rotator.domain.model import Credential, CredentialState, DestinationRule
from rotator.engine import heal, places
from rotator.engine.survey import survey
from rotator.engine.visit import Visit
from rotator.errors import DestinationError, DirectoryError
from rotator.ports import Registration

#: Why a credential goes that a person has called compromised: from then on no check holds it any more.
COMPROMISED = "compromised"
_FIRST_LOOK_AGAIN = timedelta(seconds=5)


async def revoke_due(visit: Visit) -> None:
    """End every retiring credential whose time has come and that nothing holds."""
    for credential in visit.facts.retiring:
        if is_time(visit, credential):
            visit.hold.step_boundary()
            # A promotion of this visit stands before anything is asked of the world in its name.
            await visit.commit()
            await end(visit, credential, why="its overlap is over")


def is_time(visit: Visit, credential: Credential) -> bool:
    """Its overlap has passed, its end was begun already, or it has expired; and no retry is being waited for."""
    if credential.revoke_retry_at is not None and visit.now < credential.revoke_retry_at:
        return False
    if credential.revoke_intent_at is not None or credential.expires_at <= visit.now:
        return True
    return credential.revoke_at is not None and credential.revoke_at <= visit.now


async def end(visit: Visit, credential: Credential, *, why: str, checks: bool = True) -> bool:
    """Check, remove, look until it is absent; returns whether it is gone. What holds it is noted and tried again."""
    if why == COMPROMISED or credential.revoke_message.startswith(COMPROMISED):
        why, checks = COMPROMISED, False
    try:
        held = _forbidden(visit)
        if not held and checks and _needs_checks(visit, credential):
            held = await _held(visit, credential)
        if not held:
            return await _remove(visit, credential, why)
    except (DirectoryError, DestinationError) as problem:
        held = str(problem)
    _postpone(visit, credential, f"{COMPROMISED}: {held}" if why == COMPROMISED else held)
    return False


def not_forgotten(visit: Visit) -> str:
    """What destinations that left the definition hold back, or empty; they may bear any credential of the ledger."""
    named = {rule.name for rule in visit.rotation.destinations}
    accepted = visit.facts.attempt.accept_outage if visit.facts.attempt else ()
    removed = [d.destination for d in visit.facts.deliveries if d.key_id and d.destination not in {*named, *accepted}]
    if not removed:
        return ""
    forget = f"'rotator forget {visit.rotation.name} --to DEST' lets it go"
    return f"{', '.join(removed)} left the definition and may still bear it: {forget}"


def _forbidden(visit: Visit) -> str:
    """What forbids any revocation, asked for or not (law L16), or empty. Raises Doubtful (law L13)."""
    visit.be_sure()
    if not visit.compared:
        return "Entra has not been compared with the books yet"
    return visit.facts.standing.hold


def _needs_checks(visit: Visit, credential: Credential) -> bool:
    """One that was never promoted and that no destination was found to bear goes unchecked; so does an expired one."""
    if credential.expires_at <= visit.now:
        return False
    return credential.promoted_at is not None or credential.revoke_intent_at is None


async def _held(visit: Visit, credential: Credential) -> str:
    """Why it may not go yet, by the checks of section 6, or empty."""
    current = visit.facts.current
    if current is None:
        return "there is no current credential to take its place"
    if visit.facts.attempt is not None and _proved_promoted(visit):
        return "consumers are still being told of the new credential"
    if _too_fresh(visit, current):
        return "the promotion is too recent for a stopped node to be ruled out"
    return not_forgotten(visit) or await _current_refused(visit, current) or await _wanting(visit, current, credential)


def _proved_promoted(visit: Visit) -> bool:
    return any(entry.step == "promote" for entry in visit.facts.journal)


def _too_fresh(visit: Visit, current: Credential) -> bool:
    """A stopped node's last request may still arrive: the lease time plus the longest timeout must have passed."""
    return current.promoted_at is not None and visit.now < current.promoted_at + visit.settling


async def _current_refused(visit: Visit, current: Credential) -> str:
    """(a) A fresh sign-in with the current secret works; an adopted one without text is listed and unexpired."""
    text = await visit.text(current.key_id)
    if text is None:
        registration = await survey(visit)
        listed = any(entry.key_id == current.key_id for entry in registration.credentials)
        return "" if listed and current.expires_at > visit.now else "the current credential is not listed in Entra"
    directory = await visit.directory()
    proof = await directory.prove(visit.application.client_id, text)
    visit.heard(directory)
    return "" if proof.accepted else f"the current secret does not sign in: {proof.code} {proof.detail}".rstrip()


async def _wanting(visit: Visit, current: Credential, credential: Credential) -> str:
    """(b) Every required destination, read again, bears the current key id; one that drifted is healed first."""
    accepted = visit.facts.attempt.accept_outage if visit.facts.attempt else ()
    for rule in visit.rotation.destinations:
        asked = rule.required and rule.name not in accepted
        held = await _held_by(visit, rule, current, credential) if asked else ""
        if held:
            return held
    return ""


async def _held_by(visit: Visit, rule: DestinationRule, current: Credential, credential: Credential) -> str:
    placed = await places.look(visit, rule)
    borne = places.key_at(visit, placed)
    pending = visit.facts.pending
    if pending is not None and borne == pending.key_id:
        return f"{rule.name} bears the new secret of an attempt that is still open"
    if not current.has_text:
        return f"{rule.name} still bears it" if borne == credential.key_id else ""
    if places.stands(placed, current, visit.facts.delivery(rule.name)) or await heal.heal(visit, rule, current):
        return ""
    return f"{rule.name} does not bear the current credential yet"


async def _remove(visit: Visit, credential: Credential, why: str) -> bool:
    going = replace(credential, revoke_intent_at=credential.revoke_intent_at or visit.now)
    await visit.before_graph(
        going,
        visit.entry("revoke", "intent", key_id=credential.key_id, why=why),
        pressing=why == COMPROMISED or any(request.kind == "revoke" for request in visit.facts.requests),
    )
    directory = await visit.directory()
    await directory.remove_password(credential.application.object_id, credential.key_id)
    visit.heard(directory)
    registration = await survey(visit)
    if _listed(registration, credential):
        _look_again(visit, going, why)
        return False
    visit.note(
        replace(going, state=CredentialState.REVOKED, revoked_at=visit.now, has_text=False, revoke_message=""),
        EraseText(credential.key_id),
        visit.entry("revoke", "outcome", key_id=credential.key_id, why=why),
    )
    visit.tell(Revoked(visit.rotation.name, visit.now, credential.key_id, why))
    return True


def _listed(registration: Registration, credential: Credential) -> bool:
    return any(listed.key_id == credential.key_id for listed in registration.credentials)


def _look_again(visit: Visit, credential: Credential, why: str) -> None:
    """Removed, and still listed: reads lag behind writes. Looked at again soon, then ever later."""
    failures = credential.revoke_failures + 1
    wait = min(_FIRST_LOOK_AGAIN * 2 ** min(failures, 10), timedelta(hours=1))
    message = f"{why}: removed; waiting for Entra to stop listing it"
    visit.note(replace(credential, revoke_failures=failures, revoke_retry_at=visit.now + wait, revoke_message=message))


def _postpone(visit: Visit, credential: Credential, why: str) -> None:
    fresh = next((c for c in visit.facts.credentials if c.key_id == credential.key_id), credential)
    failures = fresh.revoke_failures + 1
    retry_at = visit.now + visit.later(failures)
    visit.note(replace(fresh, revoke_failures=failures, revoke_retry_at=retry_at, revoke_message=why))
    visit.tell(RevokeHeld(visit.rotation.name, visit.now, credential.key_id, why))
