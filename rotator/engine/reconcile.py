"""Do Entra, the destinations and the ledger agree? Finds drift, orphans and lost credentials; heals what it may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rotator.domain.changes import ClearHints
from rotator.domain.events import DriftFound
from rotator.domain.model import Credential, Delivery, DestinationRule
from rotator.engine import places
from rotator.engine.heal import heal
from rotator.engine.survey import survey
from rotator.engine.visit import Visit
from rotator.errors import RotatorError, StoreError
from rotator.ports import Placed, Registration


async def reconcile(visit: Visit) -> None:
    """Compare everything once. Raises DirectoryError when Entra cannot be read; destinations fail one by one."""
    registration = await survey(visit)
    await _current_listed(visit, registration)
    if not visit.facts.standing.hold and not visit.facts.standing.current_lost:
        await _destinations(visit, registration)
    _removed_destinations(visit)
    visit.note(replace(visit.facts.standing, reconciled_at=visit.now))


async def reconcile_hinted(visit: Visit) -> None:
    """A node that was fenced out may have touched these: put them right before anything else (law L8)."""
    hints = visit.facts.switches.hints
    current = visit.facts.current
    for name in hints:
        rule = visit.rotation.destination(name)
        if rule is not None and current is not None and not visit.facts.standing.hold:
            await _one(visit, rule, current, frozenset())
    visit.note(ClearHints(visit.rotation.id, hints))


async def redeliver(visit: Visit, rules: Sequence[DestinationRule]) -> None:
    """A person asks for the current credential to be brought there again, drifted or not."""
    registration = await survey(visit)
    current = visit.facts.current
    if current is None or visit.facts.standing.hold:
        return
    strangers = _strangers(visit, registration)
    for rule in rules:
        visit.hold.step_boundary()
        await _one(visit, rule, current, strangers, asked=True)


def served_at_last(visit: Visit) -> None:
    """Every required destination bears the current credential by now: it is no longer promoted in part."""
    standing, current = visit.facts.standing, visit.facts.current
    if not standing.promoted_partly or current is None:
        return
    served = {row.destination for row in visit.facts.deliveries if row.key_id == current.key_id}
    if all(rule.name in served for rule in visit.rotation.destinations if rule.required):
        message = f"Secret {current.key_id} has reached every destination by now"
        visit.note(replace(standing, promoted_partly=False, message=message))


def missing_again_at(visit: Visit) -> datetime | None:
    """When a current credential that was missing from a listing is to be looked for again."""
    standing = visit.facts.standing
    if standing.missing_since is None or standing.current_lost or visit.facts.current is None:
        return None
    return standing.missing_since + visit.connection.propagation


async def _current_listed(visit: Visit, registration: Registration) -> None:
    """The current key absent in two reads one propagation time apart and refused at sign-in is lost."""
    current, standing = visit.facts.current, visit.facts.standing
    if current is None or visit.doubt:
        return
    if any(listed.key_id == current.key_id for listed in registration.credentials):
        if standing.missing_since is not None or standing.current_lost:
            visit.note(replace(standing, missing_since=None, current_lost=False))
        return
    if standing.missing_since is None:
        visit.note(replace(standing, missing_since=visit.now))
    elif visit.now >= standing.missing_since + visit.connection.propagation and not standing.current_lost:
        await _confirm_lost(visit, current)


async def _confirm_lost(visit: Visit, current: Credential) -> None:
    text = await visit.text(current.key_id)
    if text is not None:
        directory = await visit.directory()
        proof = await directory.prove(visit.application.client_id, text)
        visit.heard(directory)
        if not proof.secret_refused:
            visit.note(replace(visit.facts.standing, missing_since=visit.now))
            return
    message = f"The current secret {current.key_id} was removed from Entra behind our back"
    visit.note(
        replace(visit.facts.standing, current_lost=True, message=message),
        visit.entry("reconcile", "note", key_id=current.key_id, message=message),
    )


async def _destinations(visit: Visit, registration: Registration) -> None:
    current = visit.facts.current
    if current is None or not current.has_text:
        # An adopted key was delivered by somebody else, and we have nothing to deliver until the first rotation.
        return
    strangers = _strangers(visit, registration)
    for rule in visit.rotation.destinations:
        known = visit.facts.delivery(rule.name)
        if known is None or known.retry_at is None or known.retry_at <= visit.now:
            visit.hold.step_boundary()
            await _one(visit, rule, current, strangers)


def _strangers(visit: Visit, registration: Registration) -> frozenset[str]:
    books = {credential.key_id for credential in visit.facts.credentials}
    return frozenset(listed.key_id for listed in registration.credentials) - books


async def _one(
    visit: Visit, rule: DestinationRule, current: Credential, strangers: frozenset[str], *, asked: bool = False
) -> None:
    try:
        placed = await places.inspect(visit, rule)
    except StoreError:
        raise
    except RotatorError as problem:
        visit.note(places.missed(visit, rule, problem))
        return
    known = visit.facts.delivery(rule.name)
    borne = placed.marker.key_id if placed is not None and placed.marker is not None else ""
    if _pending_there(visit, borne):
        return
    if placed is not None and borne == current.key_id and _as_it_was(known, current, placed):
        if asked and current.has_text:
            await heal(visit, rule, current, asked=True, again=True)
        if visit.facts.delivery(rule.name) == known:
            _stands(visit, rule, known, placed)
        return
    if borne in strangers:
        _report(visit, rule, f"it bears key {borne}, which Entra knows and this database does not; left as it is")
    elif not await heal(visit, rule, current, asked=asked):
        known = visit.facts.delivery(rule.name)
        waits = known is not None and known.retry_at is not None and known.retry_at > visit.now
        if not (waits and known is not None and known.key_id != current.key_id):
            why = known.message if known else ""
            _report(visit, rule, why or f"it does not bear the current key {current.key_id}")


def _pending_there(visit: Visit, borne: str) -> bool:
    """An open attempt is on its way: its key in a destination is no drift."""
    return visit.facts.pending is not None and borne == visit.facts.pending.key_id


def _as_it_was(known: Delivery | None, current: Credential, placed: Placed) -> bool:
    """As we left it; of an adopted credential without text we know nothing before the first look."""
    if known is None or known.version == placed.version:
        return True
    return known.key_id != current.key_id and not current.has_text


def _stands(visit: Visit, rule: DestinationRule, known: Delivery | None, placed: Placed) -> None:
    if placed.marker is None:
        return
    same = known is not None and (known.key_id, known.version) == (placed.marker.key_id, placed.version)
    if known is not None and same and not (known.message or known.drifted or known.removed):
        return
    row = known or Delivery(visit.rotation.id, rule.name, rule.kind, delivered_at=visit.now)
    visit.note(
        replace(
            row,
            key_id=placed.marker.key_id,
            version=placed.version,
            token=placed.marker.token,
            read_at=visit.now,
            failures=0,
            retry_at=None,
            message="",
            drifted=False,
            removed=False,
        )
    )


def _report(visit: Visit, rule: DestinationRule, message: str) -> None:
    known = visit.facts.delivery(rule.name) or Delivery(visit.rotation.id, rule.name, rule.kind)
    retry_at = known.retry_at if known.retry_at and known.retry_at > visit.now else visit.now + timedelta(hours=1)
    visit.note(replace(known, drifted=True, message=message, read_at=visit.now, retry_at=retry_at))
    if not known.drifted:
        visit.tell(DriftFound(visit.rotation.name, visit.now, rule.name, rule.kind, healed=False, message=message))


def _removed_destinations(visit: Visit) -> None:
    named = {rule.name for rule in visit.rotation.destinations}
    for row in visit.facts.deliveries:
        if row.destination not in named and not row.removed:
            message = (
                f"no longer in the definition; 'rotator forget {visit.rotation.name} --to {row.destination}' lets it go"
            )
            visit.note(replace(row, removed=True, message=message))
