"""How do bytes of HTTP reach the network? By asyncio's own transports, behind the connection pools of httpcore.

Its usual backend, anyio, costs more than HTTP itself: cancel scopes around each read and write, and for every request a
system call or two for every idle connection, to see whether the peer has closed it. Here that is a flag.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Final, cast

import httpcore

#: With more than this unread the peer is made to wait.
_HIGH_WATER: Final = 256 * 1024
#: More than this is not held back: it fills packets by itself.
_SENT_AT_ONCE: Final = 16 * 1024
#: As RFC 8305 recommends: an address that does not answer delays the next one by so many seconds.
_NEXT_ADDRESS: Final = 0.25
_NAMES: Final = {"client_addr": "sockname", "server_addr": "peername"}


class Sockets(httpcore.AsyncNetworkBackend):
    """Opens connections on the running loop. Timeouts are in seconds; None waits for ever."""

    def __init__(self, addresses: Callable[[str, int], Awaitable[Sequence[str]]] | None = None) -> None:
        """`addresses` gives those that a host may be reached at, or raises OSError; by default all that it has."""
        self._addresses = addresses

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """One TCP connection. Raises httpcore's ConnectTimeout and ConnectError."""
        local = (local_address, 0) if local_address else None
        with _told():
            async with asyncio.timeout(timeout):
                transport, stream = await self._connected(host, port, local)
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        return stream

    async def _connected(
        self, host: str, port: int, local: tuple[str, int] | None
    ) -> tuple[asyncio.Transport, _Stream]:
        """To the first address that answers; never to one that has not been looked at."""
        open_ = asyncio.get_running_loop().create_connection
        if self._addresses is None:
            return await open_(_Stream, host, port, local_addr=local, happy_eyeballs_delay=_NEXT_ADDRESS)
        trouble: OSError = OSError(f"{host} has no address")
        for address in await self._addresses(host, port):
            try:
                return await open_(_Stream, address, port, local_addr=local)
            except OSError as exc:
                trouble = exc
        raise trouble

    async def sleep(self, seconds: float) -> None:
        """What httpcore's own retries wait by; we have them off."""
        await asyncio.sleep(seconds)


class _Stream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection; httpcore sees to it that there is one reader and one writer at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        #: What is about to be sent: httpcore hands over the head and the body of a request one after the other.
        self._sending = bytearray()
        #: The peer sends no more; nothing can be read but what has been received.
        self._ended = False
        self._trouble: Exception | None = None
        self._full = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > _HIGH_WATER and self._transport is not None:
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        self._ended = True
        _wake(self._reader)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended, self._trouble = True, exc
        self._lost.set()
        self.resume_writing()
        _wake(self._reader)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        _wake(self._writer)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """What has come, as soon as anything has; empty at the end. Raises httpcore's ReadTimeout and ReadError."""
        self._send()
        if not self._received and not self._ended:
            self._reader = asyncio.get_running_loop().create_future()
            await _within(timeout, self._reader, httpcore.ReadTimeout)
        if not self._received and self._trouble is not None:
            raise httpcore.ReadError(str(self._trouble)) from self._trouble
        found = bytes(self._received[:max_bytes])
        del self._received[:max_bytes]
        if self._transport is not None and not self._ended and not self._transport.is_reading():
            self._transport.resume_reading()
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send it with what follows at once, or wait while the peer does not keep up.

        Raises httpcore's WriteTimeout and WriteError.
        """
        if self._transport is None or self._transport.is_closing():
            raise httpcore.WriteError("the connection has been closed")
        if not self._sending:
            asyncio.get_running_loop().call_soon(self._send)
        self._sending += buffer
        if len(self._sending) > _SENT_AT_ONCE:
            self._send()
        if self._full:
            self._writer = asyncio.get_running_loop().create_future()
            await _within(timeout, self._writer, httpcore.WriteTimeout)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """The same connection, encrypted from now on. Raises httpcore's ConnectTimeout and ConnectError."""
        assert self._transport is not None
        loop, inner = asyncio.get_running_loop(), _Stream()
        inner._lost = self._lost
        try:
            with _told():
                async with asyncio.timeout(timeout):
                    inner._transport = await loop.start_tls(
                        self._transport, inner, ssl_context, server_hostname=server_hostname
                    )
        except BaseException:
            # Nobody is told of the end of a handshake that failed.
            self._transport.abort()
            self._lost.set()
            raise
        return inner

    async def aclose(self) -> None:
        """Let go of it at once; what has not been sent is lost."""
        if self._transport is not None and not self._lost.is_set():
            self._transport.abort()
            await self._lost.wait()

    def get_extra_info(self, info: str) -> Any:
        """`is_readable`: on an idle connection that means that the peer has closed it."""
        if info == "is_readable":
            return self._ended or bool(self._received)
        return None if self._transport is None else self._transport.get_extra_info(_NAMES.get(info, info))

    def _send(self) -> None:
        if self._sending and self._transport is not None:
            whole, self._sending = self._sending, bytearray()
            self._transport.write(whole)


async def _within(seconds: float | None, waiter: asyncio.Future[None], late: type[Exception]) -> None:
    if seconds is None:
        await waiter
        return
    timer = asyncio.get_running_loop().call_later(seconds, _expire, waiter, late)
    try:
        await waiter
    finally:
        timer.cancel()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _expire(waiter: asyncio.Future[None], late: type[Exception]) -> None:
    if not waiter.done():
        waiter.set_exception(late())


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Trouble while connecting, as httpcore's errors."""
    try:
        yield
    except TimeoutError as exc:
        raise httpcore.ConnectTimeout(str(exc)) from exc
    except OSError as exc:  # ssl.SSLError is one
        raise httpcore.ConnectError(str(exc)) from exc
