"""Which applications has a tenant just shown? Kept while somebody types, so that not every key asks for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rotator.domain.inventory import Holder

#: In seconds.
KEPT_FOR = 60.0
#: Applications of one connection, and connections; beyond that nothing is kept.
MOST_KEPT, _MOST_CONNECTIONS = 20_000, 4


class Shelf:
    """Lists that have been read to their end."""

    def __init__(self, kept_for: float = KEPT_FOR) -> None:
        """`kept_for` is in seconds; called back on the running loop, so that memory is given back unasked."""
        self._kept_for = kept_for
        self._held: dict[str, Sequence[Holder]] = {}

    def find(self, connection_id: str) -> Sequence[Holder] | None:
        """What that connection saw; None when that is too long ago."""
        return self._held.get(connection_id)

    def keep(self, connection_id: str, holders: Sequence[Holder]) -> None:
        """For a while."""
        if len(holders) > MOST_KEPT or len(self._held) >= _MOST_CONNECTIONS:
            return
        self._held[connection_id] = holders
        asyncio.get_running_loop().call_later(self._kept_for, self._held.pop, connection_id, None)
