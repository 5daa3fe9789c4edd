"""How is a destination brought back to the current credential? Only with one that has just signed in."""

from __future__ import annotations

from rotator.domain.events import Delivered, DriftFound
from rotator.domain.model import Credential, DestinationRule, OnDrift, Secret
from rotator.engine import places
from rotator.engine.visit import Visit
from rotator.errors import RotatorError, StoreError


async def heal(
    visit: Visit, rule: DestinationRule, current: Credential, *, asked: bool = False, again: bool = False
) -> bool:
    """Deliver the current credential there; returns whether it stands now. What went wrong is noted on the delivery.

    A destination that the current credential never reached has not drifted: it is served whatever `on_drift` says,
    as is one that a person asked for. `again`: it is known to stand there, and is to be brought all the same.
    """
    known = visit.facts.delivery(rule.name)
    served_before = known is not None and known.key_id == current.key_id
    if served_before and rule.on_drift is OnDrift.REPORT and not asked:
        return False
    try:
        text = await proved_text(visit, current)
        if text is None:
            return False
        row = await places.place(visit, rule, current, text, again=again)
    except StoreError:
        raise
    except RotatorError as problem:
        visit.note(places.missed(visit, rule, problem))
        return False
    visit.note(row, visit.entry("heal", "outcome", destination=rule.name, key_id=current.key_id, version=row.version))
    if served_before and not again:
        visit.tell(DriftFound(visit.rotation.name, visit.now, rule.name, rule.kind, healed=True))
    else:
        visit.tell(Delivered(visit.rotation.name, visit.now, rule.name, rule.kind, ok=True))
    return True


async def proved_text(visit: Visit, current: Credential) -> Secret | None:
    """The current secret, if it signs in at this moment; an adopted credential has none."""
    if current.revoke_intent_at is not None or visit.doubt:
        return None
    text = await visit.text(current.key_id)
    if text is None:
        return None
    directory = await visit.directory()
    proof = await directory.prove(current.application.client_id, text)
    visit.heard(directory)
    return text if proof.accepted else None
