"""How does a node hear at once that there may be something to do? By NOTIFY; the poll stays the truth.

Behind PgBouncer in transaction mode nothing is heard, and the poll alone finds what is due.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import psycopg

from rotator.domain.model import Secret
from rotator.store.postgres import options, where
from rotator.store.requests import CHANNEL

#: Seconds between two attempts to listen again.
_AGAIN = 5.0

_log = logging.getLogger(__name__)


class Listener:
    """Calls `heard` on the running loop. Where nothing can be heard, the daemon is merely slower."""

    def __init__(self, url: str, password: Secret | None, heard: Callable[[], None]) -> None:
        self._options = options(url, password)
        self._where = where(url)
        self._heard = heard
        self._listening: asyncio.Task[None] | None = None

    def hang(self) -> None:
        """Listen from now on."""
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    def take_down(self) -> None:
        """Listen no more; idempotent."""
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None

    async def _listen(self) -> None:
        while True:
            with suppress(psycopg.Error, OSError):
                await self._until_lost()
                _log.info("the database no longer tells of changes; the poll finds them meanwhile")
            await asyncio.sleep(_AGAIN)

    async def _until_lost(self) -> None:
        connection = await asyncio.to_thread(self._connect)
        loop, lost = asyncio.get_running_loop(), asyncio.Event()
        handle = connection.fileno()
        try:
            # What was told before we listened.
            self._heard()
            loop.add_reader(handle, lambda: self._read(connection, lost))
            await lost.wait()
        finally:
            loop.remove_reader(handle)
            connection.close()

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        connection = psycopg.connect(**self._options, autocommit=True)
        connection.execute(f"LISTEN {CHANNEL}".encode())
        return connection

    def _read(self, connection: psycopg.Connection[tuple[object, ...]], lost: asyncio.Event) -> None:
        try:
            connection.pgconn.consume_input()
            while connection.pgconn.notifies() is not None:
                self._heard()
        except psycopg.Error:
            lost.set()
