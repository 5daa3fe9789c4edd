"""Which laws hold in the simulated world? Looked at after every change outside, and once more when all has settled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rotator.domain.model import Rotation
from tests.simulation.places import Place
from tests.simulation.universe import Universe

#: Slack for a rotation that is late because of faults.
_LATE = timedelta(days=1)


class Laws:
    """Keeps count of what was broken. `excused` places were harmed on purpose by the story, not by us."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self.broken: list[str] = []
        self.excused: set[str] = set()
        self.foreign: set[str] = set()
        universe.checks.append(self.look)

    def look(self, what: str) -> None:
        """After a change: every required place that was served holds a secret that Entra honours (L1, L7)."""
        truth = self._universe.truth()
        listed = {str(c["keyId"]) for cs in truth.values() for c in cs if c["listed"]}
        for place in self._universe.places.all.values():
            if place.marker is not None and place.required and self._dead(place, listed):
                self._break(f"L1: {place.name} holds {place.marker.key_id[:8]}, which is dead, after: {what}")
        for key in sorted(self.foreign - listed):
            self._break(f"L6: the foreign credential {key[:8]} was removed")
            self.foreign.discard(key)
        if self._universe.database_jump and "addPassword" in what:
            self._break("L13: a secret was issued while the clock was wrong")

    def _dead(self, place: Place, listed: set[str]) -> bool:
        """Removed before its time. One that expired while its place was down all along is nobody's doing."""
        now = self._universe.time()
        removed = place.marker is not None and place.marker.key_id not in listed
        return removed and place.expires_at is not None and place.expires_at > now

    async def settled(self, rotations: list[Rotation]) -> None:
        """When the faults are long over: nothing left behind, nothing left undone."""
        now = self._universe.time()
        for facts in await self._universe.store.facts():
            self._books(facts.rotation.name, facts, now)
        await self._orphans()
        for node in self._universe.nodes.values():
            for bug in node.bugs:
                self._break(f"a bug: {type(bug).__name__}: {bug}")
        for rotation in rotations:
            self._places(rotation)

    def _books(self, name: str, facts: object, now: datetime) -> None:
        standing, current = facts.standing, facts.current  # type: ignore[attr-defined]
        if standing.hold:
            self._break(f"L16: {name} is still held: {standing.message}")
            return
        if current is None:
            self._break(f"{name} has no current credential: {standing.message}")
            return
        interval = timedelta(days=facts.rotation.schedule.interval)  # type: ignore[attr-defined]
        if now > current.issued_at + interval + 2 * _LATE:
            self._break(f"L9: {name} was last rotated at {current.issued_at} and is overdue: {standing.message}")
        if facts.attempt is not None and now > facts.attempt.started_at + 2 * _LATE:  # type: ignore[attr-defined]
            self._break(f"L12: {name} has an attempt open since {facts.attempt.started_at}: {standing.message}")  # type: ignore[attr-defined]
        for credential in facts.retiring:  # type: ignore[attr-defined]
            if credential.revoke_at is not None and now > credential.revoke_at + 2 * _LATE:
                self._break(
                    f"L12: {name}: {credential.key_id[:8]} should have been revoked: {credential.revoke_message}"
                )

    async def _orphans(self) -> None:
        """Nothing of ours that lives in Entra is unknown to the books as a living credential (L4)."""
        alive = {c.key_id for facts in await self._universe.store.facts() for c in facts.credentials}
        for credentials in self._universe.truth().values():
            for c in credentials:
                ours = str(c["displayName"]).startswith("rotator/simulate/")
                if ours and c["listed"] and self._honoured(c) and c["keyId"] not in alive:
                    self._break(f"L4: {str(c['keyId'])[:8]} ({c['displayName']}) is an orphan")

    def _places(self, rotation: Rotation) -> None:
        for rule in rotation.destinations:
            if not rule.required:
                continue
            place: Place = self._universe.places.place(rotation.name, rule.name)
            if not self._universe.bears(place):
                self._break(f"L7: {place.name} bears no living credential at the end")

    def _honoured(self, credential: dict[str, object]) -> bool:
        ends = datetime.fromisoformat(str(credential["endDateTime"])[:19]).replace(tzinfo=UTC)
        return bool(credential["listed"]) and ends > self._universe.time()

    def _break(self, law: str) -> None:
        if law not in self.broken:
            self.broken.append(law)
            self._universe.write(f"BROKEN {law}")
