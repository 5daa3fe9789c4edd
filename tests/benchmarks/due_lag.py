"""How long after it is due does a rotation begin? Among a hundred thousand, with five due each second."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import psycopg

from rotator.config import load
from rotator.defining import define
from tests.benchmarks import server as of_server
from tests.benchmarks.processes import daemon
from tests.benchmarks.report import Goal, Line, milliseconds, show
from tests.benchmarks.tenant import tenant, write_configuration
from tests.postgres import shared_server

_EXISTING = 100_000
_A_SECOND = 5
_SECONDS = 60
_LATENCY = 0.1
#: Until the node has started, and has imported all that its first rotation needs.
_AHEAD = 10.0

# A retry is due at an instant of its own; slots lie on whole minutes, and are spread.
_PLAN = """
WITH due AS (
    SELECT id, row_number() OVER (ORDER BY name) AS n FROM rotations WHERE name LIKE 'rotation-%%'
), planned AS (
    UPDATE rotations SET wake_at = %(from)s + due.n * %(apart)s FROM due WHERE rotations.id = due.id
    RETURNING rotations.id, wake_at
)
UPDATE standings SET failures = 1, status = 'failed', retry_at = planned.wake_at
FROM planned WHERE standings.rotation_id = planned.id
"""
_LAGS = """
SELECT min(journal.at) - min(%(from)s + due.n * %(apart)s)
FROM (SELECT id, row_number() OVER (ORDER BY name) AS n FROM rotations WHERE name LIKE 'rotation-%%') AS due
JOIN attempts ON attempts.rotation_id = due.id JOIN journal ON journal.attempt_id = attempts.id
WHERE due.n > %(warming)s GROUP BY due.id
"""


def run(*, existing: int = _EXISTING, seconds: int = _SECONDS, latency: float = _LATENCY) -> None:
    """A node as it is started in production, on a PostgreSQL of its own."""
    warming = 2 * _A_SECOND
    wanted = _A_SECOND * seconds + warming
    with (
        tempfile.TemporaryDirectory() as made,
        shared_server(Path(made)) as server,
        tenant(wanted) as where,
        of_server.opened(server, existing) as (store, url),
    ):
        where.answer_after(latency)
        folder = Path(made)
        config = write_configuration(folder, where, rotations=wanted, state=of_server.state_of(folder, url))
        asyncio.run(define(store, load(config)))
        apart = 1_000_000 // _A_SECOND
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "UPDATE rotations SET wake_at = wake_at + 86400000000000 WHERE name NOT LIKE 'rotation-%'"
            )
            connection.execute("VACUUM ANALYZE")
            plan = {"from": int((time.time() + _AHEAD) * 1_000_000), "apart": apart, "warming": warming}
            connection.execute(_PLAN, plan)
            with daemon(config):
                time.sleep(_AHEAD + wanted / _A_SECOND + 5)
            lags = sorted(row[0] / 1_000_000 for row in connection.execute(_LAGS, plan).fetchall())
    assert len(lags) == wanted - warming, f"{len(lags)} have begun: this number means nothing"
    slowest = lags[int(len(lags) * 0.99) - 1]
    what = f"first step after it was due, {_A_SECOND} a second among {existing:,}: 99 of 100"
    beside = f"half of them within {milliseconds(lags)}, the last {milliseconds(lags[-1])}"
    show(Line(what, milliseconds(slowest), beside, verdict=f"{Goal(most=1.0).verdict(slowest)} s"))
