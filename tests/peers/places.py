"""What do places at real servers have in common? Whoever opens a destination there must close it: no fake ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from tests.contracts import test_destination
from tests.destinations.places import Place

#: The contract of all destinations, for a module with a fixture `place` of its own.
CONTRACT = {
    name: test for name, test in vars(test_destination).items() if name.startswith("test_") and "every_kind" not in name
}
P = TypeVar("P", bound="PeerPlace")


class PeerPlace(Place):
    """Closes in the end what was opened."""

    def open(self, *args: Any, **options: Any) -> Any:
        opened = super().open(*args, **options)
        self.__dict__.setdefault("opened", []).append(opened)
        return opened

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Self]:
        try:
            yield self
        finally:
            for each in self.__dict__.get("opened", []):
                await each.close()
