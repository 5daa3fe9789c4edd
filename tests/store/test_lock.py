"""Is there one engine on a SQLite file, with commands free beside it?"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.edits import Add
from rotator.errors import LeaseHeld, StoreUnavailable
from rotator.store.lock import EngineLock
from rotator.store.opening import open_store
from tests.builders import a_request, a_rotation
from tests.fakes import ManualClock, SeededChance


def test_a_second_engine_is_told_who_has_the_database(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with EngineLock(path), pytest.raises(LeaseHeld, match=rf"process {os.getpid()}\) is at work on {path}"):
        EngineLock(path).take()
    EngineLock(path).take()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    script = (
        "import os, sys; from pathlib import Path; from rotator.store.lock import EngineLock; "
        f"EngineLock(Path({str(path)!r})).take(); print('taken', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"taken\n"
        with pytest.raises(LeaseHeld, match=str(other.pid)):
            EngineLock(path).take()
        other.kill()
    lock = EngineLock(path)
    lock.take()
    lock.release()
    lock.release()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="missing"):
        EngineLock(tmp_path / "missing" / "state.db").take()


async def test_commands_read_and_file_requests_beside_the_engine(tmp_path: Path) -> None:
    path, clock = tmp_path / "state.db", ManualClock()
    with EngineLock(path):
        engine, command = (
            open_store(f"sqlite:///{path}", chance=SeededChance(), database_time=clock.now) for _ in range(2)
        )
        await engine.define([Add(a_rotation())])
        (claim,) = await engine.claim("node-1", limit=1, ttl=timedelta(seconds=90))
        await command.ask(a_request())
        assert (await engine.look("rotation-1"))[0].requests == (a_request(),)
        await engine.write(claim.lease, [], ttl=timedelta(seconds=90))
        assert len(await command.facts()) == 1
        command.close()
        engine.close()
