"""What does a daemon take while it has nothing to do?"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from rotator.app import open_books
from rotator.config import load
from rotator.defining import define
from tests.benchmarks.processes import command, daemon
from tests.benchmarks.reading import with_api
from tests.benchmarks.report import Goal, Line, show
from tests.benchmarks.tenant import Tenant, nowhere, tenant, write_configuration

_ROTATED = 12
_MANY = 10_000
_WATCHED_SECONDS = 20.0
_PATIENCE = 60.0
#: Past the first housekeeping, which comes 20 s after the start and then every hour.
_SETTLING_SECONDS = 25.0
_LONG = 7 * 86_400.0
_NEEDS = "import httpx, sqlalchemy, pydantic, yaml, structlog, apscheduler, azure.identity.aio, rotator.entra.opening"


def run() -> None:
    """Memory after rotations, when all it uses has been loaded; processor time among many rotations, none due."""
    alone, with_it = _after_rotations("off"), _after_rotations("127.0.0.1:0")
    floor = command("-c", _NEEDS).memory
    beside = f"the imports alone: {floor:.0f} MiB"
    verdict = Goal(most=120.0).verdict(alone)
    show(Line(f"memory at rest, {_ROTATED} rotated", f"{alone:.0f} MiB", beside, alone / floor, verdict))
    show(Line("the same with the API", f"{with_it:.0f} MiB"))
    with tempfile.TemporaryDirectory() as folder:
        config = write_configuration(Path(folder), nowhere(_MANY), rotations=_MANY, initial="wait")
        asyncio.run(_put_to_sleep(config))
        with daemon(config) as idle:
            time.sleep(_SETTLING_SECONDS)
            share = idle.share_of_a_core(_WATCHED_SECONDS) * 100
            verdict = Goal(most=1.0).verdict(share)
            show(Line(f"processor at rest, {_MANY:,} rotations, none due", f"{share:.2f} % of a core", verdict=verdict))
            show(Line(f"memory at rest, {_MANY:,} rotations", f"{idle.memory():.0f} MiB"))


def _after_rotations(listen: str) -> float:
    with tenant(_ROTATED) as where, tempfile.TemporaryDirectory() as folder:
        config = with_api(write_configuration(Path(folder), where, rotations=_ROTATED), listen)
        with daemon(config) as busy:
            _until_all_have_rotated(where)
            time.sleep(2)
            return busy.memory()


async def _put_to_sleep(config: Path) -> None:
    """Bring the rotations into the books, and none of them due for a long while."""
    configuration = load(config)
    store = open_books(configuration.state)
    await define(store, configuration)
    store.close()
    far = int((time.time() + _LONG) * 1_000_000)
    with closing(sqlite3.connect(configuration.state.signs)) as connection, connection:
        connection.execute("UPDATE rotations SET wake_at = ?", (far,))


def _until_all_have_rotated(where: Tenant) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if sum(len(each["credentials"]) for each in where.control("GET", "truth")) >= _ROTATED:
            return
        time.sleep(0.2)
    raise AssertionError("the daemon did not rotate: this number means nothing")
