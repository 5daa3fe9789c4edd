"""How many rotations a second, beside the same calls without an engine?"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.benchmarks.floors import bare, sdk, side_by_side
from tests.benchmarks.ours import Ours, engine_at
from tests.benchmarks.report import Goal, Line, Runs, measured, show
from tests.benchmarks.tenant import Tenant, tenant, write_configuration

#: Rotations in a round of each contestant; ours takes turns with as many more. At its end ours waits for the last
#: visits, which differ in length, while a floor's cycles end together: the more there are, the less that shows.
ROTATIONS = 80
#: Latency of every answer in seconds, turns, and the goals beside msgraph-sdk with our sign-ins and beside httpx.
_COURSES = ((0.0, 5, None, Goal(least=0.4)), (0.1, 2, Goal(least=0.9), Goal(least=0.9)))
#: Turns beside both SDKs, and the goal.
_BOTH, _BESIDE_BOTH = 3, Goal(least=0.7)


def run() -> None:
    """A rotation of ours includes the removal of the secret it replaces; so do the floors."""
    with tenant(2 * ROTATIONS) as where, tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(where, Path(folder)))


async def _run(where: Tenant, folder: Path) -> None:
    config = write_configuration(folder, where, rotations=2 * ROTATIONS)
    async with (
        engine_at(where, config) as ours,
        sdk(where) as a,
        bare(where) as b,
        sdk(where, by_identity=True) as both,
    ):
        contestants: dict[str, Callable[[], Awaitable[None]]] = {
            "ours": ours.round,
            "sdk": lambda: side_by_side(a.cycle, ROTATIONS),
            "httpx": lambda: side_by_side(b.cycle, ROTATIONS),
        }
        same_sdks = {"ours": ours.round, "both": lambda: side_by_side(both.cycle, ROTATIONS)}
        await _turns(ours, contestants | same_sdks, 1)  # imports, connections, caches
        await _census(where, ours)
        _tell_both(await _turns(ours, same_sdks, _BOTH))
        for latency, turns, beside_sdk, beside_httpx in _COURSES:
            where.answer_after(latency)
            runs = await _turns(ours, contestants, turns)
            _tell(f"{latency * 1000:.0f} ms latency" if latency else "no latency", runs, beside_sdk, beside_httpx)
        assert (await ours.standing())["success"] == 2 * ROTATIONS, "a rotation has failed: these numbers mean nothing"


async def _turns(ours: Ours, contestants: Mapping[str, Callable[[], Awaitable[None]]], count: int) -> Runs:
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
    show(Line("requests a rotation, its removal included", "", _listed(where.calls())))
    show(Line("transactions a rotation", "", _listed(transactions)))


def _listed(seen: Counter[str]) -> str:
    return ", ".join(f"{name} {count / ROTATIONS:.1f}" for name, count in sorted(seen.items()))


def _tell(course: str, runs: Runs, beside_sdk: Goal | None, beside_httpx: Goal) -> None:
    rate = {name: 1 / runs.wall(name) for name in runs.taken}
    for name, label, goal in (
        ("sdk", "msgraph-sdk, signed in by httpx", beside_sdk),
        ("httpx", "httpx", beside_httpx),
    ):
        ratio = runs.faster("ours", name)
        show(
            Line(
                f"rotations/s, {course}",
                f"{rate['ours']:.1f}",
                f"the same calls by {label}: {rate[name]:.1f}",
                ratio,
                goal.verdict(ratio) if goal else "",
            )
        )
    used = {name: f"{runs.processor(name) * 1000:.1f} ms" for name in runs.taken}
    beside = f"msgraph-sdk {used['sdk']}, httpx {used['httpx']}"
    show(Line(f"processor a rotation, {course}", used["ours"], beside, runs.thriftier("ours", "sdk")))


def _tell_both(runs: Runs) -> None:
    beside = f"the same calls by msgraph-sdk and azure-identity: {1 / runs.wall('both'):.1f}"
    ratio = runs.faster("ours", "both")
    ours = f"{1 / runs.wall('ours'):.1f}"
    show(Line("rotations/s, no latency", ours, beside, ratio, _BESIDE_BOTH.verdict(ratio)))
