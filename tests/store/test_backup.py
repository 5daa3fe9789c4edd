"""Is a copy of the books whole, and does any kind of database become the same books of it again?"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.changes import Change, SealText
from rotator.domain.edits import Add
from rotator.domain.model import Secret
from rotator.errors import StoreUnusable
from rotator.store.opening import open_store
from rotator.store.restoring import restore
from rotator.store.session import Times
from rotator.store.store import SqlStore
from tests.builders import KEY, a_credential, a_rotation, an_attempt, an_entry, an_intent
from tests.fakes import ManualClock, SeededChance
from tests.postgres import SEALING, Server

CLOCK = ManualClock()
TTL = timedelta(seconds=90)
Place = Callable[[], str]


@pytest.fixture
def places(tmp_path: Path, postgres: Server) -> Iterator[dict[str, Place]]:
    """Where an empty database can be had, by kind."""
    made: list[str] = []

    def server() -> str:
        made.append(postgres.make_database(empty=True))
        return made[-1]

    count = iter(range(10))
    yield {"sqlite": lambda: f"sqlite:///{tmp_path}/state-{next(count)}.db", "postgresql": server}
    for url in made:
        postgres.drop(url)


def opened(url: str) -> SqlStore:
    return open_store(url, chance=SeededChance(), database_time=CLOCK.now, keys=[SEALING])


def restored(url: str, copy: str, **how: Any) -> tuple[str, int]:
    how = {"times": Times(CLOCK.now, timedelta), "keys": [SEALING], **how}
    return restore(url, io.StringIO(copy), **how)


async def lived_in(url: str) -> SqlStore:
    store = opened(url)
    await store.define([Add(a_rotation())])
    (claim,) = await store.claim("node-1", limit=1, ttl=TTL)
    changes: list[Change] = [an_attempt(), an_entry(), an_intent(), a_credential(), SealText(KEY, Secret("hush"))]
    await store.write(claim.lease, changes, ttl=TTL)
    return store


async def copy_of(store: SqlStore) -> str:
    out = io.StringIO()
    await store.dump(out.write)
    return out.getvalue()


@pytest.mark.parametrize("before", ["sqlite", "postgresql"])
@pytest.mark.parametrize("after", ["sqlite", "postgresql"])
async def test_books_are_the_same_after_a_way_through_a_copy(places: dict[str, Place], before: str, after: str) -> None:
    first = await lived_in(places[before]())
    copy = await copy_of(first)
    facts, installation = await first.facts(), first.installation
    first.close()
    assert "hush" not in copy
    url = places[after]()
    assert restored(url, copy)[0] == installation
    second = opened(url)
    assert await second.facts() == facts
    assert await second.text(KEY) == Secret("hush")
    assert second.installation == installation
    # The journal goes on behind its last entry, and nobody holds what was held on the other side.
    (claim,) = await second.claim("node-2", limit=1, ttl=TTL)
    assert claim.lease.token == 2
    await second.write(claim.lease, [an_entry()], ttl=TTL)
    seqs = [entry.seq for entry in await second.journal("rotation-1")]
    assert seqs == [1, 2]
    second.close()


async def test_a_copy_that_was_cut_off_restores_nothing(places: dict[str, Place]) -> None:
    store = await lived_in(places["sqlite"]())
    copy = await copy_of(store)
    store.close()
    for place in places.values():
        url = place()
        for lines in (copy.splitlines(keepends=True)[:-1], copy.splitlines(keepends=True)[:12], [copy[:-20]]):
            with pytest.raises(StoreUnusable, match=r"not whole|cannot be read"):
                restored(url, "".join(lines))
        restored(url, copy)


async def test_books_are_never_written_over(places: dict[str, Place]) -> None:
    store = await lived_in(places["sqlite"]())
    copy = await copy_of(store)
    store.close()
    for place in places.values():
        url = place()
        restored(url, copy)
        with pytest.raises(StoreUnusable, match="holds books already"):
            restored(url, copy)


async def test_L16_a_copy_is_not_restored_without_the_key_that_opens_it(places: dict[str, Place]) -> None:
    store = await lived_in(places["sqlite"]())
    copy = await copy_of(store)
    store.close()
    other = Secret(base64.b64encode(bytes(32)).decode())
    for place in places.values():
        with pytest.raises(StoreUnusable, match="No configured key opens"):
            restored(place(), copy, keys=[other])
    with pytest.raises(StoreUnusable, match="no key beside it"):
        restored(places["postgresql"](), copy, keys=[])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "cannot be read"),
        ("[]", "no copy"),
        ("{}", "no copy"),
        (json.dumps({"rotator": "backup", "format": 1, "schema": "0000"}), "the schema 0000"),
    ],
)
def test_what_is_no_copy_of_ours_is_said_to_be_none(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(StoreUnusable, match=problem):
        restored(f"sqlite:///{tmp_path}/state.db", line)
    assert list(tmp_path.iterdir()) == []
