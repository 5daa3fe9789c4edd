"""Do the nodes do what they say? Each attempt has its reason, each promotion its deliveries and its slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rotator.domain.due import Reason
from rotator.domain.events import AttemptBegan, Event, Promoted
from rotator.domain.model import Attempt, Entry, Facts, Mode
from tests.simulation import books

if TYPE_CHECKING:
    from tests.simulation.installation import Installation
    from tests.simulation.laws import Laws
    from tests.simulation.universe import Universe

#: A slot may move by an hour with its zone.
_ZONE = timedelta(hours=1)
#: What a node believed when it began its visit may be a while old.
_SEEN = timedelta(minutes=20)
#: Reasons that promise something about the books.
_PROMISED = {Reason.NEVER_ROTATED, Reason.INTERVAL_ELAPSED, Reason.NEAR_EXPIRY, Reason.CURRENT_LOST}


@dataclass(frozen=True, slots=True)
class _Last:
    """The last promotion of a rotation: the slot it ran for, or its issue when it was asked for."""

    at: datetime
    #: Books that were restored since have forgotten the promotion, and rightly.
    restores: int


class Promises:
    """Listens to the events of all nodes."""

    def __init__(self, universe: Universe, laws: Laws) -> None:
        self._universe = universe
        self._laws = laws
        self._last: dict[str, _Last] = {}
        self._slots: dict[tuple[str, datetime, int], str] = {}

    def told(self, by: Installation, event: Event) -> None:
        """Something has happened, durably."""
        if isinstance(event, AttemptBegan) and not event.resumed:
            self._began(by, event)
        elif isinstance(event, Promoted):
            self._promoted(by, event)

    def _began(self, by: Installation, event: AttemptBegan) -> None:
        if event.reason not in _PROMISED:
            return
        rotation_id = by.ids.get(event.rotation, "")
        facts = books.facts(by.store, rotation_id)
        if facts is None:
            return
        last = self._last.get(rotation_id)
        known = last is not None and last.restores == by.restores
        if event.reason == Reason.NEVER_ROTATED and known:
            self._laws.break_(f"L9: {event.rotation} was rotated before, and began as if it never had been")
        if event.reason == Reason.INTERVAL_ELAPSED and last is not None and known:
            self._not_too_soon(by, facts, last)
        current = facts.current
        if event.reason == Reason.NEAR_EXPIRY and current is not None:
            left = current.expires_at - self._universe.time()
            if left > facts.rotation.renew_before + _SEEN:
                self._laws.break_(f"L9: {event.rotation} took {left} for near expiry")
        if event.reason == Reason.CURRENT_LOST and current is not None and self._universe.is_valid(current.key_id):
            self._laws.break_(f"{event.rotation} took {current.key_id[:8]} for lost, which is valid")

    def _not_too_soon(self, by: Installation, facts: Facts, last: _Last) -> None:
        # An edited time of day moves slots by less than a day.
        slack = _ZONE + (timedelta(days=1) if by.edited_at > last.at - timedelta(days=1) else timedelta())
        earliest = last.at + timedelta(days=facts.rotation.schedule.interval) - slack
        if self._universe.time() < earliest:
            self._laws.break_(f"L9: {facts.rotation.name} was rotated by schedule before {earliest}, last at {last.at}")

    def _promoted(self, by: Installation, event: Promoted) -> None:
        rotation_id = by.ids.get(event.rotation, "")
        facts = books.facts(by.store, rotation_id)
        found = books.attempt(by.store, rotation_id, event.attempt)
        if facts is None or found is None:
            self._laws.break_(f"{event.rotation} was promoted by an attempt that no book knows")
            return
        attempt, journal = found
        self._delivered(by, event, facts, attempt, journal)
        slot = None if attempt.manual else attempt.due_slot
        row = books.credential(by.store, event.key_id)
        issued_at = row.issued_at if row is not None and row.issued_at is not None else self._universe.time()
        if not (slot or attempt.manual):
            # Neither asked for nor of a slot: counted from the slot before it, as scheduled ones are.
            issued_at = facts.rotation.schedule.latest_slot(issued_at)
        self._last[rotation_id] = _Last(slot or issued_at, by.restores)
        if slot is None:
            return
        first = self._slots.setdefault((rotation_id, slot, by.restores), attempt.id)
        if first != attempt.id:
            self._laws.break_(f"L8: attempts {first} and {attempt.id} of {event.rotation} both ran for the slot {slot}")

    def _delivered(
        self,
        by: Installation,
        event: Promoted,
        facts: Facts,
        attempt: Attempt,
        journal: Sequence[Entry],
    ) -> None:
        """Every required place bears the new key, unless the end of the old one was near (L7)."""
        entry = next((e for e in journal if e.step == "promote" and e.facts.get("key_id") == event.key_id), None)
        missing = entry.facts.get("missing", ()) if entry is not None else ()
        names = tuple(missing) if isinstance(missing, (list, tuple)) else ()
        if names and attempt.mode is Mode.ROTATE:
            self._was_urgent(by, event, facts)
        for rule in facts.rotation.destinations:
            place = by.places.place(rule.name)
            if not rule.required or rule.name in names or rule.name in attempt.accept_outage:
                continue
            harmed = place.harmed_at is not None and place.harmed_at >= attempt.started_at
            # A process that is stopped in the middle of an attempt learns of an edit only with the next one.
            edited = by.edited_at >= min(attempt.started_at, self._universe.time() - _SEEN)
            if place.bears != event.key_id and not (harmed or edited):
                self._laws.break_(
                    f"L7: {event.rotation} was promoted, and {place.name} bears {place.bears[:8] or 'nothing'}"
                )

    def _was_urgent(self, by: Installation, event: Promoted, facts: Facts) -> None:
        previous = books.credential(by.store, event.previous) if event.previous else None
        if previous is None or not self._universe.is_valid(event.previous):
            return
        left = previous.expires_at - self._universe.time()
        if left > facts.rotation.urgent_before + _SEEN:
            self._laws.break_(f"L7: {event.rotation} was promoted without every place, with {left} left")
