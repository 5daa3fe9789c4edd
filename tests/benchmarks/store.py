"""What does the store cost? Per rotation, and per look among many; `python -m tests.benchmarks.store` prints it."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rotator.domain.changes import Change, ConnectionWorked, EraseText, SealText, SwitchMapped
from rotator.domain.edits import Add
from rotator.domain.model import CredentialState, Outcome, RotationStatus, Secret
from rotator.ports import Claim
from rotator.store.opening import open_store
from rotator.store.store import SqlStore
from tests.builders import a_credential, a_delivery, an_attempt, an_entry, an_intent, rotations
from tests.fakes import SeededChance

TTL = timedelta(seconds=90)
DAY = timedelta(days=1)


@dataclass(slots=True)
class Spent:
    """Seconds, on the clock and of processor time (user and system, all threads)."""

    wall: float = 0.0
    processor: float = 0.0


@contextmanager
def measured() -> Iterator[Spent]:
    spent, began, times = Spent(), time.perf_counter(), os.times()
    yield spent
    now = os.times()
    spent.wall = time.perf_counter() - began
    spent.processor = now.user + now.system - times.user - times.system


@contextmanager
def a_store(existing: int) -> Iterator[SqlStore]:
    """On a real file, with durability on."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(
            f"sqlite:///{Path(folder)}/state.db", chance=SeededChance(), database_time=lambda: datetime.now(UTC)
        )
        asyncio.run(store.define([Add(rotation) for rotation in rotations(existing)]))
        yield store
        store.close()


async def one_rotation(store: SqlStore, claim: Claim) -> None:
    """Six transactions of three to six rows and two reads, as an attempt makes them."""
    rotation_id, now, token = claim.facts.rotation.id, claim.now, claim.lease.token
    attempt = an_attempt(id=f"{rotation_id}-{token}", rotation_id=rotation_id, started_at=now)
    credential = a_credential(
        key_id=f"key-{rotation_id}-{token}",
        rotation_id=rotation_id,
        state=CredentialState.PENDING,
        attempt_id=attempt.id,
    )
    intent = an_intent(rotation_id=rotation_id, attempt_id=attempt.id)
    standing = replace(claim.facts.standing, status=RotationStatus.IN_PROGRESS, last_attempt_id=attempt.id)
    delivery = a_delivery(rotation_id=rotation_id, key_id=credential.key_id)
    plain = an_entry(rotation_id=rotation_id, attempt_id=attempt.id, facts={"tries": 3, "seconds": 1.25})

    async def write(step: str, *changes: Change) -> None:
        await store.write(claim.lease, [*changes, replace(plain, step=step)], ttl=TTL)

    await write("preflight", attempt, standing, plain, intent)
    await write("issue", credential, SealText(credential.key_id, Secret("x" * 40)), replace(intent, outcome="issued"))
    await store.look(rotation_id)
    await write("verify", plain, replace(delivery, key_id=""))
    await store.text(credential.key_id)
    await write("deliver", delivery, ConnectionWorked("contoso"))
    current = replace(credential, state=CredentialState.CURRENT, promoted_at=now)
    done = replace(attempt, ended_at=now, outcome=Outcome.SUCCEEDED)
    await write("promote", current, done, replace(standing, anchor_at=now), SwitchMapped(rotation_id, current.key_id))
    ended: list[Change] = []
    if claim.facts.current is not None:
        gone = replace(claim.facts.current, state=CredentialState.REVOKED, revoked_at=now)
        ended = [gone, EraseText(gone.key_id)]
    await store.write(claim.lease, [*ended, plain], ttl=TTL, wake_at=now, release=True)


async def rotate(store: SqlStore, count: int, concurrency: int) -> None:
    done = 0
    while done < count:
        claims = await store.claim("bench", limit=concurrency, ttl=TTL)
        await asyncio.gather(*(one_rotation(store, claim) for claim in claims))
        done += len(claims)


async def claims_among(store: SqlStore, rounds: int) -> None:
    """Eight are due each time, all the others in the far future."""
    for _ in range(rounds):
        for claim in await store.claim("bench", limit=8, ttl=TTL):
            await store.write(claim.lease, [], ttl=TTL, wake_at=claim.now, release=True)
        await store.next_wake()


async def put_to_sleep(store: SqlStore, *, but: int) -> None:
    far = datetime.now(UTC) + 1000 * DAY
    while len(claims := await store.claim("bench", limit=256, ttl=TTL)) > 0:
        await asyncio.gather(*(store.write(claim.lease, [], ttl=TTL, wake_at=far, release=True) for claim in claims))
    await store.wake([f"rotation-{n}" for n in range(1, but + 1)])


def main() -> None:
    for concurrency in (1, 8):
        with a_store(1000) as store:
            asyncio.run(rotate(store, 64, concurrency))
            with measured() as spent:
                asyncio.run(rotate(store, 800, concurrency))
        _say(f"store, a rotation, {concurrency} at once", spent, per=800)
    for existing in (100, 1000, 10_000, 100_000):
        with a_store(existing) as store:
            asyncio.run(put_to_sleep(store, but=8))
            with measured() as spent:
                asyncio.run(claims_among(store, 20))
        _say(f"store, a look with 8 due among {existing:,}", spent, per=20)


def _say(what: str, spent: Spent, *, per: int) -> None:
    processor, wall = spent.processor / per * 1000, spent.wall / per * 1000
    sys.stdout.write(f"{what:<45}{processor:8.2f} ms processor{wall:8.2f} ms\n")


if __name__ == "__main__":
    main()
