"""Does a PostgreSQL database behave as a store must, where it differs from a file?"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rotator.domain.changes import SealText
from rotator.domain.edits import Add
from rotator.domain.model import Secret
from rotator.errors import LeaseLost, NoBooks, StoreUnavailable, StoreUnusable
from rotator.store.migrating import MIGRATIONS, migrate_server
from rotator.store.opening import open_store
from rotator.store.postgres import KIND, LIMITS, options
from rotator.store.store import SqlStore
from rotator.store.writes import Order, write
from tests.builders import KEY, a_credential, a_rotation, an_entry
from tests.cluster.cable import Cable, Pooler
from tests.fakes import SeededChance
from tests.postgres import SEALING, Server

TTL = timedelta(seconds=90)
ORDER = ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout")
NEXT = '''"""Next."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("rotations", sa.Column("colour", sa.Text))
    {then}
'''


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    """The URL of a database without tables."""
    url = postgres.make_database(empty=True)
    yield url
    postgres.drop(url)


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    """The URL of a database that has been made ready."""
    url = postgres.make_database()
    yield url
    postgres.drop(url)


def opened(url: str, **how: Any) -> SqlStore:
    return open_store(url, **{"chance": SeededChance(), "database_time": None, "keys": [SEALING], **how})


def asked(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(query.encode())
        return found.fetchall() if found.description else []


def cut(url: str) -> None:
    """As a failover does: every connection to the database ends."""
    asked(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
               "WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip


async def test_an_empty_database_is_made_ready_and_opens_again_with_all_it_had(empty: str) -> None:
    store = opened(empty)
    await store.define([Add(a_rotation())])
    (claim,) = await store.claim("node-1", limit=1, ttl=TTL)
    await store.write(claim.lease, [a_credential(), SealText(KEY, Secret("hush"))], ttl=TTL)
    store.close()
    again = opened(empty, chance=SeededChance(1))
    assert again.installation == store.installation
    assert await again.text(KEY) == Secret("hush")
    again.close()


def test_those_who_open_an_empty_database_at_once_agree(empty: str) -> None:
    found: list[str] = []

    def open_one(seed: int) -> None:
        store = opened(empty, chance=SeededChance(seed))
        found.append(store.installation)
        store.close()

    threads = [threading.Thread(target=open_one, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_no_key_is_made_up_for_a_server(empty: str) -> None:
    with pytest.raises(StoreUnusable, match="no key beside it") as error:
        opened(empty, keys=[])
    assert "state.encryptionKeys" in error.value.hint


def test_whoever_only_reads_makes_no_books(empty: str) -> None:
    with pytest.raises(NoBooks, match="no state database"):
        opened(empty, make=False)
    assert asked(empty, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_newer_schema_is_left_alone(url: str) -> None:
    asked(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnusable, match="schema 9999, this program knows"):
        opened(url)


def test_the_tables_of_another_program_are_left_alone(empty: str) -> None:
    asked(empty, "CREATE TABLE theirs (x int)")
    with pytest.raises(StoreUnusable, match="another program"):
        opened(empty)
    assert asked(empty, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("theirs",)]


@pytest.mark.parametrize(
    ("change", "kind", "problem"),
    [
        (("/test_", "/none_"), StoreUnusable, "does not exist"),
        (("postgres@", "nobody@"), StoreUnusable, "does not know the user"),
        (("?host=", "?host=/nowhere"), StoreUnavailable, "does not answer"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_in_one_line(
    url: str, change: tuple[str, str], kind: type[Exception], problem: str
) -> None:
    with pytest.raises(kind, match=problem) as error:
        opened(url.replace(*change))
    assert "\n" not in str(error.value)


def test_a_wrong_password_is_told_and_not_shown(postgres: Server, url: str) -> None:
    postgres.say("DROP ROLE IF EXISTS guarded")
    postgres.say("CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'right'")
    guarded = url.replace("postgres@", "guarded@")
    opened(guarded, password=Secret("right")).close()
    with pytest.raises(StoreUnusable, match="refuses the password") as error:
        opened(guarded, password=Secret("wrong-one"))
    assert "wrong-one" not in str(error.value)
    with pytest.raises(StoreUnusable, match="asks for a password"):
        opened(guarded)


async def test_a_lost_connection_is_replaced_without_anybody_noticing(url: str) -> None:
    store = opened(url)
    await store.define([Add(a_rotation())])
    cut(url)
    assert [facts.rotation.name for facts in await store.facts()] == ["billing-api"]
    store.close()


async def test_L16_whoever_asks_is_told_of_a_connection_that_takes_the_place_of_a_lost_one(url: str) -> None:
    store = opened(url)
    told: list[str] = []
    store.when_reconnected(lambda: told.append("again"))
    await store.facts()
    assert told == []
    cut(url)

    def look(tx: Any) -> list[str]:
        return list(told)

    assert await store._runner.read(look) == ["again"]
    store.close()


def half_way(url: str, losses: int) -> Callable[[Any], None]:
    """An operation that so many times loses its connection in the midst."""
    left = iter(range(losses))

    def operation(tx: Any) -> None:
        tx.cursor.execute("INSERT INTO meta (name, value) VALUES ('half', '')")
        if next(left, None) is not None:
            cut(url)
        tx.cursor.execute("INSERT INTO meta (name, value) VALUES ('whole', '')")

    return operation


async def test_a_connection_lost_half_way_is_replaced_and_all_is_done_anew(url: str) -> None:
    store = opened(url)
    await store._runner.write(half_way(url, losses=2))
    assert asked(url, "SELECT name FROM meta WHERE name IN ('half', 'whole') ORDER BY 1") == [("half",), ("whole",)]
    store.close()


async def test_a_read_that_loses_its_connection_hands_nothing_out_twice(url: str) -> None:
    store = opened(url)
    handed_out: list[str] = []

    def hand_out(tx: Any) -> None:
        handed_out.append("a line")
        cut(url)
        tx.cursor.execute("SELECT 1")

    with pytest.raises(StoreUnavailable):
        await store._runner.read(hand_out)
    assert handed_out == ["a line"]
    store.close()


async def test_L8_a_write_that_is_said_again_after_a_take_over_is_refused(url: str) -> None:
    store = opened(url)
    await store.define([Add(a_rotation())])
    (claim,) = await store.claim("one", limit=1, ttl=TTL)
    order = Order(claim.lease, [a_credential()], TTL)
    tried: list[int] = []

    def lose(tx: Any) -> None:
        tried.append(claim.lease.token)
        if len(tried) == 1:
            asked(url, "UPDATE leases SET token = token + 1, holder = 'two'")
            cut(url)
        write(tx, order, store._seal)

    with pytest.raises(LeaseLost, match="token 2 of two"):
        await store._runner.write(lose)
    assert len(tried) == 2
    assert asked(url, "SELECT key_id FROM credentials") == []
    store.close()


async def test_one_that_is_lost_time_and_again_is_told_and_leaves_nothing(url: str) -> None:
    store = opened(url)
    with pytest.raises(StoreUnavailable):
        await store._runner.write(half_way(url, losses=100))
    assert asked(url, "SELECT name FROM meta WHERE name IN ('half', 'whole')") == []
    assert await store.facts() == []
    store.close()


async def test_a_commit_without_an_answer_is_told_and_not_said_again(url: str) -> None:
    store = opened(url)
    said = []

    def cut_at_the_end(tx: Any) -> None:
        said.append(tx)
        # Goes out together with the commit.
        tx.waiting.append(("SELECT pg_terminate_backend(pg_backend_pid())", [{}]))

    with pytest.raises(StoreUnavailable):
        await store._runner.write(cut_at_the_end)
    assert len(said) == 1
    store.close()


@pytest.mark.parametrize("pooled", [True, False])
async def test_behind_a_pooler_nothing_outlasts_a_transaction(postgres: Server, url: str, *, pooled: bool) -> None:
    cable = (Pooler if pooled else Cable)(postgres.folder)
    name = url.partition("@/")[2].partition("?")[0]
    store = opened(f"postgresql://postgres@127.0.0.1:{cable.port}/{name}")
    await store.define([Add(a_rotation())])
    for _ in range(3):
        (claim,) = await store.claim("node-1", limit=1, ttl=TTL)
        await store.write(claim.lease, [an_entry()], ttl=TTL, wake_at=claim.now, release=True)

    def left(tx: Any) -> tuple[int, str, str]:
        within = tx.cursor.execute("SHOW lock_timeout").fetchone()[0]
        tx.cursor.execute("COMMIT")
        prepared = tx.cursor.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()[0]
        after = tx.cursor.execute("SHOW lock_timeout").fetchone()[0]
        tx.cursor.execute("BEGIN")
        return prepared, within, after

    prepared, within, after = await store._runner.read(left)
    assert within == LIMITS["lock_timeout"]
    assert (prepared == 0, after) == ((True, "0") if pooled else (False, within))
    store.close()
    cable.close()


async def test_time_is_the_servers_whatever_the_hosts_clock_says(url: str) -> None:
    store = opened(url, monotonic=lambda: 5.0)
    ((said,),) = asked(url, "SELECT clock_timestamp()")
    assert abs((await store.now()) - said) < timedelta(seconds=5)
    assert abs(store.access("node-1").now() - said) < timedelta(seconds=5)
    store.close()


async def test_between_two_answers_time_is_carried_on_by_monotonic_time(url: str) -> None:
    monotonic = [100.0]
    store = opened(url, monotonic=lambda: monotonic[0])
    before = store.access("node-1").now()
    monotonic[0] += 60
    assert store.access("node-1").now() - before == timedelta(seconds=60)
    store.close()


async def test_operations_that_stand_in_each_others_way_all_succeed(url: str) -> None:
    store = opened(url)
    meeting = threading.Barrier(2)
    waits = threading.local()

    def crossing(first: str, second: str) -> Any:
        def work(tx: Any) -> None:
            tx.cursor.execute("UPDATE meta SET value = value || '.' WHERE name = %(name)s", {"name": first})
            if not getattr(waits, "done", False):
                waits.done = True
                meeting.wait(10)
            tx.cursor.execute("UPDATE meta SET value = value || '.' WHERE name = %(name)s", {"name": second})

        return work

    asked(url, "INSERT INTO meta (name, value) VALUES ('a', ''), ('b', '')")
    await asyncio.gather(store._runner.write(crossing("a", "b")), store._runner.write(crossing("b", "a")))
    assert asked(url, "SELECT name, value FROM meta WHERE name IN ('a', 'b') ORDER BY name") == [
        ("a", ".."),
        ("b", ".."),
    ]
    store.close()


async def test_two_stores_claim_different_rotations_at_the_same_moment(url: str) -> None:
    one, other = opened(url), opened(url)
    await one.define([Add(a_rotation())])
    claims = await asyncio.gather(*(store.claim("n", limit=4, ttl=TTL) for store in (one, other, one, other)))
    assert sorted(len(found) for found in claims) == [0, 0, 0, 1]
    one.close()
    other.close()


@pytest.mark.parametrize("change", ["UPDATE journal SET step = ''", "DELETE FROM journal", "TRUNCATE journal"])
async def test_L2_the_journal_is_append_only(url: str, change: str) -> None:
    store = opened(url)
    await store.define([Add(a_rotation())])
    (claim,) = await store.claim("node-1", limit=1, ttl=TTL)
    await store.write(claim.lease, [an_entry()], ttl=TTL)
    store.close()
    with pytest.raises(psycopg.Error, match="append-only"):
        asked(url, change)


def with_next(folder: Path, then: str) -> Path:
    migrations = folder / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    (migrations / "versions" / "0002_next.py").write_text(NEXT.replace("{then}", then))
    return migrations


def test_nodes_that_migrate_at_once_take_turns_and_keep_the_data(url: str, tmp_path: Path) -> None:
    before = asked(url, "SELECT * FROM meta ORDER BY name")
    migrations = with_next(tmp_path, "pass")
    problems: list[Exception] = []

    def migrate() -> None:
        try:
            migrate_server(options(url, None), KIND.lock, "it", migrations)
        except Exception as problem:  # noqa: BLE001
            problems.append(problem)

    threads = [threading.Thread(target=migrate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert asked(url, "SELECT version_num FROM alembic_version") == [("0002",)]
    assert asked(url, "SELECT * FROM meta ORDER BY name") == before


def test_a_migration_that_fails_changes_nothing(url: str, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        migrate_server(options(url, None), KIND.lock, "it", with_next(tmp_path, "1 / 0"))
    assert asked(url, "SELECT version_num FROM alembic_version") == [("0001",)]
    assert asked(url, "SELECT column_name FROM information_schema.columns WHERE column_name = 'colour'") == []


async def test_who_stands_still_in_the_middle_holds_nobody_up_for_long(url: str) -> None:
    standing, other = opened(url), opened(url)
    spans = [asked(url, f"SELECT interval '{LIMITS[name]}'")[0][0] for name in ORDER]
    assert spans == sorted(spans)
    asked(url, "INSERT INTO meta (name, value) VALUES ('held', '')")
    held, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def stand_still(tx: Any) -> None:
        seen.append(tx.cursor.execute("SELECT value FROM meta WHERE name = 'held'").fetchone()[0])
        tx.cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '300ms'")
        tx.cursor.execute("UPDATE meta SET value = 'mine' WHERE name = 'held'")
        held.set()
        go_on.wait(30)
        tx.cursor.execute("UPDATE meta SET value = 'late' WHERE name = 'held'")

    stopped = asyncio.create_task(standing._runner.write(stand_still))
    await asyncio.to_thread(held.wait, 30)
    await other._runner.write(lambda tx: tx.cursor.execute("UPDATE meta SET value = 'others' WHERE name = 'held'"))
    go_on.set()
    await stopped
    assert seen == ["", "others"]
    standing.close()
    other.close()
