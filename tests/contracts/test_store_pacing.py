"""Does a store give out no more than there is of what all nodes share, and tell who wakes when there is too little?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest

from rotator.domain.changes import ConnectionQuiet
from rotator.domain.model import Attempt, Lease
from rotator.domain.pacing import LONGEST_QUIET, Beginning, Bucket, Line, Toll, quiet
from rotator.errors import LimitReached
from tests.builders import an_attempt, rotations
from tests.contracts.stores import NEVER, TTL, Books

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
SLOW = Bucket("writes of somebody", SECOND, 3)
WIDE = Bucket("writes of everybody", SECOND / 10, 100)


async def leased(books: Books, count: int) -> Sequence[Lease]:
    await books.defined(*rotations(count))
    return [claim.lease for claim in await books.store.claim("node-1", limit=count, ttl=TTL)]


async def taken(books: Books, lease: Lease, *buckets: Bucket, pressing: bool = False) -> timedelta:
    """How long one had to wait for a write: not at all when there was one."""
    try:
        await books.store.write(lease, [], ttl=TTL, toll=Toll(buckets=buckets, pressing=pressing))
    except LimitReached as reached:
        return reached.wait
    return timedelta(0)


def begun(books: Books, lease: Lease, n: int) -> Attempt:
    return an_attempt(id=f"attempt-{n}", rotation_id=f"rotation-{n}", started_at=books.clock.now())


async def begins(books: Books, leases: Sequence[Lease], n: int, *, per_hour: int, at: datetime | None = None) -> bool:
    """Has that attempt found its place?"""
    at = at or books.clock.now()
    attempt = replace(begun(books, leases[n - 1], n), started_at=at)
    toll = Toll(Beginning("contoso", at, per_hour))
    try:
        await books.store.write(leases[n - 1], [attempt], ttl=TTL, toll=toll)
    except LimitReached:
        return False
    return True


async def test_a_bucket_gives_its_burst_at_once_and_then_one_so_often(books: Books) -> None:
    (lease,) = await leased(books, 1)
    waits = [await taken(books, lease, SLOW) for _ in range(5)]
    assert waits == [timedelta(0)] * 3 + [SECOND] * 2
    books.clock.advance(SECOND)
    assert [await taken(books, lease, SLOW) for _ in range(2)] == [timedelta(0), SECOND]


async def test_a_write_that_one_bucket_has_no_room_for_is_taken_from_none(books: Books) -> None:
    (lease,) = await leased(books, 1)
    for _ in range(3):
        await taken(books, lease, SLOW)
    assert [await taken(books, lease, SLOW, WIDE) for _ in range(3)] == [SECOND] * 3
    gone = [await taken(books, lease, WIDE) for _ in range(101)]
    assert gone.count(timedelta(0)) == 100


async def test_what_is_refused_leaves_the_books_as_they_were(books: Books) -> None:
    (lease,) = await leased(books, 1)
    for _ in range(3):
        await taken(books, lease, SLOW)
    with pytest.raises(LimitReached):
        await books.store.write(
            lease, [begun(books, lease, 1)], ttl=TTL, wake_at=NEVER, release=True, toll=Toll(buckets=(SLOW,))
        )
    assert (await books.facts()).attempt is None
    await books.store.renew(lease, TTL)


async def test_what_presses_is_not_kept_waiting_and_others_wait_the_longer(books: Books) -> None:
    (lease,) = await leased(books, 1)
    for _ in range(3):
        await taken(books, lease, SLOW)
    assert [await taken(books, lease, SLOW, pressing=True) for _ in range(2)] == [timedelta(0)] * 2
    assert await taken(books, lease, SLOW) == 3 * SECOND
    for _ in range(50):
        await taken(books, lease, SLOW, pressing=True)
    assert await taken(books, lease, SLOW) <= 4 * SECOND


async def test_a_bucket_that_a_wrong_clock_has_emptied_for_years_gives_again(books: Books) -> None:
    (lease,) = await leased(books, 1)
    books.clock.jump(timedelta(days=400))
    for _ in range(3):
        await taken(books, lease, SLOW)
    books.clock.jump(-timedelta(days=400))
    assert await taken(books, lease, SLOW) == timedelta(0)
    assert await taken(books, lease, SLOW) == SECOND


@pytest.mark.parametrize("seed", range(5))
async def test_no_span_of_time_sees_more_than_the_burst_and_what_came_in_it(books: Books, seed: int) -> None:
    """Whoever asks, how many at once, however unevenly."""
    random = Random(seed)
    bucket = Bucket("writes of somebody", timedelta(milliseconds=random.randint(50, 900)), random.randint(1, 8))
    leases = await leased(books, 5)
    given: list[datetime] = []
    for _ in range(30):
        asked = [taken(books, random.choice(leases), bucket) for _ in range(random.randint(1, 8))]
        waits = await asyncio.gather(*asked)
        given += [books.clock.now()] * waits.count(timedelta(0))
        books.clock.advance(timedelta(milliseconds=random.choice([0, 10, 400, 2_500])))
    assert len(given) > bucket.burst
    for first in range(len(given)):
        for last in range(first, len(given)):
            assert last - first + 1 <= bucket.burst + (given[last] - given[first]) / bucket.every + 1e-6


async def test_at_once_no_more_attempts_begin_than_may_in_an_hour(books: Books) -> None:
    leases = await leased(books, 20)
    places = await asyncio.gather(*(begins(books, leases, n, per_hour=5) for n in range(1, 21)))
    assert places.count(True) == 5
    facts = await books.store.facts()
    assert sum(each.attempt is not None for each in facts) == 5
    assert facts[0].health.attempts_last_hour == 5


async def test_a_place_is_free_again_when_its_attempt_is_an_hour_old(books: Books) -> None:
    leases = await leased(books, 3)
    assert await begins(books, leases, 1, per_hour=1)
    books.clock.advance(HOUR - SECOND)
    assert not await begins(books, leases, 2, per_hour=1)
    toll = Toll(Beginning("contoso", books.clock.now(), 1))
    with pytest.raises(LimitReached) as reached:
        await books.store.write(leases[1], [], ttl=TTL, toll=toll)
    assert (reached.value.limit, reached.value.wait) == ("attempts", SECOND)
    books.clock.advance(SECOND)
    assert await begins(books, leases, 3, per_hour=1)


async def test_an_attempt_that_is_recorded_late_counts_from_when_it_began(books: Books) -> None:
    leases = await leased(books, 2)
    assert await begins(books, leases, 1, per_hour=1)
    began = books.clock.now() + HOUR - SECOND
    books.clock.advance(HOUR + SECOND)
    assert not await begins(books, leases, 2, per_hour=1, at=began)


async def test_another_connection_has_places_of_its_own(books: Books) -> None:
    leases = await leased(books, 2)
    assert await begins(books, leases, 1, per_hour=1)
    toll = Toll(Beginning("fabrikam", books.clock.now(), 1))
    await books.store.write(leases[1], [], ttl=TTL, toll=toll)


async def test_those_in_line_wake_one_after_the_other(books: Books) -> None:
    leases = await leased(books, 6)
    front, line = books.clock.now() + HOUR, Line("line", 10 * SECOND, 30 * SECOND)
    for lease in leases:
        await books.store.write(lease, [], ttl=TTL, wake_at=front, release=True, line=line)
    woken = {}
    for after in range(-1, 41):
        books.clock.jump(front + after * SECOND - books.clock.now())
        for claim in await books.store.claim("node-2", limit=8, ttl=TTL):
            woken[claim.facts.rotation.id] = after
    # Whoever would wait longer than the line allows begins at its front again.
    assert sorted(woken.values()) == [0, 0, 10, 10, 20, 30]


async def test_a_line_that_nobody_stands_in_any_more_is_forgotten(books: Books) -> None:
    (lease,) = await leased(books, 1)
    line = Line("line", 10 * SECOND, HOUR)
    wake_at = books.clock.now() + SECOND
    for _ in range(3):
        await books.store.write(lease, [], ttl=TTL, wake_at=wake_at, line=line)
    books.clock.advance(HOUR)
    later = books.clock.now() + SECOND
    await books.store.write(lease, [], ttl=TTL, wake_at=later, release=True, line=line)
    assert await books.store.next_wake() == later


async def test_a_connection_that_graph_wants_to_be_left_alone_by_writes_nothing_on_any_node(books: Books) -> None:
    first, second = await leased(books, 2)
    hushed = Bucket(quiet("contoso"), timedelta(0), 0)
    assert await taken(books, first, hushed) == timedelta(0)
    await books.store.write(first, [ConnectionQuiet("contoso", 30 * SECOND)], ttl=TTL)
    await books.store.write(second, [ConnectionQuiet("contoso", 5 * SECOND)], ttl=TTL)
    assert await taken(books, second, hushed, WIDE) == 30 * SECOND
    assert await taken(books, second, hushed, WIDE, pressing=True) == timedelta(0)
    assert await taken(books, second, Bucket(quiet("fabrikam"), timedelta(0), 0)) == timedelta(0)
    assert (await books.facts()).health.quiet_until == books.clock.now() + 30 * SECOND
    books.clock.advance(30 * SECOND)
    assert await taken(books, second, hushed, WIDE) == timedelta(0)
    assert (await books.facts()).health.quiet_until is None


async def test_of_two_transactions_the_one_that_began_first_may_end_last(books: Books) -> None:
    """Each has its own time: that of the later one is no time that the earlier one must wait for."""
    first, second = await leased(books, 2)
    hushed = Bucket(quiet("contoso"), timedelta(0), 0)
    assert await taken(books, first, hushed, WIDE) == timedelta(0)
    books.clock.jump(-timedelta(milliseconds=3))
    assert await taken(books, second, hushed, WIDE) == timedelta(0)
    assert await begins(books, [first, second], 2, per_hour=1)


async def test_nobody_is_left_alone_for_longer_than_an_hour(books: Books) -> None:
    (lease,) = await leased(books, 1)
    await books.store.write(lease, [ConnectionQuiet("contoso", timedelta(days=9))], ttl=TTL)
    assert (await books.facts()).health.quiet_until == books.clock.now() + LONGEST_QUIET
    books.clock.jump(-timedelta(days=2))
    assert (await books.facts()).health.quiet_until is None
    assert await taken(books, lease, Bucket(quiet("contoso"), timedelta(0), 0)) == timedelta(0)
