"""How does HTTP/1.1 carry requests to the simulator, and how is a connection left hanging or torn down?

Its own few lines, not a web framework: the benchmarks measure clients against it, so its cost must stay small, and no
framework lets a handler reset the connection.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import unquote

from rotator.simulator.wire import Answer, Hang, Reset, SimRequest, SimResponse

_LIMIT = 1 << 20
_LINGER_NOT = struct.pack("ii", 1, 0)
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}

Handle = Callable[[SimRequest], Answer]


class HttpProtocol(asyncio.Protocol):
    """One connection; requests on it are answered in their order, and answers may be held back."""

    def __init__(self, handle: Handle, connections: set["HttpProtocol"]) -> None:
        self._handle = handle
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._busy = False
        self._later: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        self._transport = None
        self._connections.discard(self)
        if self._later is not None:
            self._later.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._work()

    def abort(self) -> None:
        """Tear the connection down without a farewell: the client sees a reset."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        transport.abort()

    def _work(self) -> None:
        while self._transport is not None and not self._busy:
            try:
                request = self._next_request()
            except ValueError as error:
                self._send(SimResponse(400, (("content-type", "text/plain"),), str(error).encode()), keep=False)
                return
            if request is None:
                return
            self._respond(request)

    def _respond(self, request: SimRequest) -> None:
        answer = self._handle(request)
        keep = request.headers.get("connection", "").lower() != "close"
        if isinstance(answer, Reset):
            self.abort()
        elif isinstance(answer, Hang):
            self._busy = True
        elif answer.delay > 0:
            self._busy = True
            self._later = asyncio.get_running_loop().call_later(answer.delay, self._send_late, answer, keep)
        else:
            self._send(answer, keep=keep)

    def _send_late(self, answer: SimResponse, keep: bool) -> None:  # noqa: FBT001 - call_later takes positions only
        self._busy = False
        self._later = None
        self._send(answer, keep=keep)
        self._work()

    def _send(self, answer: SimResponse, *, keep: bool) -> None:
        if self._transport is None:
            return
        lines = [_STATUS_LINES.get(answer.status) or f"HTTP/1.1 {answer.status} Status\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in answer.headers]
        if answer.status != HTTPStatus.NO_CONTENT:
            lines.append(f"content-length: {len(answer.body)}\r\n")
        lines.append("\r\n" if keep else "connection: close\r\n\r\n")
        self._transport.write("".join(lines).encode("latin-1") + answer.body)
        if not keep:
            self._transport.close()

    def _next_request(self) -> SimRequest | None:
        """The next whole request of the buffer, or None while it is still coming in. Raises `ValueError`."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LIMIT:
                raise ValueError("the header is too long")
            return None
        head, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = dict(map(_header, lines))
        body = self._body(end + 4, headers)
        if body is None:
            return None
        method, target, _ = head.split(" ", 2)
        path, _, query = target.partition("?")
        return SimRequest(method, unquote(path) if "%" in path else path, query, headers, body)

    def _body(self, start: int, headers: dict[str, str]) -> bytes | None:
        if "chunked" in headers.get("transfer-encoding", ""):
            found = _unchunk(self._buffer, start)
            if found is None:
                return None
            body, end = found
        else:
            end = start + int(headers.get("content-length", 0))
            if end - start > _LIMIT:
                raise ValueError("the body is too long")
            if len(self._buffer) < end:
                self._expect(headers)
                return None
            body = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return body

    def _expect(self, headers: dict[str, str]) -> None:
        if headers.pop("expect", "") and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError("a header line has no colon")
    return name.lower(), value.strip()


def _unchunk(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    parts: list[bytes] = []
    while (line_end := buffer.find(b"\r\n", start)) >= 0:
        size = int(bytes(buffer[start:line_end]).split(b";")[0], 16)
        start = line_end + 2 + size + 2
        if len(buffer) < start:
            return None
        if size == 0:
            return b"".join(parts), start
        parts.append(bytes(buffer[line_end + 2 : start - 2]))
    return None
