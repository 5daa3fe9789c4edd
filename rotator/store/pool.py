"""How do the operations of one process reach a server that carries out several at once? A few threads, each its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from rotator.store.runner import Job, carried_out, gone, tell
from rotator.store.session import Operation, Session

Result = TypeVar("Result")

#: So many connections of one process; more only wait for one another's rows.
_HANDS = 4


class PoolRunner:
    """Each operation is a transaction of its own, on whichever connection is free; the server commits them together."""

    def __init__(self, open_session: Callable[[], Session], *, hands: int = _HANDS) -> None:
        """Sessions are opened when first needed."""
        self._open = open_session
        self._hands = hands
        self._jobs: queue.SimpleQueue[tuple[Job, bool] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._counting = threading.Lock()
        self._closed = False

    async def write(self, operation: Operation[Result]) -> Result:
        result: Result = await self._submit(operation, write=True)
        return result

    async def read(self, operation: Operation[Result]) -> Result:
        result: Result = await self._submit(operation, write=False)
        return result

    async def peek(self, operation: Operation[Result]) -> Result:
        return await self.read(operation)

    async def tidy(self) -> None:
        """Nothing to do: what is erased is overwritten by the server's own vacuum."""

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    async def _submit(self, operation: Operation[Result], *, write: bool) -> Result:
        if self._closed:
            raise gone()
        with self._counting:
            if self._idle <= 0 and len(self._threads) < self._hands:
                self._threads.append(threading.Thread(target=self._live, name="rotator-store", daemon=True))
                self._threads[-1].start()
                self._idle += 1
            self._idle -= 1
        job = Job(operation)
        self._jobs.put((job, write))
        result: Result = await job.ended()
        return result

    def _live(self) -> None:
        session = self._open()
        while (handed := self._jobs.get()) is not None:
            job, write = handed
            assert job.operation is not None
            try:
                job.result = carried_out(session, job.operation, write=write)
            except Exception as error:  # noqa: BLE001 - told to the caller
                job.error = error
            with self._counting:
                self._idle += 1
            tell([job])
        session.close()
