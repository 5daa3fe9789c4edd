"""What does PostgreSQL cost beside SQLite? Per rotation, and per claim among very many."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg

from rotator.domain.edits import Add
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.benchmarks import store as of_sqlite
from tests.benchmarks.report import Goal, Line, Runs, measured, milliseconds, show
from tests.builders import rotations
from tests.fakes import SeededChance
from tests.postgres import SEALING, Server, shared_server

_EXISTING = (10_000, 100_000)
_TTL = timedelta(seconds=90)
#: One of a thousand is due.
_DUE = 1000


def run(*, turns: int = 100, rounds: int = 3, existing: Sequence[int] = _EXISTING, looks: int = 200) -> None:
    """On a server of its own, whose disk is not waited for. Smaller arguments make a quicker and less telling run."""
    with tempfile.TemporaryDirectory() as folder, shared_server(Path(folder)) as server:
        for concurrency in (1, 8):
            _beside_sqlite(server, turns, rounds, concurrency)
        first = None
        for count in existing:
            slowest = _claims(server, count, looks)
            first = first or slowest
            what = f"a claim among {count:,}, 0.1 % due: 99 of 100 within"
            show(Line(what, milliseconds(slowest), "", slowest / first, Goal(most=1.5).verdict(slowest / first)))


def _beside_sqlite(server: Server, turns: int, rounds: int, concurrency: int) -> None:
    runs, served = Runs(), 0.0
    with of_sqlite.a_store(100) as file, opened(server, 100) as (ours, _):
        for store in (file, ours):
            asyncio.run(of_sqlite._rotate(store, 32, concurrency))
        for _ in range(rounds):
            with measured() as spent:
                asyncio.run(of_sqlite._rotate(file, turns, concurrency))
            runs.add("sqlite", spent.per(turns))
            before = processor_of(server)
            with measured() as spent:
                asyncio.run(of_sqlite._rotate(ours, turns, concurrency))
            runs.add("postgresql", spent.per(turns))
            served += (processor_of(server) - before) / turns / rounds
    ratio = 1 / runs.thriftier("postgresql", "sqlite")
    beside = f"SQLite {milliseconds(runs.processor('sqlite'))}, the server's own {milliseconds(served)}"
    what = f"books of a rotation, processor, {concurrency} at once"
    show(Line(what, milliseconds(runs.processor("postgresql")), beside, ratio, Goal(most=1.5).verdict(ratio)))


def _claims(server: Server, count: int, looks: int) -> float:
    """The time within which 99 of 100 claims are made, in seconds."""
    with opened(server, count) as (store, url):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        spent = asyncio.run(looked(store, looks))
    return sorted(spent)[int(len(spent) * 0.99) - 1]


async def looked(store: SqlStore, looks: int) -> list[float]:
    spent = []
    for _ in range(looks):
        began = time.perf_counter()
        claims = await store.claim("bench", limit=8, ttl=_TTL)
        spent.append(time.perf_counter() - began)
        for claim in claims:
            await store.write(claim.lease, [], ttl=_TTL, wake_at=claim.now, release=True)
    return spent


def state_of(folder: Path, url: str) -> str:
    """The database of a node's configuration, whose key is put in that folder."""
    key = folder / "key"
    key.write_text(SEALING.reveal(), "utf-8")
    key.chmod(0o600)
    return f'url: "{url}", encryptionKeys: [{{file: {key}}}]'


@contextmanager
def opened(server: Server, count: int) -> Iterator[tuple[SqlStore, str]]:
    """With so many rotations, one of a thousand due, all others in a thousand days."""
    url = server.make_database()
    store = open_store(url, chance=SeededChance(), database_time=None, monotonic=time.monotonic, keys=[SEALING])
    # Owned by the database: a node that starts does not miss them in its files.
    asyncio.run(store.define([Add(replace(each, api_made=True)) for each in rotations(min(count, _DUE))]))
    if count > _DUE:
        with psycopg.connect(url, autocommit=True) as connection:
            _copy(connection, count)
    yield store, url
    store.close()
    server.drop(url)


def _copy(connection: psycopg.Connection[tuple[object, ...]], wanted: int) -> None:
    """Rows of rotations and their standings once more under other ids, until there are so many."""
    fresh = {"id": "n || '-' || id", "name": "n || '-' || name", "lease_key": "n || lease_key"}
    fresh["document"] = """replace(document, '"id":"', '"id":"' || n || '-')"""
    fresh |= {"rotation_id": "n || '-' || rotation_id", "wake_at": "wake_at + 86400000000000"}
    for table in ("rotations", "standings"):
        asked = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
        columns = [str(row[0]) for row in connection.execute(asked.encode())]
        values = ", ".join(fresh.get(column, column) for column in columns)
        source = f"{table} CROSS JOIN generate_series(1, {wanted // _DUE - 1}) AS n"
        connection.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {source}".encode())
    connection.execute(
        "UPDATE rotations SET wake_at = wake_at + 86400000000000 WHERE id LIKE 'rotation-%' "
        f"AND substr(id, 10)::int > {wanted // _DUE}".encode()
    )


def processor_of(server: Server) -> float:
    """Seconds of all processes of the server, ended ones too."""
    pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    process = psutil.Process(pid)
    spent = sum(process.cpu_times()[:4])
    for child in process.children():
        try:
            spent += sum(child.cpu_times()[:2])
        except psutil.Error:
            continue
    return spent
