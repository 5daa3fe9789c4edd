"""Which laws must hold at every change outside? Each is looked at then, against the truth about Entra.

`L1` to `L16` are those of the design. What the story itself harms is excused, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rotator.domain.events import Event
from rotator.domain.model import CredentialState, Lease
from rotator.simulator.model import Password
from rotator.simulator.passwords import digest
from tests.simulation import books
from tests.simulation.network import Write
from tests.simulation.places import Place, Written
from tests.simulation.promises import Promises

if TYPE_CHECKING:
    from tests.simulation.installation import Installation
    from tests.simulation.universe import Universe

#: What was begun before a clock was set, or a rotation paused, may still arrive: the slowest request, and one more.
IN_FLIGHT = timedelta(seconds=90)
#: Between a look at a place and the removal that follows, somebody may harm the place.
_RACE = timedelta(minutes=3)
_WRONG_CLOCK = timedelta(minutes=5)
_MOST_ISSUES_AN_HOUR = 20


class Laws:
    """Keeps count of what was broken; told of everything by the watchers of the nodes."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self.broken: list[str] = []
        #: When the first law was broken, in seconds since the beginning.
        self.first_broken: float | None = None
        #: Every secret text that anybody was ever given.
        self.texts: set[str] = set()
        self._issues: dict[str, list[datetime]] = defaultdict(list)
        self._promises = Promises(universe, self)

    def sending(self, by: Installation, write: Write) -> None:
        """A write has arrived at Entra and is about to be done."""
        self._in_right_time(by)
        if write.name:
            self._may_issue(by, write)
        else:
            self._may_remove(by, write)

    def added(self, by: Installation, write: Write, password: Password, text: str) -> None:
        """Entra has made a secret."""
        del by, write, password
        if text:
            self.texts.add(text)

    def removed(self, by: Installation, password: Password) -> None:
        """Entra has removed a secret: no required place of anybody may bear it (L1, L7)."""
        if password.expires_at <= self._universe.time():
            return
        for installation in self._universe.installations:
            for place in installation.places.bearing(password.key_id):
                if place.required and not place.left and not self._just_harmed(place):
                    self.break_(f"L1: {place.name} bears {password.key_id[:8]}, which {by.id} has removed")

    def written(self, by: Installation, written: Written) -> None:
        """A place was given a credential: it signs in at this moment, by Entra's own truth (L5)."""
        place, parcel = written.place, written.parcel
        key = parcel.marker.key_id
        if written.late:
            # No lease can keep back what a stopped process had already begun to send; it is put right afterwards.
            place.harmed_at = self._universe.time()
            return
        password = self._universe.password(key)
        if password is None or password.digest != digest(parcel.secret.reveal()):
            self.break_(f"L5: {place.name} was given {key[:8]}, whose text that is not")
        elif key not in self._universe.taken and not self._signs_in(password):
            self.break_(f"L5: {place.name} was given {key[:8]}, which does not sign in")
        if parcel.secret.reveal().startswith("-"):
            self.break_(f"{place.name} was given a text that begins with '-'")
        self._not_while_older(by, parcel.marker.rotation_id, place)

    def stale(self, by: Installation, lease: Lease, highest: int) -> None:
        """The store took a write under an old token (L8)."""
        self.break_(f"L8: {by.id} took a write of {lease.holder} under token {lease.token}, though {highest} was out")

    def told(self, by: Installation, event: Event) -> None:
        """A node tells of what is durable."""
        self._promises.told(by, event)

    def tick(self) -> None:
        """Now and then: no place was left with an expired secret while it could have been served (L10)."""
        now = self._universe.time()
        for installation in self._universe.installations:
            for place in installation.places.all.values():
                if place.content is not None and place.required and not place.left:
                    self._not_expired(place, place.content.expires_at, now)

    def break_(self, law: str) -> None:
        """Note that a law was broken."""
        if law not in self.broken:
            if self.first_broken is None:
                self.first_broken = self._universe.seconds()
            self.broken.append(law)
            self._universe.write(f"BROKEN {law}")

    def _in_right_time(self, by: Installation) -> None:
        if abs(by.jump) > _WRONG_CLOCK and not self._just_set(by):
            self.break_(f"L13: {by.id} wrote to Entra while its database's clock was off by {by.jump}")

    def _just_set(self, by: Installation) -> bool:
        """What was begun before the clock was set may be under way."""
        return self._universe.time() < by.jumped_at + IN_FLIGHT

    def _may_issue(self, by: Installation, write: Write) -> None:
        now, application = self._universe.time(), write.application
        intent = books.intent(by.store, write.name)
        if intent is None or intent.outcome:
            self.break_(f"L2: {by.id} issued {write.name} without a word in its books")
            return
        if abs(by.jump) > _WRONG_CLOCK and abs(intent.opened_at - by.jump - now) < IN_FLIGHT:
            self.break_(f"L13: {by.id} issued {write.name} by a wrong clock, on {intent.opened_at}")
        rests = by.resting.get(intent.rotation_id)
        if rests is not None and now > rests + IN_FLIGHT:
            self.break_(f"{by.id} issued {write.name} while its rotation was paused or gone")
        if by.is_older(application.object_id):
            self.break_(f"L16: {by.id} issued {write.name} though Entra held what its books do not know")
        if application is self._universe.simulation.population.admin:
            self.break_(f"L15: {by.id} rotated the application that its connection signs in with")
        recent = [at for at in self._issues[intent.rotation_id] if at > now - timedelta(hours=1)]
        self._issues[intent.rotation_id] = [*recent, now]
        if len(recent) > _MOST_ISSUES_AN_HOUR:
            self.break_(f"L14: {by.id} asked for {len(recent)} secrets of one rotation within an hour")

    def _may_remove(self, by: Installation, write: Write) -> None:
        password = self._universe.password(write.key_id)
        if password is None:
            return
        row = books.credential(by.store, write.key_id)
        intent = books.intent(by.store, str(password.display_name))
        if row is None and intent is None:
            self.break_(
                f"L6: {by.id} removed {write.key_id[:8]} ({password.display_name}), which its books do not name"
            )
            return
        ours = str(password.display_name).startswith(by.prefix)
        if not ours and write.key_id not in by.adopted:
            self.break_(f"L6: {by.id} removed {write.key_id[:8]} ({password.display_name}), which is not its own")
        if row is not None and row.revoke_intent_at is None:
            self.break_(f"L2: {by.id} removed {write.key_id[:8]} without a word in its books")
        if row is not None and row.state is CredentialState.CURRENT:
            self.break_(f"L1: {by.id} removed the current credential {write.key_id[:8]}")
        if row is not None and by.is_older(write.application.object_id):
            self.break_(f"L16: {by.id} removed {write.key_id[:8]} though Entra held what its books do not know")

    def _not_while_older(self, by: Installation, rotation_id: str, place: Place) -> None:
        facts = books.facts(by.store, rotation_id) if by.older else None
        if facts is not None and by.is_older(facts.rotation.application.object_id):
            self.break_(f"L16: {by.id} wrote to {place.name} though Entra held what its books do not know")

    def _signs_in(self, password: Password) -> bool:
        return password.removed_at is None and password.signs_in(self._universe.time())

    def _just_harmed(self, place: Place) -> bool:
        return place.harmed_at is not None and self._universe.time() < place.harmed_at + _RACE

    def _not_expired(self, place: Place, expires_at: datetime, now: datetime) -> None:
        """Half the margin before the end is what the engine has at least; a free stretch of it must suffice."""
        if expires_at > now or place.harmed_at is not None:
            return
        if self._universe.was_free(expires_at - timedelta(hours=36), expires_at, timedelta(hours=6)):
            self.break_(f"L10: {place.name} bears {place.bears[:8]}, which expired")
