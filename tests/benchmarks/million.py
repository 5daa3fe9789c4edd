"""Does a node notice how many rotations there are? Claims, memory and start among ten thousand to a million."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import psycopg

from tests.benchmarks import server as of_server
from tests.benchmarks.processes import daemon
from tests.benchmarks.report import Goal, Line, milliseconds, show
from tests.benchmarks.tenant import nowhere, write_configuration
from tests.postgres import Server, shared_server

#: A million rows take minutes to make: only where ROTATOR_BENCHMARK_MILLION says so.
_EXISTING = (1_000, 10_000, 100_000)
_MILLION = 1_000_000
_LOOKS = 1000
#: Past the first housekeeping, and what the metrics count at first.
_SETTLING_SECONDS = 40.0


def run(*, existing: Sequence[int] = (), looks: int = _LOOKS, settling: float = _SETTLING_SECONDS) -> None:
    """On a server of its own, whose disk is not waited for. Smaller arguments make a quicker and less telling run."""
    sizes = existing or (*_EXISTING, *([_MILLION] if os.environ.get("ROTATOR_BENCHMARK_MILLION") else []))
    first: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, shared_server(Path(folder)) as server:
        for count in sizes:
            first.append(_among(server, count, looks=looks, settling=settling, first=first))


def _among(
    server: Server, count: int, *, looks: int, settling: float, first: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Print what it takes among so many; gives the slowest claim and the memory, to compare the next with."""
    began = time.perf_counter()
    with of_server.opened(server, count) as (store, url):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        made = time.perf_counter() - began
        asyncio.run(of_server.looked(store, looks // 10))
        spent = sorted(asyncio.run(of_server.looked(store, looks)))
        slowest = spent[int(len(spent) * 0.99) - 1]
        base = next((each for n, each in enumerate(first) if n == 1), (slowest, 0.0))[0]
        verdict = f"{Goal(most=20.0).verdict(slowest * 1000)} ms"
        beside = f"half of them within {milliseconds(median(spent))}; made in {made:.0f} s"
        ratio = slowest / base
        show(
            Line(f"a claim among {count:,}, 0.1 % due: 99 of 100 within", milliseconds(slowest), beside, ratio, verdict)
        )
        ready, memory = _node(url, settling)
    show(Line(f"ready, {count:,} rotations in the database", f"{ready:.2f} s", verdict=Goal(most=3.0).verdict(ready)))
    grown = memory - (first[0][1] if first else memory)
    verdict = f"{Goal(most=20.0).verdict(grown)} MiB"
    show(
        Line(
            f"memory of a node, {count:,} rotations", f"{memory:.0f} MiB", f"grown by {grown:.1f} MiB", verdict=verdict
        )
    )
    return slowest, memory


def _node(url: str, settling: float) -> tuple[float, float]:
    """A daemon with none due: seconds until it is ready, MiB once it has settled."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE rotations SET wake_at = wake_at + 86400000000000 WHERE wake_at < 2000000000000000")
    with tempfile.TemporaryDirectory() as folder:
        state = of_server.state_of(Path(folder), url)
        config = write_configuration(Path(folder), nowhere(1), rotations=1, initial="wait", state=state)
        with daemon(config):
            pass
        with daemon(config) as node:
            time.sleep(settling)
            return node.ready_after, node.memory()
