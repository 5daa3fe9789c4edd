"""How long does a scrape of 10,000 rotations take, and for how long does nobody else get the loop meanwhile?"""

from __future__ import annotations

import asyncio
import sys
from statistics import median

from rotator.observers.metrics import Metrics
from rotator.web.scraping import Scraping
from rotator.web.server import Place, serving
from tests.benchmarks.lag import Probe
from tests.benchmarks.report import Goal, Line, show
from tests.builders import a_credential, rotations, some_facts
from tests.fakes import START

_SCRAPES = 7
_WAIT, _HELD = Goal(most=150.0), Goal(most=50.0)
#: In a process of its own: it must not share our interpreter.
_SCRAPER = """
import sys, time, urllib.request
began = time.perf_counter()
size = len(urllib.request.urlopen(sys.argv[1]).read())
print((time.perf_counter() - began) * 1000, size)
"""


def run(count: int = 10_000) -> None:
    """The median of some scrapes after a first one."""
    waits, held, size = asyncio.run(_scraped(count))
    beside = f"{size / 1e6:.1f} MB as text"
    show(
        Line(f"/metrics, {count:,} rotations", f"{median(waits):.0f} ms", beside, verdict=_WAIT.verdict(median(waits)))
    )
    show(Line("loop held up at most, meanwhile", f"{max(held):.0f} ms", verdict=_HELD.verdict(max(held))))


async def _scraped(count: int) -> tuple[list[float], list[float], int]:
    metrics = Metrics(per_rotation=count)
    metrics.standings.learn(some_facts(each, credentials=(a_credential(),)) for each in rotations(count))

    async def ready() -> str:
        return ""

    waits, held, size, probe = list[float](), list[float](), 0, Probe()
    app = Scraping(lambda: metrics.text(START), ready)
    async with serving(app, Place("127.0.0.1", 0)) as address:
        watching = asyncio.create_task(probe.watch())
        await _once(address)
        probe.take()
        for _ in range(_SCRAPES):
            wait, size = await _once(address)
            waits.append(wait)
            held.append(probe.take()["wall"])
        watching.cancel()
    return waits, held, size


async def _once(address: str) -> tuple[float, int]:
    words = (sys.executable, "-c", _SCRAPER, f"{address}/metrics")
    scraper = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    told, _ = await scraper.communicate()
    wait, size = told.split()
    return float(wait), int(size)
