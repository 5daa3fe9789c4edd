"""Do the benchmarks still run? Small ones only: their numbers mean nothing here."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest

from tests.benchmarks import dashboard, inventory, million, nodes, scraping, server, store
from tests.benchmarks.__main__ import main
from tests.benchmarks.knocking import get, knock, knock_evenly
from tests.benchmarks.report import Goal, Runs, Spent

#: These start daemons, servers and browsers.
heavy = pytest.mark.skipif("ROTATOR_TEST_BENCHMARKS" not in os.environ, reason="`make bench` runs it, and whole")


def test_the_store_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    store.run(turns=8, existing=(10, 2000), looks=2)
    said = capsys.readouterr().out
    assert "8 at once" in said
    assert "1 due among 2,000" in said


def test_a_server_is_measured_beside_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    server.run(turns=4, rounds=1, existing=(1000, 2000), looks=2)
    said = capsys.readouterr().out
    assert "books of a rotation" in said
    assert "a claim among 2,000" in said


@heavy
def test_a_node_among_many_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    million.run(existing=(1000, 2000), looks=10, settling=0)
    said = capsys.readouterr().out
    assert "memory of a node, 2,000 rotations" in said


@heavy
def test_nodes_are_measured_beside_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    nodes.run(counts=(1,), rotations=4, latency=0)
    assert "rotations/s, 1 nodes" in capsys.readouterr().out


def test_a_scrape_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    scraping.run(count=50)
    said = capsys.readouterr().out
    assert "/metrics, 50 rotations" in said


@heavy
def test_the_dashboard_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    dashboard.run(among=((1000, 60.0),), loads=1, turns=0, starts=0)
    said = capsys.readouterr().out
    assert "/?zoom=year, 1,000 rotations" in said
    assert "first paint in Chromium" in said


@heavy
def test_an_inventory_is_measured_beside_graph(capsys: pytest.CaptureFixture[str]) -> None:
    inventory.run(applications=20, turns=1)
    assert "inventory of 20 applications" in capsys.readouterr().out


async def test_a_server_is_asked_as_often_as_was_said_and_on_time() -> None:
    asked: list[bytes] = []
    enough = asyncio.Event()

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                asked.append(head)
                if len(asked) == 40:
                    enough.set()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                writer.write(b"ok")
        writer.close()

    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    port, request = server.sockets[0].getsockname()[1], get("/x", "token")
    async with server:
        answers = await knock(port, request, count=20, callers=4)
        assert (len(answers.waits), len(asked)) == (20, 20)
        assert 0 < answers.at(0.5) <= answers.at(0.99)
        until = asyncio.Event()
        evenly = asyncio.create_task(knock_evenly(port, request, a_second=1000, until=until))
        await enough.wait()
        until.set()
        assert len((await evenly).waits) >= 16
    assert asked[0].startswith(b"GET /x HTTP/1.1")


async def test_an_answer_that_is_no_200_is_no_number() -> None:
    async def refused(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refused, "127.0.0.1", 0)
    async with server:
        with pytest.raises(AssertionError, match="429"):
            await knock(server.sockets[0].getsockname()[1], get("/x", "token"), count=1, callers=1)


def test_an_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "not one of rotations" in capsys.readouterr().err


def test_a_goal_says_whether_it_is_met() -> None:
    assert Goal(least=0.7).verdict(0.7) == "holds >= 0.7"
    assert Goal(most=0.25).verdict(0.3) == "MISSES <= 0.25"


def test_runs_are_compared_turn_by_turn() -> None:
    runs = Runs()
    for ours, theirs in ((2.0, 1.0), (4.0, 2.0), (1.0, 5.0)):
        runs.add("ours", Spent(ours, ours))
        runs.add("theirs", Spent(theirs, theirs))
    assert (runs.faster("ours", "theirs"), runs.thriftier("ours", "theirs"), runs.wall("ours")) == (0.5, 0.5, 2.0)
