"""How much more do two and four nodes rotate than one? On one PostgreSQL, with a tenant whose answers take 100 ms."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

from rotator.domain.model import Request
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.benchmarks import server as of_server
from tests.benchmarks.processes import Daemon, daemon
from tests.benchmarks.report import Goal, Line, show
from tests.benchmarks.tenant import Tenant, tenant, write_configuration
from tests.fakes import SeededChance
from tests.postgres import SEALING, Server, shared_server

_ROTATIONS = 480
#: For each node, so that all it needs has been imported and every connection stands.
_WARMING = 24
_LATENCY = 0.1
_GOALS = {2: Goal(least=1.9), 4: Goal(least=3.6)}
_PATIENCE = 180.0


def run(*, counts: Sequence[int] = (1, 2, 4), rotations: int = _ROTATIONS, latency: float = _LATENCY) -> None:
    """Each number of nodes in its turn, on a database of its own."""
    alone = None
    with tempfile.TemporaryDirectory() as folder, shared_server(Path(folder)) as server:
        for count in counts:
            with tenant(rotations + _WARMING * count) as where:
                where.answer_after(latency)
                rate, used = _rate(server, where, count, rotations)
            alone = alone or rate
            goal = _GOALS.get(count)
            verdict = goal.verdict(rate / alone) if goal else ""
            show(
                Line(
                    f"rotations/s, {count} nodes, {latency * 1000:.0f} ms latency",
                    f"{rate:.1f}",
                    used,
                    rate / alone,
                    verdict,
                )
            )


def _rate(server: Server, where: Tenant, count: int, rotations: int) -> tuple[float, str]:
    """Rotations a second, and who used how many cores meanwhile."""
    url = server.make_database()
    with ExitStack() as stack:
        nodes = [stack.enter_context(_node(where, url, rotations + _WARMING * count)) for _ in range(count)]
        store = open_store(url, chance=SeededChance(), database_time=None, monotonic=time.monotonic, keys=[SEALING])
        stack.callback(store.close)
        names = [f"rotation-{n}" for n in range(rotations + _WARMING * count)]
        _rotated(store, url, names[rotations:])
        before = _processor(server, where, nodes)
        began = time.perf_counter()
        _rotated(store, url, names[:rotations])
        spent = time.perf_counter() - began
        cores = [
            (after - earlier) / spent for after, earlier in zip(_processor(server, where, nodes), before, strict=True)
        ]
        rate = _steady(url, rotations)
    server.drop(url)
    told = "cores: nodes {:.2f}, PostgreSQL {:.2f}, simulator {:.2f}".format(*cores)
    return rate, f"{told} of {os.cpu_count()}"


def _steady(url: str, rotations: int) -> float:
    """How many end in a second, the first and the last tenth apart: those were begun, or ended, by few."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT ended_at FROM attempts ORDER BY ended_at DESC LIMIT %s", [rotations]
        ).fetchall()
    ends = [row[0] / 1_000_000 for row in reversed(rows)]
    cut = len(ends) // 10
    return float((len(ends) - 2 * cut - 1) / (ends[-1 - cut] - ends[cut]))


@contextmanager
def _node(where: Tenant, url: str, rotations: int) -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        state = of_server.state_of(folder, url)
        config = write_configuration(folder, where, rotations=rotations, initial="wait", state=state)
        config.write_text(f"api: {{listen: 'off'}}\n{config.read_text('utf-8')}", "utf-8")
        with daemon(config) as started:
            yield started


def _rotated(store: SqlStore, url: str, names: Sequence[str]) -> None:
    """Ask for them all at once, and wait until each has succeeded."""
    asyncio.run(_ask(store, names))
    deadline = time.monotonic() + _PATIENCE
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            left = connection.execute("SELECT count(*) FROM requests WHERE ended_at IS NULL").fetchone()
            if left == (0,):
                break
            time.sleep(0.05)
        bad = connection.execute("SELECT count(*) FROM requests WHERE result <> 'done'").fetchone()
    assert bad == (0,), "a rotation was not made: this number means nothing"


async def _ask(store: SqlStore, names: Sequence[str]) -> None:
    known = {each.rotation.name: each.rotation.id for each in await store.definitions_named(names)}
    now = await store.now()
    await asyncio.gather(*(store.ask(Request(str(uuid4()), known[name], "rotate", now)) for name in names))


def _processor(server: Server, where: Tenant, nodes: Sequence[Daemon]) -> tuple[float, float, float]:
    used = (sum(node.process.cpu_times()[:2]) for node in nodes)
    return sum(used), of_server.processor_of(server), where.cpu_seconds()
