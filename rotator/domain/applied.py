"""What do the facts look like once these changes are true? The same answer the store would give, without asking it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rotator.domain.changes import (
    Change,
    ClearHints,
    EndRequest,
    EraseText,
    ForgetDelivery,
    ResolveApplication,
    SealText,
)
from rotator.domain.model import Attempt, Credential, CredentialState, Delivery, Entry, Facts, IssueIntent, Standing


def applied(facts: Facts, changes: Iterable[Change]) -> Facts:
    """Return the facts with the changes of this rotation worked in; changes of other rows leave them as they are."""
    for change in changes:
        facts = _apply(facts, change)
    return facts


def _apply(facts: Facts, change: Change) -> Facts:  # noqa: PLR0911, PLR0912 - one case a kind of row
    match change:
        case Standing():
            return replace(facts, standing=change)
        case Attempt():
            return _with_attempt(facts, change)
        case Entry():
            return replace(facts, journal=(*facts.journal, change)) if facts.attempt else facts
        case Credential():
            return replace(facts, credentials=_with_credential(facts.credentials, change))
        case IssueIntent():
            rest = tuple(i for i in facts.intents if (i.attempt_id, i.n) != (change.attempt_id, change.n))
            return replace(facts, intents=(*rest, change) if change.open else rest)
        case Delivery():
            rest_deliveries = tuple(d for d in facts.deliveries if d.destination != change.destination)
            return replace(facts, deliveries=(*rest_deliveries, change))
        case ForgetDelivery():
            return replace(facts, deliveries=tuple(d for d in facts.deliveries if d.destination != change.destination))
        case EndRequest():
            return replace(facts, requests=tuple(r for r in facts.requests if r.id != change.request_id))
        case ClearHints():
            left = tuple(h for h in facts.switches.hints if h not in change.destinations)
            return replace(facts, switches=replace(facts.switches, hints=left))
        case SealText():
            return _with_text(facts, change.key_id, kept=True)
        case EraseText():
            return _with_text(facts, change.key_id, kept=False)
        case ResolveApplication():
            found = replace(
                facts.rotation.application, object_id=change.object_id, client_id=change.client_id, name=change.name
            )
            return replace(facts, rotation=replace(facts.rotation, application=found))
        case _:
            return facts


def _with_attempt(facts: Facts, attempt: Attempt) -> Facts:
    if attempt.ended_at is not None:
        return replace(facts, attempt=None, journal=())
    fresh = facts.attempt is None or facts.attempt.id != attempt.id
    return replace(facts, attempt=attempt, journal=() if fresh else facts.journal)


def _with_credential(credentials: tuple[Credential, ...], changed: Credential) -> tuple[Credential, ...]:
    if changed.state is CredentialState.REVOKED:
        return tuple(c for c in credentials if c.key_id != changed.key_id)
    if any(c.key_id == changed.key_id for c in credentials):
        return tuple(changed if c.key_id == changed.key_id else c for c in credentials)
    return (*credentials, changed)


def _with_text(facts: Facts, key_id: str, *, kept: bool) -> Facts:
    return replace(
        facts, credentials=tuple(replace(c, has_text=kept) if c.key_id == key_id else c for c in facts.credentials)
    )
