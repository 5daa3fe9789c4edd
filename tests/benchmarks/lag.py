"""How long is the event loop ever kept from its other work, during rotations and the first one's imports?"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.report import Goal, Line, show
from tests.benchmarks.tenant import tenant, write_configuration

_ROTATIONS = 24
_EVERY = 0.005
_GOAL = Goal(most=50.0)


def run() -> None:
    """In a process of its own, so that the first rotation truly imports the SDKs."""
    with tenant(_ROTATIONS) as where, tempfile.TemporaryDirectory() as folder:
        config = write_configuration(Path(folder), where, rotations=_ROTATIONS)
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.lag", str(config)], check=True, capture_output=True, text=True
        )
    seen: dict[str, dict[str, float]] = json.loads(done.stdout)
    resting = seen["at rest"]["wall"]
    for what in ("the first rotations, imports included", "later rotations"):
        wall, own = seen[what]["wall"], seen[what]["own"]
        beside = f"of own processor time {own:.0f} ms; at rest {resting:.0f} ms"
        show(Line(f"loop held up at most, {what}", f"{wall:.0f} ms", beside, verdict=_GOAL.verdict(wall)))


@dataclass(slots=True)
class Probe:
    """Wakes every 5 ms; notes how much later it came, and what processor time the loop took meanwhile."""

    late: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        while True:
            wall, own = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_EVERY)
            self.late.append(time.perf_counter() - wall - _EVERY)
            self.own.append(time.thread_time() - own)

    def take(self) -> dict[str, float]:
        """The longest since the last time, in milliseconds."""
        worst = {"wall": max(self.late) * 1000, "own": max(self.own) * 1000}
        self.late.clear()
        self.own.clear()
        return worst


async def _probed(config: Path) -> dict[str, dict[str, float]]:
    from rotator.app import open_engine
    from rotator.cli.here import all_that_is_due
    from rotator.config import load

    async with open_engine(load(config), spread=False) as engine:
        probe = Probe()
        watching = asyncio.create_task(probe.watch())
        await asyncio.sleep(1)
        seen = {"at rest": probe.take()}
        await all_that_is_due(engine)
        seen["the first rotations, imports included"] = probe.take()
        for _ in range(3):
            for facts in await engine.store.facts():
                await engine.ask(facts.rotation.name, "rotate")
            probe.take()
            await all_that_is_due(engine)
        seen["later rotations"] = probe.take()
        watching.cancel()
    return seen


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_probed(Path(sys.argv[1])))))
