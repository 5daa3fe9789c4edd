"""How much slower are rotations while the same daemon answers 500 reads of a secret a second?"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

from rotator.domain.access import Grant, Method, Note, Role, TokenRule
from rotator.serving import api_of, node_of
from rotator.web.auth.minting import mint
from tests.benchmarks.ours import Ours, engine_at
from tests.benchmarks.reading import free_port, path_of, with_api
from tests.benchmarks.report import Goal, Line, Runs, measured, show
from tests.benchmarks.tenant import Tenant, tenant, write_configuration

_ROTATIONS = 40
_READS = 500
#: Latency of every answer of Entra in seconds, turns, and what may be lost at it.
_COURSES = ((0.1, 3, Goal(least=0.8)), (0.0, 3, None))


def run() -> None:
    """Rounds with and without readers, in turns."""
    with tenant(2 * _ROTATIONS) as where, tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(where, Path(folder)))


async def _run(where: Tenant, folder: Path) -> None:
    port = free_port()
    config = with_api(write_configuration(folder, where, rotations=2 * _ROTATIONS), f"127.0.0.1:{port}")
    async with engine_at(where, config) as ours, api_of(ours.engine):
        token = await _token(ours)
        for latency, turns, goal in _COURSES:
            where.answer_after(latency)
            runs = Runs()
            for _ in range(turns):
                for name in ("alone", "read"):
                    ours.pass_time()
                    async with _readers(port, token) if name == "read" else nullcontext():
                        with measured() as spent:
                            await ours.round()
                    runs.add(name, spent.per(_ROTATIONS))
            _tell(f"{latency * 1000:.0f} ms latency" if latency else "no latency", runs, goal)
        assert (await ours.standing())["success"] == 2 * _ROTATIONS, "a rotation has failed: these numbers mean nothing"


def _tell(course: str, runs: Runs, goal: Goal | None) -> None:
    ratio = runs.faster("read", "alone")
    alone = f"alone: {1 / runs.wall('alone'):.1f}"
    verdict = goal.verdict(ratio) if goal else ""
    show(Line(f"rotations/s with {_READS} reads/s, {course}", f"{1 / runs.wall('read'):.1f}", alone, ratio, verdict))


async def _token(ours: Ours) -> str:
    """Of a reader, for ever: months pass here."""
    access, note = ours.engine.store.access(node_of(ours.engine.configuration)), Note("benchmark", "benchmark")
    identity = await access.add_identity("benchmark", "benchmark", grants=[Grant(Role.READER)], note=note)
    assert identity is not None
    rule = TokenRule(ttl=timedelta(0), max_ttl=timedelta(0))
    issued = mint(identity.id, Method.TOKEN, rule, now=access.now())
    await access.keep_token(issued.token, note)
    return issued.text.reveal()


@asynccontextmanager
async def _readers(port: int, token: str) -> AsyncIterator[None]:
    """In a process of its own, from its first answer on."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _READ, str(port), path_of(0), token, str(_READS), stdin=-1, stdout=-1
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield
    finally:
        process.stdin.close()
        told = (await process.stdout.read()).decode().split()
        await process.wait()
    assert told, "nothing was read: this number means nothing"


#: Says that it has begun; reads until it is let go, and tells how often.
_READ = """
import asyncio, sys
from tests.benchmarks.knocking import get, knock, knock_evenly

async def read(port, path, token, a_second):
    request, until = get(path, token), asyncio.Event()
    await knock(port, request, count=4, callers=4)
    print("reading", flush=True)
    asyncio.get_running_loop().add_reader(sys.stdin, until.set)
    answers = await knock_evenly(port, request, a_second=a_second, until=until)
    print(len(answers.waits), answers.at(0.99))

asyncio.run(read(int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])))
"""
