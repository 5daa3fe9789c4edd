"""Is a database opened only by those who may, and left as it was when it cannot be?"""

from __future__ import annotations

import base64
import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.changes import SealText
from rotator.domain.edits import Add
from rotator.domain.model import Secret
from rotator.errors import StoreUnavailable, StoreUnusable
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.builders import KEY, a_credential, a_rotation
from tests.fakes import ManualClock, SeededChance

OLD, NEW = (Secret(base64.b64encode(bytes([n]) * 32).decode()) for n in (1, 2))
CLOCK = ManualClock()


def opened(path: Path, *, keys: Sequence[Secret] = (), seed: int = 0, **how: Any) -> SqlStore:
    return open_store(f"sqlite:///{path}", chance=SeededChance(seed), database_time=CLOCK.now, keys=keys, **how)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def sealing(store: SqlStore, text: str = "hush") -> None:
    """One rotation with one sealed text."""
    await store.define([Add(a_rotation())])
    (claim,) = await store.claim("node-1", limit=1, ttl=timedelta(seconds=90))
    await store.write(claim.lease, [a_credential(), SealText(KEY, Secret(text))], ttl=timedelta(seconds=90))


def lose(path: Path) -> None:
    path.unlink()


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_a_new_database_and_its_key_are_readable_to_nobody_else(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    opened(path).close()
    key = path.with_name("state.db.key")
    assert [file.stat().st_mode & 0o777 for file in (path, key)] == [0o600, 0o600]
    assert len(base64.b64decode(key.read_text())) == 32
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(key) in record.message
    assert key.read_text().strip() not in record.message


def test_configured_keys_make_no_key_file(path: Path) -> None:
    opened(path, keys=[NEW]).close()
    assert [file.name for file in path.parent.glob("*.key")] == []


async def test_a_database_opens_again_with_all_it_had(path: Path) -> None:
    store = opened(path)
    await sealing(store)
    store.close()
    again = opened(path, seed=1)
    assert again.installation == store.installation
    assert await again.text(KEY) == Secret("hush")
    again.close()


@pytest.mark.parametrize("keys", [[], [NEW]], ids=["key file lost", "another key configured"])
async def test_L16_no_key_is_made_for_records_that_no_key_opens(path: Path, keys: list[Secret]) -> None:
    store = opened(path)
    await sealing(store)
    store.close()
    path.with_name("state.db.key").unlink()
    before = dump(path)
    with pytest.raises(StoreUnusable, match="No configured key opens"):
        opened(path, keys=keys)
    assert [file.name for file in path.parent.glob("*.key")] == []
    assert dump(path) == before


async def test_a_key_file_left_from_a_lost_database_is_used_and_not_replaced(path: Path) -> None:
    opened(path).close()
    key = path.with_name("state.db.key").read_text()
    lose(path)
    store = opened(path)
    await sealing(store)
    store.close()
    assert path.with_name("state.db.key").read_text() == key


async def test_all_records_are_under_the_newest_key_after_a_rotation_of_keys(path: Path) -> None:
    store = opened(path, keys=[OLD])
    await sealing(store)
    store.close()
    both = opened(path, keys=[NEW, OLD])
    assert await both.text(KEY) == Secret("hush")
    assert await both.rewrap() == 2  # the credential's and the key of fingerprints
    assert await both.rewrap() == 0
    both.close()
    new = opened(path, keys=[NEW])
    assert await new.text(KEY) == Secret("hush")
    new.close()
    with pytest.raises(StoreUnusable):
        opened(path, keys=[OLD])


@pytest.mark.parametrize(
    ("text", "problem"),
    [("8Q~not-base64", "is not base64"), ("c2hvcnQ=", "has 5 bytes"), ("", "has 0 bytes")],
)
def test_a_key_of_the_wrong_form_is_named_by_its_place_only(path: Path, text: str, problem: str) -> None:
    with pytest.raises(StoreUnusable, match=problem) as error:
        opened(path, keys=[NEW, Secret(text)])
    assert "state.encryptionKeys[1]" in str(error.value)
    assert not text or text not in str(error.value)
    assert not path.exists()


def test_a_newer_schema_is_left_alone(path: Path) -> None:
    opened(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = dump(path)
    with pytest.raises(StoreUnusable, match="schema 9999, this program knows") as error:
        opened(path)
    assert "newer rotator" in error.value.hint
    assert dump(path) == before


@pytest.mark.parametrize(("said", "opens"), [('["0001"]', True), ('["0000"]', False)])
def test_a_newer_schema_that_only_adds_serves_the_node_that_is_yet_to_be_replaced(
    path: Path, said: str, *, opens: bool
) -> None:
    opened(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '0002'")
    connection.execute("INSERT INTO meta VALUES ('also_for', ?)", (said,))
    connection.commit()
    connection.close()
    if opens:
        opened(path).close()
    else:
        with pytest.raises(StoreUnusable, match="schema 0002"):
            opened(path)


def test_the_tables_of_another_program_are_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreUnusable, match="another program"):
        opened(path)


def test_the_installation_is_made_once_or_given_and_never_changed(path: Path, tmp_path: Path) -> None:
    made = opened(path)
    made.close()
    assert made.installation == SeededChance().letters(8)
    opened(path, installation=made.installation).close()
    with pytest.raises(StoreUnusable, match=f"installation {made.installation}, the configuration says aaaaaaaa"):
        opened(path, installation="aaaaaaaa")
    with pytest.raises(StoreUnusable, match="not allowed"):
        opened(tmp_path / "other.db", installation="UPPER-18")
    given = opened(tmp_path / "third.db", installation="production")
    assert given.installation == "production"
    given.close()


def test_what_is_no_database_is_said_to_be_none(path: Path) -> None:
    path.write_bytes(b"text, and not a little of it" * 100)
    with pytest.raises(StoreUnusable, match="damaged or no SQLite database"):
        opened(path)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be made") as error:
        opened(tmp_path / "missing" / "state.db")
    assert "directory exists" in error.value.hint


def test_an_address_of_another_kind_is_refused_without_its_password() -> None:
    with pytest.raises(StoreUnusable, match="host/rotator") as error:
        open_store("mysql://user:hush@host/rotator", chance=SeededChance(), database_time=CLOCK.now)
    assert "hush" not in str(error.value)


def test_those_who_open_a_new_database_at_once_agree(path: Path) -> None:
    found: list[str] = []

    def open_one(seed: int) -> None:
        store = opened(path, seed=seed, inline=True)
        found.append(store.installation)
        store.close()

    threads = [threading.Thread(target=open_one, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_an_up_to_date_database_is_opened_without_what_only_others_need(path: Path) -> None:
    opened(path).close()
    script = f"""
import sys
from rotator.clock import SystemClock
from rotator.store.opening import open_store
open_store("sqlite:///{path}", chance=None, database_time=SystemClock().now).close()
print([name for name in ("alembic", "sqlalchemy.orm", "sqlalchemy.ext.asyncio", "cryptography") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
