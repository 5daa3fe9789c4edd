"""Where do simulated rotations deliver to? Places in memory that can be down and know who wrote what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from rotator.domain.model import DestinationRule, Rotation
from rotator.errors import DestinationUnavailable
from rotator.ports import Marker, Parcel, Placed


class Gate(Protocol):
    """What a node's every call to the outside passes: a stopped node waits here, a dead one never returns."""

    stops: int

    def __call__(self) -> Awaitable[None]:
        """Pass, when it is open."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a place holds: the key whose text is there, and our mark beside it if we put it there."""

    key_id: str
    text: str
    expires_at: datetime
    marker: Marker | None = None


@dataclass(slots=True)
class Place:
    """One place: what is there, and whether it answers."""

    name: str
    content: Content | None = None
    version: int = 0
    down: bool = False
    required: bool = True
    #: It is nobody's business any more: its rotation was told to forget it.
    left: bool = False
    #: When somebody else, or a process that was stopped for long, last put something there.
    harmed_at: datetime | None = None
    #: What has been there before, newest last.
    history: list[Content] = field(default_factory=list)

    @property
    def bears(self) -> str:
        """The key whose text is there, or empty."""
        return self.content.key_id if self.content else ""

    def put(self, content: Content | None) -> None:
        """Replace what is there, by whomever."""
        if self.content is not None:
            self.history.append(self.content)
        self.content = content
        self.version += 1


@dataclass(frozen=True, slots=True)
class Written:
    """A node has put a credential into a place; `late`: its process was stopped on the way there."""

    place: Place
    parcel: Parcel
    late: bool


class PlaceDestination:
    """The port onto a place, as one node sees it; `gate` is passed before and after every call."""

    def __init__(self, place: Place, gate: Gate, written: Callable[[Written], None]) -> None:
        self._place = place
        self._gate = gate
        self._written = written

    async def check(self) -> None:
        await self._answering("check")

    async def read(self) -> Placed | None:
        await self._answering("read")
        return self._shown()

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        stops = self._gate.stops
        await self._answering("write")
        place = self._place
        shown = self._shown()
        if (over.version if over else "") != (shown.version if shown else ""):
            raise DestinationUnavailable(place.name, "write", "somebody else wrote it meanwhile")
        if shown is not None and shown.marker is not None and shown.marker.token > parcel.marker.token:
            raise DestinationUnavailable(place.name, "write", "it bears a higher fencing token")
        place.put(Content(parcel.marker.key_id, parcel.secret.reveal(), parcel.expires_at, parcel.marker))
        self._written(Written(place, parcel, late=self._gate.stops != stops))
        await self._gate()
        return Placed(parcel.marker, str(place.version))

    async def remove(self, *, over: Placed) -> None:
        await self._answering("remove")
        self._place.put(None)

    async def close(self) -> None:
        return None

    def _shown(self) -> Placed | None:
        content = self._place.content
        return None if content is None else Placed(content.marker, str(self._place.version))

    async def _answering(self, operation: str) -> None:
        await self._gate()
        if self._place.down:
            raise DestinationUnavailable(self._place.name, operation, "no answer")


class Places:
    """All places of an installation, by the name of their rule; each node opens them through its own gate."""

    def __init__(self) -> None:
        self.all: dict[str, Place] = {}

    def place(self, name: str) -> Place:
        """That place, empty when nobody has opened it before."""
        if name not in self.all:
            self.all[name] = Place(name)
        return self.all[name]

    def bearing(self, key_id: str) -> list[Place]:
        """The places where that key's text is."""
        return [place for place in self.all.values() if place.bears == key_id]


class NodePlaces:
    """The port `Destinations` of one node."""

    def __init__(self, places: Places, gate: Gate, written: Callable[[Written], None]) -> None:
        self._places = places
        self._gate = gate
        self._written = written

    def open(self, rotation: Rotation, rule: DestinationRule) -> PlaceDestination:
        del rotation
        place = self._places.place(rule.name)
        place.required = rule.required
        return PlaceDestination(place, self._gate, self._written)

    def patience(self, rule: DestinationRule) -> timedelta:
        del rule
        return timedelta(seconds=30)
