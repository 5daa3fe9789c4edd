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
from tests.benchmarks.processes import Daemon, command, daemon
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
    with tenant(_ROTATED) as where, tempfile.TemporaryDirectory() as folder:
        config = write_configuration(Path(folder), where, rotations=_ROTATED)
        with daemon(config) as busy:
            _until_all_have_rotated(where)
            time.sleep(2)
            _tell_memory(busy)
    with tempfile.TemporaryDirectory() as folder:
        config = write_configuration(Path(folder), nowhere(_MANY), rotations=_MANY, initial="wait")
        asyncio.run(_put_to_sleep(config))
        with daemon(config) as idle:
            time.sleep(_SETTLING_SECONDS)
            share = idle.share_of_a_core(_WATCHED_SECONDS) * 100
            verdict = Goal(most=1.0).verdict(share)
            show(Line(f"processor at rest, {_MANY:,} rotations, none due", f"{share:.2f} % of a core", verdict=verdict))
            show(Line(f"memory at rest, {_MANY:,} rotations", f"{idle.memory():.0f} MiB"))


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


def _tell_memory(busy: Daemon) -> None:
    held, floor = busy.memory(), command("-c", _NEEDS).memory
    verdict = Goal(most=120.0).verdict(held)
    beside = f"the imports alone: {floor:.0f} MiB"
    show(Line(f"memory at rest, {_ROTATED} rotated", f"{held:.0f} MiB", beside, held / floor, verdict))
