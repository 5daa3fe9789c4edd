"""When does a request's audit row reach the disk? Before its answer, together with those of its neighbours."""

from __future__ import annotations

import asyncio

from rotator.domain.access import Note
from rotator.ports import Clock
from rotator.web.ports import AccessBooks

#: How long the first of a group waits for others, in seconds; the promise is 20 ms at most.
GATHERING = 0.003


class Audit:
    """Commits rows in groups. Changes that can be one transaction with their row do not come this way."""

    def __init__(self, books: AccessBooks, clock: Clock) -> None:
        self._books = books
        self._clock = clock
        self._notes: list[Note] = []
        self._group: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def record(self, note: Note) -> None:
        """Return when the row is durable. Raises StoreUnavailable: what it tells of must not be answered then."""
        self._notes.append(note)
        if self._group is None:
            self._group = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._commit(self._group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await asyncio.shield(self._group)

    async def _commit(self, group: asyncio.Future[None]) -> None:
        await self._clock.sleep(GATHERING)
        notes, self._notes, self._group = self._notes, [], None
        try:
            await self._books.record(notes)
        except Exception as problem:  # noqa: BLE001 - raised where the row was asked for
            group.set_exception(problem)
            group.exception()  # seen here too: whoever asked may have gone
        else:
            group.set_result(None)
