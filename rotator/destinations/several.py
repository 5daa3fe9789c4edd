"""How does a rotation look after several secrets of one place, one for each name? One call at a time, in our process.

What differs between places (how a secret is listed, written and taken away) stands with each place.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from rotator.destinations import singles
from rotator.destinations.marks import digest, refuse_changed, refuse_foreign
from rotator.destinations.singles import Single

if TYPE_CHECKING:
    from rotator.destinations.sidecar import Seat
    from rotator.domain.model import Secret
    from rotator.ports import Parcel, Placed

Found = TypeVar("Found")


class Several(ABC, Generic[Found]):
    """The part of a destination that all such places share; `Found` is one secret as it stands there."""

    def __init__(self, seat: Seat, secret: str, *, place: str, turn: asyncio.Lock) -> None:
        """`secret` is the name of the one with the client secret; `turn` is shared by all who write to these names."""
        self._seat = seat
        self._place = place
        self._secret = secret
        # What one process writes to several secrets its own readers do not see half done.
        self._turn = turn

    async def read(self) -> Placed | None:
        """From what stands beside the texts: needs no right to read one."""
        async with self._turn:
            return self._placed(await self._look("read"))

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """The secret itself is written last, so that whoever reads it finds the rest in place."""
        async with self._turn:
            return await self._write(parcel, over)

    async def remove(self, *, over: Placed) -> None:
        """Take away what is ours under our names, and under those that our marks list."""
        refuse_foreign(over, self._seat.installation, self._seat.rotation_id, destination=self._place)
        async with self._turn:
            found = await self._look("remove")
            now = self._placed(found)
            if now is not None:
                refuse_changed(now, over, destination=self._place, operation="remove")
            for name, each in found.items():
                await self._take("remove", name, each)

    @abstractmethod
    async def _write(self, parcel: Parcel, over: Placed | None) -> Placed: ...

    @abstractmethod
    async def _take(self, operation: str, name: str, found: Found) -> None:
        """Take one away, if it is ours."""

    @abstractmethod
    async def _listed(self, names: Collection[str], operation: str) -> dict[str, Found]:
        """Those of these names that exist."""

    @abstractmethod
    def _singles(self, found: Mapping[str, Found]) -> dict[str, Single]:
        """As `singles` compares them, without those that are nobody's."""

    async def _look(self, operation: str) -> dict[str, Found]:
        """Our names that exist, and those that our marks list beside them."""
        found = await self._listed(self._seat.names, operation)
        return found | await self._listed(singles.former(self._singles(found), self._seat) - set(found), operation)

    def _placed(self, found: Mapping[str, Found]) -> Placed | None:
        return singles.placed(self._singles(found), self._seat)

    def _ordered(self, names: Iterable[str]) -> list[str]:
        """The secret itself last."""
        return sorted(names, key=lambda name: (name == self._secret, name))

    def _digest(self, text: Secret) -> str:
        """Of a text, so that a name whose text stays (the client id) gets no new version with each secret."""
        return digest(text.reveal(), key=f"{self._seat.installation}/{self._seat.rotation_id}/{self._place}")
