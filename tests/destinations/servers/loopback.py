"""How does a test serve a vendor's HTTP API on loopback? Over real TLS, in a thread, with faults on request."""

from __future__ import annotations

import atexit
import contextlib
import json
import re
import shutil
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from rotator.clock import SystemClock
from rotator.simulator.certificates import Authority, authority_in


@dataclass(frozen=True)
class Asked:
    """A request as it arrived; names of headers in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class Answer:
    """`body`: bytes as they are, None for nothing, anything else as JSON."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """What happens, `times` times, to requests that match `METHOD /path?query`; `after`: once it has been carried out.

    `answer` None: the connection is reset, or with `hang` nothing is ever said.
    """

    match: str
    answer: Answer | None = None
    hang: bool = False
    after: bool = False
    times: int = 1


@cache
def authority() -> Authority:
    """One for all servers of this process; its certificate is for localhost and 127.0.0.1."""
    folder = tempfile.mkdtemp(prefix="loopback-authority-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return authority_in(Path(folder), now=SystemClock().now())


class Loopback:
    """Answers one request at a time with `handle`; close it."""

    def __init__(self, handle: Callable[[Asked], Answer], *, tls: bool = True) -> None:
        self._handle = handle
        self._turn = threading.Lock()
        self._closing = threading.Event()
        self.faults: list[Fault] = []
        self.log: list[Asked] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if tls:
            self._server.socket = (
                authority()
                .server_context()
                .wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
            )
        self.address = f"http{'s' if tls else ''}://localhost:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def ca_file(self) -> str:
        return str(authority().ca_file)

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, match: str) -> list[Asked]:
        """The requests so far that match `METHOD /path`."""
        return [each for each in self.log if re.search(match, f"{each.method} {each.path}")]

    def answer(self, asked: Asked, whole: str) -> Answer | None:
        """None: the connection is reset."""
        with self._turn:
            self.log.append(asked)
            fault = next((each for each in self.faults if each.times and re.search(each.match, whole)), None)
            if fault is None:
                return self._handle(asked)
            fault.times -= 1
            if fault.after:
                self._handle(asked)
        if fault.hang:
            self._closing.wait(60)
        return fault.answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is the client's business."""

    def server_close(self) -> None:
        super().server_close()
        for each in list(self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _handler(loopback: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        disable_nagle_algorithm = True

        def log_message(self, *args: object) -> None:
            """Tests look into `Loopback.log`."""

        def _any(self) -> None:
            asked = _asked(self)
            answer = loopback.answer(asked, f"{self.command} {self.path}")
            if answer is None:
                _reset(self.connection)
                self.close_connection = True
                return
            _send(self, answer)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = do_LIST = _any  # noqa: N815 - the names http.server looks for

    return Handler


def _asked(handler: BaseHTTPRequestHandler) -> Asked:
    parts = urlsplit(handler.path)
    body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
    headers = {name.lower(): text for name, text in handler.headers.items()}
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Asked(handler.command, unquote(parts.path), query, headers, body)


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    body = answer.body if isinstance(answer.body, bytes) else b""
    if answer.body is not None and not isinstance(answer.body, bytes):
        body = json.dumps(answer.body).encode()
    handler.send_response(answer.status)
    for name, text in {"Content-Type": "application/json", **answer.headers}.items():
        handler.send_header(name, text)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _reset(connection: socket.socket) -> None:
    """As when a machine on the way gives up: the client sees a reset, no end of TLS."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain = socket.socket(fileno=connection.detach()) if isinstance(connection, ssl.SSLSocket) else connection
    plain.close()
