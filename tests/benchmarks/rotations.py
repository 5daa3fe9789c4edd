"""How many rotations a second, beside the same calls without an engine?"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.benchmarks.floors import CONCURRENCY, bare, sdk, side_by_side
from tests.benchmarks.ours import Ours, engine_at
from tests.benchmarks.report import Goal, Line, Runs, measured, show
from tests.benchmarks.tenant import Tenant, tenant, write_configuration

#: Rotations in a round of each contestant; ours takes turns with as many more.
ROTATIONS = 40
#: Latency of every answer in seconds, turns, and the goals beside msgraph-sdk and beside httpx.
_COURSES = ((0.0, 7, Goal(least=0.7), Goal(least=0.4)), (0.1, 2, Goal(least=0.9), Goal(least=0.9)))
#: Rounds before the first that counts: imports, connections, caches.
_WARM_UP = 2


def run() -> None:
    """A rotation of ours includes the removal of the secret it replaces; so do the floors."""
    with tenant(2 * ROTATIONS) as where, tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(where, Path(folder)))


async def _run(where: Tenant, folder: Path) -> None:
    config = write_configuration(folder, where, rotations=2 * ROTATIONS)
    async with engine_at(where, config) as ours, sdk(where) as a, bare(where) as b, sdk(where, by_hand=True) as hand:
        contestants: dict[str, Callable[[], Awaitable[None]]] = {
            "ours": ours.round,
            "sdk": lambda: side_by_side(a.cycle, ROTATIONS),
            "httpx": lambda: side_by_side(b.cycle, ROTATIONS),
            "hand": lambda: side_by_side(hand.cycle, ROTATIONS),
        }
        await _turns(ours, contestants, _WARM_UP)
        await _census(where, ours)
        for latency, turns, beside_sdk, beside_httpx in _COURSES:
            where.answer_after(latency)
            runs = await _turns(ours, contestants, turns)
            _tell(f"{latency * 1000:.0f} ms latency", runs, beside_sdk, beside_httpx)
        assert (await ours.standing())["success"] == 2 * ROTATIONS, "a rotation has failed: these numbers mean nothing"


async def _turns(ours: Ours, contestants: dict[str, Callable[[], Awaitable[None]]], count: int) -> Runs:
    runs = Runs()
    for _ in range(count):
        ours.pass_time()
        for name, work in contestants.items():
            with measured() as spent:
                await work()
            runs.add(name, spent.per(ROTATIONS))
    return runs


async def _census(where: Tenant, ours: Ours) -> None:
    """What one rotation asks of Entra and of the database."""
    where.calls()
    ours.pass_time()
    with ours.counted_transactions() as transactions:
        await ours.round()
    show(Line("requests a rotation, its removal included", _listed(where.calls())))
    show(Line("transactions a rotation", _listed(transactions)))


def _listed(seen: Counter[str]) -> str:
    return ", ".join(f"{name} {count / ROTATIONS:.1f}" for name, count in sorted(seen.items()))


def _tell(course: str, runs: Runs, beside_sdk: Goal, beside_httpx: Goal) -> None:
    rate = {name: 1 / runs.wall(name) for name in runs.taken}
    for name, label, goal in (("sdk", "msgraph-sdk", beside_sdk), ("httpx", "httpx", beside_httpx)):
        ratio = runs.faster("ours", name)
        show(
            Line(
                f"rotations/s, {CONCURRENCY} at once, {course}",
                f"{rate['ours']:.1f}",
                f"the same calls by {label}: {rate[name]:.1f}",
                ratio,
                goal.verdict(ratio),
            )
        )
    show(_processor(course, runs))
    show(
        Line(
            f"rotations/s, {course}, beside a script by hand",
            f"{rate['ours']:.1f}",
            f"sign-ins by azure-identity: {rate['hand']:.1f}",
            runs.faster("ours", "hand"),
        )
    )


def _processor(course: str, runs: Runs) -> Line:
    used = {name: f"{runs.processor(name) * 1000:.1f} ms" for name in runs.taken}
    beside = f"msgraph-sdk {used['sdk']}, httpx {used['httpx']}"
    return Line(f"processor a rotation, {course}", used["ours"], beside, runs.thriftier("ours", "sdk"))
