"""Where do simulated rotations deliver to? Places in memory that can be down, and that know who wrote what under which token."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from rotator.domain.model import DestinationRule, Rotation
from rotator.errors import DestinationUnavailable
from rotator.ports import Marker, Parcel, Placed


@dataclass(slots=True)
class Place:
    """One place: what is there, and whether it answers."""

    name: str
    marker: Marker | None = None
    text: str = ""
    version: int = 0
    down: bool = False
    required: bool = True
    expires_at: datetime | None = None
    writes: list[Marker] = field(default_factory=list)


class PlaceDestination:
    """The port onto a place, as one node sees it; `gate` is passed before and after every call."""

    def __init__(self, place: Place, gate: "Gate", changed: "Changed") -> None:
        self._place = place
        self._gate = gate
        self._changed = changed

    async def check(self) -> None:
        await self._answering("check")

    async def read(self) -> Placed | None:
        await self._answering("read")
        place = self._place
        if not place.version:
            return None
        return Placed(place.marker, str(place.version))

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        await self._answering("write")
        place = self._place
        if (over.version if over else "0") != str(place.version):
            raise DestinationUnavailable(place.name, "write", "somebody else wrote it meanwhile")
        if place.marker is not None and place.marker.token > parcel.marker.token:
            raise DestinationUnavailable(place.name, "write", "it bears a higher fencing token")
        place.marker, place.text, place.version = parcel.marker, parcel.secret.reveal(), place.version + 1
        place.expires_at = parcel.expires_at
        place.writes.append(parcel.marker)
        self._changed(f"{place.name} bears {parcel.marker.key_id[:8]} under token {parcel.marker.token}")
        await self._gate()
        return Placed(place.marker, str(place.version))

    async def remove(self, *, over: Placed) -> None:
        await self._answering("remove")
        self._place.marker, self._place.text = None, ""

    async def close(self) -> None:
        return None

    async def _answering(self, operation: str) -> None:
        await self._gate()
        if self._place.down:
            raise DestinationUnavailable(self._place.name, operation, "no answer")


class Gate:
    """What a node's every call to the outside passes: a stopped node waits here, a dead one never returns."""

    async def __call__(self) -> None:
        raise AssertionError


class Changed:
    """Called after every change of the world."""

    def __call__(self, what: str) -> None:
        raise AssertionError


class Places:
    """All places of a universe; each node opens them through its own gate."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, str], Place] = {}

    def place(self, rotation: str, name: str) -> Place:
        key = (rotation, name)
        if key not in self.all:
            self.all[key] = Place(f"{rotation}/{name}")
        return self.all[key]


class NodePlaces:
    """The port `Destinations` of one node."""

    def __init__(self, places: Places, gate: Gate, changed: Changed) -> None:
        self._places = places
        self._gate = gate
        self._changed = changed

    def open(self, rotation: Rotation, rule: DestinationRule) -> PlaceDestination:
        place = self._places.place(rotation.name, rule.name)
        place.required = rule.required
        return PlaceDestination(place, self._gate, self._changed)
