"""How soon do the pages come, among a thousand rotations and a hundred thousand, and what do they cost the daemon?"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

from rotator.cli.dashboard import fresh_link, opened_by
from rotator.cli.noted import audit_of
from rotator.config import load
from rotator.serving import api_of
from tests.benchmarks.many_lives import written
from tests.benchmarks.ours import Ours, engine_at
from tests.benchmarks.processes import daemon
from tests.benchmarks.reading import free_port, with_api
from tests.benchmarks.report import Goal, Line, Runs, measured, milliseconds, show
from tests.benchmarks.tenant import nowhere, tenant, write_configuration

#: How many rotations, and how soon the server is to have made a page of them, in milliseconds.
_AMONG = ((1000, 60.0), (100_000, 150.0))
_PAGES = ("/", "/?page=15", "/?q=77", "/?show=attention", "/?zoom=year")
_LOADS, _PAINTS, _TURNS, _STARTS = 40, 7, 4, 3
_LARGEST, _SOON, _HEAVIEST = 250.0, 0.5, 10.0
_ROTATIONS = 40
_SETTLING = 3.0
#: Python runs this first: a daemon that does not find what the pages are made with has none.
_WITHOUT = "import sys\nsys.modules['jinja2'] = None\n"


def run(
    *, among: Sequence[tuple[int, float]] = _AMONG, loads: int = _LOADS, turns: int = _TURNS, starts: int = _STARTS
) -> None:
    """Smaller arguments make a quicker and less telling run."""
    for count, goal in among:
        with tempfile.TemporaryDirectory() as folder:
            _load(Path(folder), count, goal, loads=loads, paints=count == among[0][0])
    if starts:
        _tell_memory(starts)
    if turns:
        with tenant(2 * _ROTATIONS) as where, tempfile.TemporaryDirectory() as folder:
            config = write_configuration(Path(folder), where, rotations=2 * _ROTATIONS)
            asyncio.run(_rotate_while_looked_at(where, with_api(config, f"127.0.0.1:{free_port()}"), turns))


def _load(folder: Path, count: int, goal: float, *, loads: int, paints: bool) -> None:
    """What the first page takes, its lists and searches, and in a browser how soon it is seen."""
    config = written(folder, count, listen=f"127.0.0.1:{free_port()}")
    with daemon(config):
        with _visitor(link_of(config)) as visitor:
            for path in _PAGES:
                waits, body = visitor.loads(path, loads)
                assert b'class="lane"' in body or "attention" in path, "no rotation was shown: this means nothing"
                took, size = median(waits) * 1000, len(body) / 1000
                beside = f"page {size:.0f} KB: {Goal(most=_LARGEST).verdict(size)}"
                show(
                    Line(
                        f"{path}, {count:,} rotations", f"{took:.1f} ms", beside, verdict=Goal(most=goal).verdict(took)
                    )
                )
        if paints:
            _tell_paint(link_of(config), count)


class Visitor:
    """Somebody who has signed in, over one connection."""

    def __init__(self, link: str) -> None:
        parts = urlsplit(link)
        self._http = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        body = urlencode({"link": parse_qs(parts.query)["link"][0]})
        self._http.request("POST", "/sign-in", body, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = self._http.getresponse()
        answer.read()
        self._cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        assert answer.status == 303, answer.status

    def load(self, path: str) -> bytes:
        """A page."""
        self._http.request("GET", path, headers={"Cookie": self._cookie})
        answer = self._http.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body

    def loads(self, path: str, count: int) -> tuple[list[float], bytes]:
        """The seconds that each load took, the first left out; and the page."""
        body, waits = self.load(path), []
        for _ in range(count):
            began = time.perf_counter()
            self.load(path)
            waits.append(time.perf_counter() - began)
        return waits, body

    def listen(self, path: str) -> None:
        """Hold a stream of events open on a connection of its own, and hear it, for as long as this process lives."""
        beside = HTTPConnection(self._http.host, self._http.port, timeout=600)
        beside.request("GET", path, headers={"Cookie": self._cookie})
        answer = beside.getresponse()
        assert answer.status == 200, answer.status
        threading.Thread(target=answer.read, daemon=True).start()

    def close(self) -> None:
        self._http.close()


@contextmanager
def _visitor(link: str) -> Iterator[Visitor]:
    visitor = Visitor(link)
    yield visitor
    visitor.close()


def link_of(config: Path) -> str:
    """A one-time link, as one gets it on the host."""
    command = [sys.executable, "-m", "rotator", "--config", str(config), "dashboard", "link"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _tell_paint(link: str, count: int) -> None:
    chromium = shutil.which("chromium")
    if chromium is None or importlib.util.find_spec("playwright") is None:
        show(Line("first paint in Chromium", "-", "skipped: Chromium or Playwright is not here"))
        return
    took = _paints(chromium, link)
    show(Line(f"first paint in Chromium, {count:,} rotations", milliseconds(took), verdict=_paint_verdict(took)))


def _paint_verdict(took: Sequence[float]) -> str:
    return Goal(most=_SOON).verdict(median(took)) + " s"


def _paints(chromium: str, link: str) -> list[float]:
    """Seconds from asking for the first page until something of it is seen."""
    playwright: Any = importlib.import_module("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(link)
        page.click("main button")
        page.wait_for_selector(".lanes")
        took = []
        for _ in range(_PAINTS):
            page.goto("about:blank")
            page.goto(link.partition("/sign-in")[0])
            took.append(page.evaluate(_PAINTED) / 1000)
        browser.close()
    return took


#: When something of the page was seen for the first time, in milliseconds; waits for it.
_PAINTED = """new Promise((tell) => new PerformanceObserver((list) => {
    for (const each of list.getEntriesByName("first-contentful-paint")) tell(each.startTime);
}).observe({ type: "paint", buffered: true }))"""


def _tell_memory(starts: int) -> None:
    """In turns: a daemon that has no pages, and one all of whose pages have been seen; the API was used in both."""
    held: dict[str, list[float]] = {"with": [], "without": []}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(_WITHOUT, "utf-8")
        config = with_api(
            write_configuration(Path(folder), nowhere(1), rotations=1, initial="wait"), f"127.0.0.1:{free_port()}"
        )
        with daemon(config):
            pass  # the first start makes the database
        for _ in range(starts):
            for name, environment in (("without", {"PYTHONPATH": folder}), ("with", {})):
                with daemon(config, environment=environment) as started:
                    _use_the_api(config)
                    if name == "with":
                        _look_at_all(link_of(config))
                    time.sleep(_SETTLING)
                    held[name].append(started.memory())
    more, without = median(held["with"]) - median(held["without"]), f"without: {median(held['without']):.0f} MiB"
    show(
        Line(
            "memory at rest that the dashboard adds",
            f"{more:.1f} MiB",
            without,
            verdict=Goal(most=_HEAVIEST).verdict(more),
        )
    )


def _use_the_api(config: Path) -> None:
    """What its first call and its first row of the audit load stays loaded, with a dashboard or without."""
    api = load(config).api
    http = HTTPConnection(api.host, api.port, timeout=60)
    body = json.dumps({"clientId": str(UUID(int=1)), "clientSecret": "x"})
    http.request("POST", "/api/v1/auth/universal-auth/login", body, {"Content-Type": "application/json"})
    answer = http.getresponse()
    answer.read()
    http.close()
    assert answer.status == 401, answer.status


def _look_at_all(link: str) -> None:
    with _visitor(link) as visitor:
        body = visitor.load("/").decode()
        (one,) = re.findall(r'<h2><a href="(/rotations/[^"]+)"', body)
        for path in ("/", one, f"{one}/compromised", "/rotations/new", "/connections", "/inventory", "/audit"):
            visitor.load(path)


async def _rotate_while_looked_at(where: Any, config: Path, turns: int) -> None:
    """Rounds with and without somebody who holds a rotation's page open and loads the first page every second."""
    async with engine_at(where, config) as ours, api_of(ours.engine) as address:
        where.answer_after(0.1)
        runs = Runs()
        for _ in range(turns):
            for name in ("alone", "seen"):
                ours.pass_time()
                async with _watched(ours, address) if name == "seen" else nullcontext():
                    with measured() as spent:
                        await ours.round()
                runs.add(name, spent.per(_ROTATIONS))
        assert (await ours.standing())["success"] == 2 * _ROTATIONS, "a rotation has failed: these numbers mean nothing"
    ratio, alone = runs.faster("seen", "alone"), f"alone: {1 / runs.wall('alone'):.1f}"
    what = "rotations/s while somebody looks, 100 ms latency"
    show(Line(what, f"{1 / runs.wall('seen'):.1f}", alone, ratio, Goal(least=0.95).verdict(ratio)))


@asynccontextmanager
async def _watched(ours: Ours, address: str) -> AsyncIterator[None]:
    """By another process, from its first page on."""
    link = opened_by(address, (await fresh_link(audit_of(ours.engine.store))).reveal())
    rotation = (await ours.engine.store.facts())[0].rotation.id
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _WATCH, link, rotation, stdin=-1, stdout=-1)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline(), "nobody looked: this number means nothing"
        yield
    finally:
        process.stdin.close()
        await process.wait()


_WATCH = """
import sys, threading
from tests.benchmarks.dashboard import Visitor

visitor, done = Visitor(sys.argv[1]), threading.Event()
visitor.load("/")
print("looking", flush=True)
visitor.listen(f"/rotations/{sys.argv[2]}/events")
threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
while not done.wait(1):
    visitor.load("/")
"""
