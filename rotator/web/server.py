"""On which address do we listen, and how long do we wait for a slow client? uvicorn, on the daemon's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import stat
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rotator.errors import AddressTaken, ConfigError
from rotator.web.addresses import is_loopback
from rotator.web.gathering import Gathered

if TYPE_CHECKING:
    from starlette.types import ASGIApp

#: Seconds; bodies are the gate's.
HEAD_IN = 10.0
#: The largest head of a request, in bytes.
LARGEST_HEAD = 64 * 1024
_IDLE = 30
_AT_ONCE = 1000
_LAST_WORDS = 5
_BACKLOG = 512


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen: `host` and `port` (0: any free one), or the `path` of a Unix socket; in clear without `tls`."""

    host: str = ""
    port: int = 0
    path: str = ""
    #: Paths of the certificate chain and its key.
    tls: tuple[str, str] | None = None

    @property
    def is_loopback(self) -> bool:
        """Only this machine reaches it."""
        return bool(self.path) or is_loopback(self.host)

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@asynccontextmanager
async def serving(app: ASGIApp, place: Place, *, patience: float = HEAD_IN) -> AsyncIterator[str]:
    """Serve for as long as this is open; gives the address, with the port that was found.

    `patience` is how long a client may take to send the head of a request or to take more of an answer, in seconds.

    Raises AddressTaken when somebody else listens there, ConfigError when the address or the certificate is of no use.
    """
    listener = _listener(place)
    try:
        server = _Server(_config(app, place, patience))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await _started(server, task)
        try:
            yield _address(place, listener)
        finally:
            server.should_exit = True
            await task
    finally:
        listener.close()
        _take_down(place)


class _Server(uvicorn.Server):
    """Leaves the signals to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Patient(H11Protocol):
    """HTTP/1.1 with an end to patience: who does not send a head or take an answer in time is cut off."""

    patience = HEAD_IN
    _timer: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(cast("asyncio.Transport", Gathered(transport, self.loop)))
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_between_requests():
            self._wait()
        else:
            self._stop_waiting()

    def _is_between_requests(self) -> bool:
        cycle: Any = self.cycle  # None before the first, whatever its annotation says
        return cycle is None or cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._unstick()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """He does not take what we send: not for ever."""
        super().pause_writing()
        self._stuck = self.loop.call_later(self.patience, self._throw_away)

    def resume_writing(self) -> None:
        self._unstick()
        super().resume_writing()

    def _throw_away(self) -> None:
        """With what the kernel still holds for him, megabytes that he would be offered for a quarter of an hour."""
        if self.transport.get_extra_info("socket").family != socket.AF_UNIX:
            at_once = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.transport.abort()

    def _unstick(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.patience, self._cut_off)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut_off(self) -> None:
        self._timer = None
        self.transport.abort()


def _config(app: ASGIApp, place: Place, patience: float) -> uvicorn.Config:
    certificate, key = place.tls or (None, None)
    config = uvicorn.Config(
        app,
        http=type("_Patient", (_Patient,), {"patience": patience}),
        ws="none",
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        limit_concurrency=_AT_ONCE,
        backlog=_BACKLOG,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=_LAST_WORDS,
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([f"api.tls: {certificate} and {key} cannot be used: {error.strerror or error}"]) from None
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config


def _take_down(place: Place) -> None:
    if place.path:
        with contextlib.suppress(OSError):
            Path(place.path).unlink()


async def _started(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    while not server.started:
        done, _ = await asyncio.wait({task}, timeout=0.005)
        if done:
            await task
            raise ConfigError(["api.listen: the server ended before it began; the log says why"])


def _listener(place: Place) -> socket.socket:
    """A socket that listens. Bound here and not by uvicorn, which would end the process where it cannot."""
    try:
        return _unix(Path(place.path)) if place.path else _tcp(place)
    except OSError as error:
        if error.errno in {48, 98}:
            raise AddressTaken(str(place)) from None
        raise ConfigError([f"api.listen: {place} cannot be listened on: {error.strerror}"]) from None


def _tcp(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    # The protocol is named, for asyncio turns off Nagle's waiting only where it is: 40 ms an answer otherwise.
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((place.host, place.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _unix(path: Path) -> socket.socket:
    """For this user and group; a socket that nobody listens on any more is taken away first."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
            path.unlink()
        listener.bind(str(path))
        os.chmod(path, 0o660)  # noqa: PTH101 - beside bind, as one says it of sockets
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(str(path))
        except OSError:
            return False
        return True


def _address(place: Place, listener: socket.socket) -> str:
    if place.path:
        return str(place)
    port = listener.getsockname()[1]
    return f"{'https' if place.tls else 'http'}://{Place(place.host, port)}"
