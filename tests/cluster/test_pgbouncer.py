"""Do nodes work behind a real PgBouncer in transaction mode? All but LISTEN passes; the poll stands in for it."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from pathlib import Path

import psycopg

from rotator.store.migrating import migrate_server
from rotator.store.postgres import KIND, options
from tests.cli.workspace import PATIENCE, Tenant
from tests.cluster.installation import Cluster
from tests.cluster.test_nodes import with_rotations
from tests.pgbouncer import Bouncer
from tests.postgres import Server
from tests.store.test_postgres import with_next


def test_nodes_make_the_tables_share_the_work_and_take_over_what_a_dead_one_held(
    cluster: Cluster, tenant: Tenant, postgres: Server, pgbouncer: Bouncer
) -> None:
    postgres.drop(cluster.url)
    cluster.url = postgres.make_database(empty=True)
    url = pgbouncer.through(cluster.url)
    objects = with_rotations(cluster, tenant, 12)
    cluster.document["daemon"]["concurrency"] = 3
    for name in ("killed", "second"):
        cluster.start(name, url=url, wait=False)
    for name in ("killed", "second"):
        cluster.daemons[name].wait_for("READY=1")
    # In the middle of proving what it has issued.
    cluster.until(lambda: cluster.is_proving(4, "killed"))
    cluster.daemons["killed"].signal(signal.SIGKILL)
    cluster.let_leases_run_out("killed")
    long = 3 * PATIENCE
    cluster.until(lambda: cluster.rotated() == len(objects) and cluster.open_attempts() == 0, patience=long)
    assert cluster.attempts() == {f"app-{n}": ["succeeded"] for n in range(len(objects))}
    cluster.until(lambda: cluster.valid_secrets(objects) == Counter(dict.fromkeys(objects, 1)))
    # What is asked for by hand waits for the poll at most.
    asked = cluster.space("desk", url=url).rotator("rotate", "app-0")
    assert asked.status == 0, asked.err
    assert cluster.rotated() == len(objects) + 1
    assert "Traceback" not in cluster.daemons["second"].log()


def test_nodes_that_migrate_at_once_take_turns(postgres: Server, pgbouncer: Bouncer, tmp_path: Path) -> None:
    url = postgres.make_database()
    migrations = with_next(tmp_path, "pass")
    problems: list[Exception] = []

    def migrate() -> None:
        try:
            migrate_server(options(pgbouncer.through(url), None), KIND.lock, "it", migrations)
        except Exception as problem:  # noqa: BLE001 - told by the assertion
            problems.append(problem)

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with psycopg.connect(url) as connection:
        assert connection.execute(b"SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
    postgres.drop(url)
