"""What does a small HTTP server for a test need? Real sockets on loopback, port 0, and faults by request.

`async with server.listening()` serves on the test's own loop; `start` serves from a thread, for tests and places that
are not asynchronous. Both speak TLS when asked, under one authority for all servers of the process.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import shutil
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from rotator.clock import SystemClock
from rotator.simulator.certificates import Authority, authority_in

_REASONS = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden"}


@dataclass(frozen=True)
class Request:
    """One request, wholly read."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Reply:
    """`body` is sent as JSON unless it is bytes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def data(self) -> bytes:
        body = (
            self.body if isinstance(self.body, bytes) else b"" if self.body is None else json.dumps(self.body).encode()
        )
        rows = {"Content-Type": "application/json", **self.headers, "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in rows.items())
        return f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Other')}\r\n{head}\r\n".encode() + body


@dataclass
class Fault:
    """What befalls requests: `reply` instead of the answer, or `hang`, or `reset`; `after`: once it has been done."""

    matches: Callable[[Request], bool] = lambda _request: True
    reply: Reply | None = None
    hang: bool = False
    reset: bool = False
    after: bool = False
    times: int = 1_000_000


class Server:
    """Answers by `handle`; keeps what it was asked, without bodies."""

    def __init__(self, handle: Callable[[Request], Reply]) -> None:
        self.handle = handle
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str]] = []
        self.requests: list[Request] = []
        self.url = ""
        self._open: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def ca_file(self) -> str:
        """The authority of whoever serves with TLS."""
        return str(authority().ca_file)

    def start(self, *, tls: bool = False, context: ssl.SSLContext | None = None) -> str:
        """Serve from a thread until `close`; returns the address."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._live, args=(_context(context, tls=tls), ready), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self.url

    def close(self) -> None:
        """End what `start` began; no request is answered any more."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def _live(self, context: ssl.SSLContext | None, ready: threading.Event) -> None:
        async def live() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            async with self.listening(context):
                ready.set()
                await self._stop.wait()

        asyncio.run(live())

    @asynccontextmanager
    async def listening(self, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{port}"
        try:
            yield self.url
        finally:
            server.close()
            for writer in list(self._open):
                writer.transport.abort()
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (request := await _request(reader)) is not None and await self._answer(request, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client or the whole server went away
        finally:
            self._open.discard(writer)
            with contextlib.suppress(Exception):
                writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Tell whether the connection stays."""
        self.asked.append((request.method, request.path))
        self.requests.append(request)
        fault = next((each for each in self.faults if each.times > 0 and each.matches(request)), None)
        reply = self.handle(request) if fault is None or fault.after else Reply(500)
        if fault is not None:
            fault.times -= 1
            if fault.hang:
                await asyncio.Event().wait()
            if fault.reset:
                writer.transport.abort()
                return False
            reply = fault.reply or reply
        writer.write(reply.data())
        await writer.drain()
        return True


@cache
def authority() -> Authority:
    """One for all servers of this process; its certificate is for localhost and 127.0.0.1."""
    folder = tempfile.mkdtemp(prefix="rotator-tests-authority-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return authority_in(Path(folder), now=SystemClock().now())


def _context(context: ssl.SSLContext | None, *, tls: bool) -> ssl.SSLContext | None:
    return context or (authority().server_context() if tls else None)


async def _request(reader: asyncio.StreamReader) -> Request | None:
    first = await reader.readline()
    if not first.strip():
        return None
    method, target, _ = first.decode().split(" ", 2)
    headers = {}
    while row := (await reader.readline()).decode().rstrip("\r\n"):
        name, _, value = row.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    if headers.get("transfer-encoding") == "chunked":
        body = await _chunks(reader)
    parts = urlsplit(target)
    return Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    whole = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        whole += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return whole
