"""How does a command see what the daemon does? It reads the journal as it grows, until its requests are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from rotator.cli.news import news_of
from rotator.domain.model import Request
from rotator.errors import StoreUnavailable
from rotator.observers.progress import News
from rotator.store.store import SqlStore

_POLL = 0.3


@dataclass(slots=True)
class _Reading:
    request: Request
    rotation: str
    #: The last entry that was seen.
    seq: int


async def follow(
    store: SqlStore,
    requests: Sequence[tuple[str, Request]],
    heard: Callable[[News], None],
    *,
    is_alive: Callable[[], Awaitable[bool]],
) -> None:
    """Hand on what happens to these rotations (by name), until each request has its answer.

    Raises StoreUnavailable when the daemon has gone: what was asked for stays filed for the next one.
    """
    open_ones = [_Reading(request, name, await _end(store, request)) for name, request in requests]
    while True:
        open_ones = [each for each in open_ones if await _goes_on(store, each, heard)]
        if not open_ones:
            return
        if not await is_alive():
            raise StoreUnavailable("the daemon has stopped", hint="The next one carries out what was asked for.")
        await asyncio.sleep(_POLL)


async def _goes_on(store: SqlStore, reading: _Reading, heard: Callable[[News], None]) -> bool:
    """Hand on what is new; tell whether the answer is still to come, as it was before that."""
    request = await store.request(reading.request.id)
    await _read_on(store, reading, heard)
    return request is not None and request.ended_at is None


async def _end(store: SqlStore, request: Request) -> int:
    """Where the journal stood when the request was made, as far as the latest attempt tells."""
    latest = await store.history(request.rotation_id, limit=1)
    return max((entry.seq for _, entries in latest for entry in entries if entry.at < request.at), default=0)


async def _read_on(store: SqlStore, reading: _Reading, heard: Callable[[News], None]) -> None:
    for entry in await store.journal(reading.request.rotation_id, after=reading.seq):
        reading.seq = entry.seq
        news = news_of(reading.rotation, entry)
        if news is not None and entry.at >= reading.request.at:
            heard(news)
