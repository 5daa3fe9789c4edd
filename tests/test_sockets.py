"""Do our sockets keep what the pools of httpcore expect of them?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpcore
import httpx
import pytest

from rotator.network import Network, Timeouts
from rotator.sockets import Sockets

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def a_server(serve: Serve) -> AsyncIterator[int]:
    """A server on loopback; yields its port."""

    serving: set[asyncio.Task[None]] = set()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await serve(reader, writer)
        finally:
            serving.discard(task)
            writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)


async def connected(port: int) -> httpcore.AsyncNetworkStream:
    return await Sockets().connect_tcp("127.0.0.1", port, timeout=5)


async def stands_still(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Reads nothing and says nothing."""
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


async def test_what_was_sent_before_the_end_is_read_before_the_end() -> None:
    async def says(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"farewell")

    async with a_server(says) as port:
        stream = await connected(port)
        assert await stream.read(4, timeout=5) + await stream.read(100, timeout=5) == b"farewell"
        assert await stream.read(100, timeout=5) == b""
        await stream.aclose()


async def test_more_than_is_kept_comes_through_whole() -> None:
    sent = bytes(range(256)) * 8192

    async def says(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    async with a_server(says) as port:
        stream = await connected(port)
        received = bytearray()
        while part := await stream.read(50_000, timeout=5):
            received += part
        assert bytes(received) == sent
        await stream.aclose()


async def test_a_silent_peer_is_given_up_in_time() -> None:
    async with a_server(stands_still) as port:
        stream = await connected(port)
        with pytest.raises(httpcore.ReadTimeout):
            await stream.read(1, timeout=0.01)
        await stream.aclose()


async def test_a_peer_that_does_not_keep_up_is_given_up_in_time() -> None:
    async with a_server(stands_still) as port:
        stream = await connected(port)
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(bytes(64 << 20), timeout=0.01)
        await stream.aclose()


async def test_nobody_there_is_no_connection() -> None:
    async with a_server(stands_still) as port:
        pass
    with pytest.raises(httpcore.ConnectError):
        await connected(port)


async def test_a_closed_connection_takes_no_more() -> None:
    async with a_server(stands_still) as port:
        stream = await connected(port)
        await stream.aclose()
        await stream.aclose()
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"late", timeout=1)


async def test_clients_use_them_and_no_connection_that_the_peer_has_closed() -> None:
    served = []

    async def answers_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        served.append(writer.get_extra_info("peername"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    async with a_server(answers_once) as port, Network(environment={}).client(Timeouts()) as http:
        for _ in range(3):
            answer = await http.get(f"http://127.0.0.1:{port}/")
            assert type(answer.extensions["network_stream"]).__module__ == "rotator.sockets"
            # The peer's farewell comes at once, over loopback.
            assert await answer.extensions["network_stream"].read(1, timeout=5) == b""
        assert len(set(served)) == 3


async def test_a_connection_that_stands_is_used_again() -> None:
    peers = set()

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            peers.add(writer.get_extra_info("peername"))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with a_server(answers) as port:
        async with Network(environment={}).client(Timeouts()) as http:
            for _ in range(3):
                assert (await http.get(f"http://127.0.0.1:{port}/")).status_code == httpx.codes.NO_CONTENT
        assert len(peers) == 1
