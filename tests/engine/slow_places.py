"""How long do destinations take when each answer does? Places in memory whose answers take time on the manual clock."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from rotator.domain.model import DestinationRule, Rotation
from rotator.ports import Destination, Parcel, Placed
from tests.engine.fake_places import FakePlaces
from tests.fakes import ManualClock


class SlowPlaces(FakePlaces):
    """Every call takes one round trip; `calls` counts them by operation and place."""

    def __init__(self, others: FakePlaces, clock: ManualClock, *, round_trip: float) -> None:
        super().__init__(others)
        self.clock = clock
        self.round_trip = round_trip
        self.calls: Counter[tuple[str, str]] = Counter()

    def open(self, rotation: Rotation, rule: DestinationRule) -> Destination:
        found = super().open(rotation, rule)
        return _Slow(found, rule.name, self) if rule.kind == "place" else found

    def patience(self, rule: DestinationRule) -> timedelta:
        return timedelta(seconds=30)

    def counted(self, operation: str) -> int:
        return sum(count for (name, _), count in self.calls.items() if name == operation)


class _Slow:
    def __init__(self, place: Any, name: str, places: SlowPlaces) -> None:
        self._place = place
        self._name = name
        self._places = places

    async def check(self) -> None:
        await self._travel("check")
        await self._place.check()

    async def read(self) -> Placed | None:
        await self._travel("read")
        found: Placed | None = await self._place.read()
        return found

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        await self._travel("write")
        written: Placed = await self._place.write(parcel, over=over)
        return written

    async def remove(self, *, over: Placed) -> None:
        await self._travel("remove")
        await self._place.remove(over=over)

    async def close(self) -> None:
        await self._place.close()

    async def _travel(self, operation: str) -> None:
        self._places.calls[operation, self._name] += 1
        await self._places.clock.sleep(self._places.round_trip)
