"""In how many pieces does an answer leave? In one: the server hands over head and body apart, a system call each."""

from __future__ import annotations

import asyncio
from typing import Any

#: More than this is not held back: it fills packets by itself.
_SENT_AT_ONCE = 16 * 1024


class Gathered:
    """A transport whose writes of one turn of the loop go out together; everything else is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Send it with what follows at once."""
        if not self._held:
            self._loop.call_soon(self._send)
        self._held += data
        if len(self._held) > _SENT_AT_ONCE:
            self._send()

    def close(self) -> None:
        """Close it when all has been sent."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        if self._held:
            held, self._held = self._held, bytearray()
            self._transport.write(held)
