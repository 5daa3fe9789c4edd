"""In which thread does a store operation run, and with which others does it share a transaction?"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from rotator.errors import StoreUnavailable
from rotator.store.session import GroupingSession, Operation, Session, Transaction

Result = TypeVar("Result")

#: At most so many operations share one commit: bounds what the first of them waits for.
_GROUP = 64
#: A transaction that others come in between of, or that is cut off, is tried this often.
_TRIES = 6
#: After a lull of this many seconds the writer lets nothing linger that was erased.
_LULL = 1.0


class Runner(Protocol):
    """Carries operations out. A cancelled caller does not undo a write."""

    async def write(self, operation: Operation[Result]) -> Result:
        """Run it and make it durable."""

    async def read(self, operation: Operation[Result]) -> Result:
        """Run it on what is durable."""

    async def peek(self, operation: Operation[Result]) -> Result:
        """The same for a look at a few rows by their keys, which takes less time than handing it over."""

    async def tidy(self) -> None:
        """Let nothing linger in the files that has been erased."""

    def close(self) -> None:
        """End after what has been handed in; idempotent."""


class InlineRunner:
    """In the calling thread, one transaction each, never giving way: for simulations that must repeat exactly."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._closed = False

    async def write(self, operation: Operation[Result]) -> Result:
        return self.now(operation, write=True)

    async def read(self, operation: Operation[Result]) -> Result:
        return self.now(operation, write=False)

    async def peek(self, operation: Operation[Result]) -> Result:
        return self.now(operation, write=False)

    def now(self, operation: Operation[Result], *, write: bool) -> Result:
        """The same without a loop."""
        if self._closed:
            raise gone()
        return carried_out(self._session, operation, write=write)

    async def tidy(self) -> None:
        self._session.tidy()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._session.tidy()
            self._session.close()


class ThreadRunner:
    """One thread for all writes and one for all reads, so that the loop waits for no disk.

    Writes that wait together are committed together: one fsync for all of them, each undone by itself when it fails.
    A peek is done in the loop's own thread: it waits for no writer, and the threads would fight for the interpreter.
    """

    def __init__(
        self,
        writer: GroupingSession,
        open_reader: Callable[[], GroupingSession],
        open_peeker: Callable[[], Session] | None = None,
    ) -> None:
        """Readers' sessions are opened when first needed; a peeker's must not wait, and without it peeks are reads."""
        self._open_peeker = open_peeker
        self._peeker: Session | None = None
        self._closed = False
        self._writes = _Thread("rotator-store-writes", lambda: writer, _in_one_commit, tidies=True)
        self._reads = _Thread("rotator-store-reads", open_reader, _one_by_one)
        self._writer = writer

    async def write(self, operation: Operation[Result]) -> Result:
        result: Result = await self._writes.submit(operation)
        return result

    async def read(self, operation: Operation[Result]) -> Result:
        result: Result = await self._reads.submit(operation)
        return result

    async def peek(self, operation: Operation[Result]) -> Result:
        if self._open_peeker is None or self._closed:
            return await self.read(operation)
        try:
            self._peeker = self._peeker or self._open_peeker()
            return carried_out(self._peeker, operation, write=False)
        except StoreUnavailable:
            # A log that is being recovered, for instance: the reader has the patience.
            return await self.read(operation)

    async def tidy(self) -> None:
        await self._writes.submit(None)

    def close(self) -> None:
        if self._peeker is not None and not self._closed:
            self._peeker.close()
        self._closed = True
        self._reads.close()
        if not self._writes.close():
            self._writer.close()


class Job:
    """An operation handed to a thread, and where its result is awaited."""

    __slots__ = ("_future", "error", "loop", "operation", "result")

    def __init__(self, operation: Operation[Any] | None) -> None:
        self.operation = operation
        self.result: Any = None
        self.error: Exception | None = None
        self.loop = asyncio.get_running_loop()
        self._future: asyncio.Future[Any] = self.loop.create_future()

    async def ended(self) -> Any:
        return await self._future

    def resolve(self) -> None:
        """In the loop's own thread: wake the caller, if there still is one."""
        if self._future.done():
            return
        if self.error is not None:
            self._future.set_exception(self.error)
        else:
            self._future.set_result(self.result)


def tell(jobs: Sequence[Job]) -> None:
    """From another thread: wake the callers, with one knock at each loop that still runs."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, ended in by_loop.items():
        with contextlib.suppress(RuntimeError):  # a closed loop: nobody waits any more
            loop.call_soon_threadsafe(_resolve, ended)


def _resolve(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.resolve()


class _Thread:
    """A thread that lives from the first job to `close`, taking together whatever waits."""

    def __init__(
        self,
        name: str,
        open_session: Callable[[], GroupingSession],
        carry_out: Callable[[GroupingSession, Sequence[Job]], None],
        *,
        tidies: bool = False,
    ) -> None:
        self._name = name
        self._open = open_session
        self._carry_out = carry_out
        self._tidies = tidies
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def submit(self, operation: Operation[Any] | None) -> Any:
        if self._closed:
            raise gone()
        if self._thread is None:
            self._thread = threading.Thread(target=self._live, name=self._name, daemon=True)
            self._thread.start()
        job = Job(operation)
        self._queue.put(job)
        return await job.ended()

    def close(self) -> bool:
        """End after what waits. False when it never began, so that nobody has closed its session."""
        first, self._closed = not self._closed, True
        if self._thread is None:
            return not first
        if first:
            self._queue.put(None)
            self._thread.join()
        return True

    def _live(self) -> None:
        session: GroupingSession | None = None
        untidy = False
        going = True
        while going:
            try:
                first = self._queue.get(timeout=_LULL if untidy else None)
            except queue.Empty:
                untidy = session is not None and not session.tidy()
                continue
            jobs, going = self._together(first)
            session = session or self._opened(jobs)
            if session is not None and jobs:
                self._carry_out(session, jobs)
                untidy = self._tidies
            tell(jobs)
        if session is not None:
            if untidy:
                session.tidy()
            session.close()

    def _together(self, first: Job | None) -> tuple[list[Job], bool]:
        """The first job and those that wait behind it; False when it is time to end."""
        jobs: list[Job] = []
        job = first
        while job is not None:
            jobs.append(job)
            if len(jobs) == _GROUP:
                return jobs, True
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _opened(self, jobs: Sequence[Job]) -> GroupingSession | None:
        try:
            return self._open()
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers
            for job in jobs:
                job.error = error
            return None


def _one_by_one(session: GroupingSession, jobs: Sequence[Job]) -> None:
    for job in jobs:
        _in_one_commit(session, [job], write=False)


def _in_one_commit(session: GroupingSession, jobs: Sequence[Job], *, write: bool = True) -> None:
    """Carry them out in one transaction; when that fails as a whole, all of them have failed."""
    work = [job for job in jobs if job.operation is not None]
    try:
        if work:
            transaction = session.begin(write=write)
            for job in work:
                _part(session, transaction, job, alone=len(work) == 1)
            session.commit()
    except Exception as error:  # noqa: BLE001 - told to every caller
        session.rollback()
        for job in work:
            job.result, job.error = None, job.error or session.explain(error) or error
    if len(work) < len(jobs):
        session.tidy()


def _part(session: GroupingSession, transaction: Transaction, job: Job, *, alone: bool) -> None:
    """One of the operations; a failure undoes it alone unless the database has undone everything."""
    assert job.operation is not None
    if alone:
        job.result = job.operation(transaction)
        return
    session.save()
    try:
        job.result = job.operation(session.at(transaction))
    except Exception as error:
        job.error = session.explain(error) or error
        if not session.undo():
            raise
        return
    session.keep()


def carried_out(session: Session, operation: Operation[Result], *, write: bool) -> Result:
    """Run it in a transaction of its own; one that came to nothing by chance is run again."""
    for _ in range(_TRIES - 1):
        try:
            return _once(session, operation, write=write)
        except Exception as error:
            if not session.again(error):
                _raise_explained(session, error)
                raise
    try:
        return _once(session, operation, write=write)
    except Exception as error:
        _raise_explained(session, error)
        raise


def _once(session: Session, operation: Operation[Result], *, write: bool) -> Result:
    try:
        result = operation(session.begin(write=write))
        session.commit()
    except Exception:
        session.rollback()
        raise
    return result


def _raise_explained(session: Session, error: Exception) -> None:
    explained = session.explain(error)
    if explained is not None:
        raise explained from error


def gone() -> StoreUnavailable:
    """What a caller is told who comes too late."""
    return StoreUnavailable("The state database has been closed", hint="The program is ending; start it again.")
