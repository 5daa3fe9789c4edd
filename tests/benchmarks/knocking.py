"""How fast does a server answer one request, over and over? A client that does as little as it can, for any server."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Answers:
    """How long each answer took, in seconds, in the order in which they came."""

    waits: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        """The wait that this share of the answers does not exceed."""
        waits = sorted(self.waits)
        return waits[min(len(waits) - 1, int(share * len(waits)))]


async def knock(port: int, request: bytes, *, count: int, callers: int) -> Answers:
    """Ask so often in all, each caller on its connection and as soon as it is answered."""
    answers = Answers()
    shares = [count // callers] * callers
    await asyncio.gather(*(_caller(port, request, share, answers) for share in shares))
    return answers


async def knock_evenly(port: int, request: bytes, *, a_second: float, until: asyncio.Event) -> Answers:
    """Ask so often a second, over a few connections, until the event is set."""
    answers, callers = Answers(), 4
    every = callers / a_second
    await asyncio.gather(*(_evenly(port, request, every, (until, answers)) for _ in range(callers)))
    return answers


def get(path: str, token: str) -> bytes:
    """The request that reads it."""
    return f"GET {path} HTTP/1.1\r\nHost: benchmark\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def _caller(port: int, request: bytes, count: int, answers: Answers) -> None:
    _, caller = await asyncio.get_running_loop().create_connection(_Caller, "127.0.0.1", port)
    for _ in range(count):
        began = time.perf_counter()
        await caller.ask(request)
        answers.waits.append(time.perf_counter() - began)
    caller.leave()


async def _evenly(port: int, request: bytes, every: float, until_and_answers: tuple[asyncio.Event, Answers]) -> None:
    until, answers = until_and_answers
    _, caller = await asyncio.get_running_loop().create_connection(_Caller, "127.0.0.1", port)
    due = time.perf_counter()
    while not until.is_set():
        due += every
        began = time.perf_counter()
        await caller.ask(request)
        answers.waits.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    caller.leave()


class _Caller(asyncio.Protocol):
    """One connection; knows the end of an answer by its Content-Length, and what is no 200 is an error."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        told = _LENGTH.search(self._received, 0, end)
        if told and len(self._received) < end + 4 + int(told[1]):
            return
        head, self._received = bytes(self._received[:end]), bytearray()
        if head.startswith(b"HTTP/1.1 200"):
            self._answer.set_result(None)
        else:
            self._answer.set_exception(AssertionError(head))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    async def ask(self, request: bytes) -> None:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._answer

    def leave(self) -> None:
        assert self._transport is not None
        self._transport.close()
