"""Do the other nodes know that this one lives? It shows itself in the database, and takes its row away when it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from rotator.domain.nodes import BEAT, Node
from rotator.errors import StoreError
from rotator.ports import Clock, Roll


class Roster:
    """This node's entry. A database that does not answer is no end: the row grows old meanwhile, as it should."""

    def __init__(self, roll: Roll, clock: Clock, shown: Callable[[], Node]) -> None:
        """`shown` is how the node stands now."""
        self._roll = roll
        self._clock = clock
        self._shown = shown

    async def enter(self) -> None:
        """Be listed as we stand now. Raises StoreError."""
        await self._roll.beat(self._shown())

    async def stay(self) -> None:
        """Show ourselves until cancelled."""
        while True:
            await self._clock.sleep(BEAT.total_seconds())
            with suppress(StoreError):
                await self.enter()

    async def leave(self) -> None:
        """Be listed no more, and let the others take over what we let go of."""
        with suppress(StoreError):
            await self._roll.leave(self._shown().holder)
