"""How is something done that may hang? In a thread of its own, that holds up nobody else, nor the end of all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from rotator.observers.post import Unsent

Work = Callable[[], Unsent | None]


class Apart:
    """Hands in one message at a time; what was given up may still be under way, and is waited for by nobody."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    async def hand_in(self, work: Work, patience: float) -> None:
        """Do it. Raises what it gives, or Unsent after `patience` seconds, or while the one before is not over."""
        if self._thread is not None and self._thread.is_alive():
            raise Unsent("the service is still at the message before")
        ended: asyncio.Future[Unsent | None] = asyncio.get_running_loop().create_future()
        self._thread = threading.Thread(target=_work, args=(work, ended), daemon=True)
        self._thread.start()
        try:
            async with asyncio.timeout(patience):
                refused = await ended
        except TimeoutError:
            raise Unsent("no answer in time") from None
        if refused is not None:
            raise refused


def _work(work: Work, ended: asyncio.Future[Unsent | None]) -> None:
    try:
        answer = partial(_answer, ended, work())
    except Exception as problem:  # noqa: BLE001 - raised again where it is waited for
        answer = partial(_fail, ended, problem)
    with suppress(RuntimeError):  # the loop has gone meanwhile
        ended.get_loop().call_soon_threadsafe(answer)


def _answer(ended: asyncio.Future[Unsent | None], told: Unsent | None) -> None:
    if not ended.done():
        ended.set_result(told)


def _fail(ended: asyncio.Future[Unsent | None], problem: Exception) -> None:
    if not ended.done():
        ended.set_exception(problem)
