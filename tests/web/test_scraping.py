"""Who is told the numbers? Whoever reaches the second listener; at the API beyond this machine only admins."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rotator.domain.access import Grant, Role
from rotator.observers.metrics import Metrics
from rotator.web.scraping import Scraping
from rotator.web.server import Place, serving
from tests.builders import a_credential, rotations, some_facts
from tests.fakes import START
from tests.observers.reading import Samples
from tests.web.asking import plainly
from tests.web.door import open_door

SCRAPE = ["x 1\n", "y 2\n"]


async def test_the_second_listener_tells_the_numbers_and_how_it_stands() -> None:
    trouble = [""]

    async def ready() -> str:
        return trouble[0]

    app = Scraping(lambda: SCRAPE, ready)
    async with serving(app, Place("127.0.0.1", 0)) as address, plainly(address) as http:
        told = await http.get("/metrics")
        assert (told.status_code, told.text) == (200, "x 1\ny 2\n")
        assert told.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        assert (await http.get("/readyz")).status_code == 200
        trouble[0] = "stopping"
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/healthz")).status_code == 200


async def test_the_second_listener_knows_nothing_else() -> None:
    async def ready() -> str:
        return ""

    app = Scraping(lambda: SCRAPE, ready)
    async with serving(app, Place("127.0.0.1", 0)) as address, plainly(address) as http:
        assert (await http.get("/api/v2/secret-rotations")).status_code == 404
        assert (await http.get("/metrics/")).status_code == 404
        assert (await http.post("/metrics")).status_code == 405


async def test_on_this_machine_the_api_tells_the_numbers_to_all(tmp_path: Path) -> None:
    async with open_door(tmp_path, numbers=lambda: SCRAPE, numbers_are_open=True) as door:
        told = await door.ask("GET", "/metrics", token="")

        assert (told.status_code, told.text) == (200, "x 1\ny 2\n")
        assert told.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_beyond_this_machine_the_api_tells_the_numbers_to_admins_of_everything(tmp_path: Path) -> None:
    async with open_door(tmp_path, numbers=lambda: SCRAPE) as door:
        reader = await door.token("reader", Grant(Role.READER, "payments"))

        assert (await door.ask("GET", "/metrics", token="")).status_code == 401
        assert (await door.ask("GET", "/metrics", token=reader)).status_code == 403
        assert (await door.ask("GET", "/metrics")).text == "x 1\ny 2\n"


async def test_where_nothing_is_counted_there_is_nothing_to_tell(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        assert (await door.ask("GET", "/metrics")).status_code == 404


@pytest.mark.slow
async def test_ten_thousand_rotations_are_told_without_holding_up_the_loop() -> None:
    """Bounds ten times what a quiet machine needs; docs/benchmarks.md has the numbers."""
    metrics = Metrics(per_rotation=10_000)
    facts = [some_facts(each, credentials=(a_credential(),)) for each in rotations(10_000)]
    metrics.standings.learn(facts)

    async def ready() -> str:
        return ""

    app = Scraping(lambda: metrics.text(START), ready)
    async with serving(app, Place("127.0.0.1", 0)) as address, plainly(address) as http:
        began = time.perf_counter()
        told = await http.get("/metrics")
        took = time.perf_counter() - began

    assert len(Samples([told.text]).of("rotator_overdue_seconds")) == 10_000
    assert took < 1.5
