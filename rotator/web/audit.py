"""When does a request's audit row reach the disk? Before its answer, together with those of its neighbours."""

from __future__ import annotations

import asyncio

from rotator.domain.access import Note
from rotator.ports import Clock
from rotator.web.ports import AccessBooks

#: How long the first of a group waits for others, in seconds; the promise is 20 ms at most. While one group is being
#: written the next gathers, so that a slow disk makes groups larger and a fast one answers sooner.
GATHERING = 0.001


class Audit:
    """Commits rows in groups. Changes that can be one transaction with their row do not come this way."""

    def __init__(self, books: AccessBooks, clock: Clock) -> None:
        self._books = books
        self._clock = clock
        #: The rows of the group that gathers, and who waits for each.
        self._group: list[tuple[Note, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(self, note: Note) -> None:
        """Return when the row is durable. Raises StoreUnavailable: what it tells of must not be answered then."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._group.append((note, durable))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await durable

    async def _write(self) -> None:
        """One group after the other, until nobody waits."""
        try:
            await self._clock.sleep(GATHERING)
            while self._group:
                await self._commit()
        finally:
            self._writer = None

    async def _commit(self) -> None:
        group, self._group = self._group, []
        trouble: Exception | None = None
        try:
            await self._books.record([note for note, _ in group])
        except Exception as problem:  # noqa: BLE001 - raised where each row was asked for
            trouble = problem
        for _, durable in group:
            if durable.done():  # whoever asked has gone
                continue
            if trouble is None:
                durable.set_result(None)
            else:
                durable.set_exception(trouble)
