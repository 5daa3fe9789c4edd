"""Does a store let one writer to an application at a time, and none that has been overtaken (law L8)?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.changes import ResolveApplication
from rotator.domain.model import Lease, Standing
from rotator.errors import LeaseLost
from tests.builders import a_rotation, an_application, an_attempt, an_entry, rotations
from tests.contracts.stores import NEVER, TTL, Books

LATER = timedelta(days=1)


async def test_what_is_due_is_claimed_with_its_facts_and_the_time(books: Books) -> None:
    await books.defined()
    claim = await books.claimed()
    assert claim.facts.rotation == a_rotation()
    assert claim.facts.standing == Standing("rotation-1")
    assert claim.now == books.clock.now()
    assert claim.lease == Lease("11111111-1111-4111-8111-111111111111", a_rotation().application.object_id, "node-1", 1,
                                books.clock.now() + TTL)  # fmt: skip


async def test_nothing_is_claimed_before_its_time_or_beyond_the_limit(books: Books) -> None:
    await books.defined(*rotations(5))
    assert len(await books.store.claim("node-1", limit=0, ttl=TTL)) == 0
    first = await books.store.claim("node-1", limit=2, ttl=TTL)
    assert [claim.facts.rotation.id for claim in first] == ["rotation-1", "rotation-2"]
    for claim in first:
        await books.store.write(claim.lease, [], ttl=TTL, wake_at=books.clock.now() + LATER, release=True)
    rest = await books.store.claim("node-1", limit=8, ttl=TTL)
    assert [claim.facts.rotation.id for claim in rest] == ["rotation-3", "rotation-4", "rotation-5"]


async def test_the_earliest_is_claimed_first(books: Books) -> None:
    await books.defined(*rotations(3))
    for claim, hours in zip(await books.store.claim("node-1", limit=3, ttl=TTL), (3, 1, 2), strict=True):
        wake_at = books.clock.now() + timedelta(hours=hours)
        await books.store.write(claim.lease, [], ttl=TTL, wake_at=wake_at, release=True)
    books.clock.advance(timedelta(hours=4))
    claims = await books.store.claim("node-1", limit=3, ttl=TTL)
    assert [claim.facts.rotation.id for claim in claims] == ["rotation-2", "rotation-3", "rotation-1"]


async def test_a_connection_with_much_to_do_lets_another_one_pass(books: Books) -> None:
    await books.defined(*rotations(100))
    other = replace(
        a_rotation(id="other", name="other", connection="fabrikam"), application=an_application(object_id="o")
    )
    books.clock.advance(timedelta(minutes=1))
    await books.defined(other)
    claims = await books.store.claim("node-1", limit=2, ttl=TTL)
    assert "other" in [claim.facts.rotation.id for claim in claims]


async def test_of_two_connections_with_much_to_do_both_begin_in_turn(books: Books) -> None:
    many = [replace(each, connection="fabrikam" if n % 10 else "contoso") for n, each in enumerate(rotations(40))]
    await books.defined(*many)
    begun = set()
    for _ in range(4):
        begun.add((await books.store.claim("node-1", limit=1, ttl=TTL))[0].facts.rotation.connection)
        books.clock.advance(timedelta(microseconds=1))
    assert begun == {"contoso", "fabrikam"}


async def test_only_those_named_are_claimed_whatever_their_time(books: Books) -> None:
    await books.defined(*rotations(3))
    for claim in await books.store.claim("node-1", limit=3, ttl=TTL):
        await books.store.write(claim.lease, [], ttl=TTL, wake_at=NEVER, release=True)
    assert await books.store.claim("node-1", limit=8, ttl=TTL) == []
    claim = await books.claimed(only=["rotation-2", "no-such"])
    assert claim.facts.rotation.id == "rotation-2"


async def test_a_leased_application_is_not_claimed_by_anybody(books: Books) -> None:
    await books.leased()
    for holder in ("node-1", "node-2"):
        assert await books.store.claim(holder, limit=8, ttl=TTL) == []
        assert await books.store.claim(holder, limit=8, ttl=TTL, only=["rotation-1"]) == []


async def test_of_two_rotations_on_one_application_one_is_claimed_at_a_time(books: Books) -> None:
    await books.defined(a_rotation(), a_rotation(id="rotation-2", name="other"))
    first = await books.claimed()
    assert await books.store.claim("node-2", limit=8, ttl=TTL) == []
    await books.store.write(first.lease, [], ttl=TTL, wake_at=NEVER, release=True)
    assert (await books.claimed("node-2")).facts.rotation.id == "rotation-2"


async def test_a_lease_that_ran_out_is_taken_over_with_a_higher_token(books: Books) -> None:
    first = await books.leased()
    books.clock.advance(TTL)
    second = (await books.claimed("node-2")).lease
    assert (second.holder, second.token) == ("node-2", first.token + 1)


async def test_L8_a_stale_token_cannot_write(books: Books) -> None:
    stale = await books.leased()
    books.clock.advance(TTL)
    await books.claimed("node-2")
    with pytest.raises(LeaseLost, match="node-2"):
        await books.store.write(stale, [an_entry()], ttl=TTL, wake_at=NEVER, release=True)
    with pytest.raises(LeaseLost):
        await books.store.renew(stale, TTL)
    with pytest.raises(LeaseLost):
        await books.store.raise_token(stale, 10)
    assert await books.store.journal("rotation-1") == []
    assert await books.store.claim("node-3", limit=8, ttl=TTL) == []


async def test_L8_a_token_only_grows_through_release_and_takeover(books: Books) -> None:
    lease = await books.leased()
    tokens = [lease.token]
    for _ in range(3):
        await books.store.write(lease, [], ttl=TTL, wake_at=books.clock.now(), release=True)
        lease = (await books.claimed()).lease
        tokens.append(lease.token)
    assert tokens == [1, 2, 3, 4]


async def test_an_expired_lease_that_nobody_took_is_still_ours(books: Books) -> None:
    lease = await books.leased()
    books.clock.advance(10 * TTL)
    written = await books.store.write(lease, [an_attempt()], ttl=TTL)
    assert written.lease.until == books.clock.now() + TTL
    assert await books.store.claim("node-2", limit=8, ttl=TTL) == []


async def test_every_write_and_a_renewal_extend_the_lease(books: Books) -> None:
    lease = await books.leased()
    books.clock.advance(timedelta(seconds=60))
    lease = (await books.store.write(lease, [], ttl=TTL)).lease
    books.clock.advance(timedelta(seconds=60))
    lease = await books.store.renew(lease, TTL)
    books.clock.advance(timedelta(seconds=60))
    assert await books.store.claim("node-2", limit=8, ttl=TTL) == []
    assert lease.until == books.clock.now() + timedelta(seconds=30)


async def test_a_higher_token_seen_at_a_destination_is_outdone(books: Books) -> None:
    lease = await books.leased()
    raised = await books.store.raise_token(lease, 41)
    assert raised.token == 42
    assert (await books.store.raise_token(raised, 7)).token == 42
    with pytest.raises(LeaseLost):
        await books.store.write(lease, [], ttl=TTL)
    await books.store.write(raised, [], ttl=TTL, wake_at=books.clock.now(), release=True)
    assert (await books.claimed()).lease.token == 43


async def test_a_release_without_a_time_leaves_the_wake_up_as_it_was(books: Books) -> None:
    lease = await books.leased()
    later = books.clock.now() + timedelta(seconds=10)
    lease = (await books.store.write(lease, [], ttl=TTL, wake_at=later)).lease
    await books.store.write(lease, [], ttl=TTL, release=True)
    assert await books.store.next_wake() == later


async def test_L13_a_lease_that_runs_absurdly_long_counts_as_free(books: Books) -> None:
    books.clock.jump(timedelta(days=365))
    stale = await books.leased()
    books.clock.jump(timedelta(days=-365) + TTL)
    fresh = (await books.claimed("node-2", only=["rotation-1"])).lease
    assert fresh.token == stale.token + 1
    with pytest.raises(LeaseLost):
        await books.store.renew(stale, TTL)


async def test_a_claimed_rotation_is_due_again_when_its_holder_dies(books: Books) -> None:
    lease = await books.leased()
    await books.store.write(lease, [], ttl=TTL, wake_at=NEVER, release=True)
    await books.claimed(only=["rotation-1"])
    books.clock.advance(TTL)
    await books.claimed("node-2")


async def test_leases_run_in_real_time_and_all_else_in_scaled_time(books: Books) -> None:
    lease = await books.leased()
    started = books.clock.now()
    books.offset = timedelta(days=30)
    written = await books.store.write(lease, [an_entry()], ttl=TTL)
    assert written.lease.until == started + TTL
    assert written.now == await books.store.now() == started + books.offset
    assert (await books.store.journal("rotation-1"))[0].at == started + books.offset
    assert await books.store.claim("node-2", limit=8, ttl=TTL) == []


async def test_an_application_that_was_looked_up_is_leased_by_its_object_id(books: Books) -> None:
    by_client = an_application(object_id="", name="")
    await books.defined(a_rotation(application=by_client))
    claim = await books.claimed()
    assert claim.lease.object_id == f"client:{by_client.client_id}"
    found = an_application(object_id="OBJECT-9")
    resolved = ResolveApplication("rotation-1", found.object_id, found.client_id, found.name)
    written = await books.store.write(claim.lease, [resolved], ttl=TTL)
    assert written.lease.object_id == "object-9"
    assert written.lease.token > claim.lease.token
    assert (await books.facts()).rotation.application == found
    with pytest.raises(LeaseLost):
        await books.store.write(Lease(found.tenant_id, "object-9", "node-1", 1, claim.lease.until), [], ttl=TTL)
    await books.store.write(written.lease, [], ttl=TTL, wake_at=books.clock.now(), release=True)
    assert (await books.claimed()).lease.object_id == "object-9"


async def test_an_application_found_to_be_leased_already_is_left_alone(books: Books) -> None:
    known, unknown = an_application(), an_application(object_id="")
    await books.defined(a_rotation(), a_rotation(id="rotation-2", name="other", application=unknown))
    claims = await books.store.claim("node-1", limit=8, ttl=TTL)
    lease = next(claim.lease for claim in claims if claim.facts.rotation.id == "rotation-2")
    resolved = ResolveApplication("rotation-2", known.object_id, known.client_id, known.name)
    with pytest.raises(LeaseLost, match="another rotation"):
        await books.store.write(lease, [resolved, an_entry(rotation_id="rotation-2")], ttl=TTL)
    assert (await books.facts("rotation-2")).rotation.application == unknown
    assert await books.store.journal("rotation-2") == []


async def test_whoever_knows_that_no_holder_lives_ends_all_leases(books: Books) -> None:
    stale = await books.leased()
    assert await books.store.end_leases() == 1
    fresh = (await books.claimed("node-2")).lease
    assert fresh.token == stale.token + 1


async def test_the_next_wake_is_the_earliest_of_those_that_nobody_holds(books: Books) -> None:
    assert await books.store.next_wake() is None
    await books.defined(*rotations(3))
    claims = await books.store.claim("node-1", limit=3, ttl=TTL)
    assert await books.store.next_wake() is None
    for claim, days in zip(claims, (3, 2, 1), strict=True):
        wake_at = NEVER if days == 1 else books.clock.now() + timedelta(days=days)
        await books.store.write(claim.lease, [], ttl=TTL, wake_at=wake_at, release=True)
    assert await books.store.next_wake() == books.clock.now() + timedelta(days=2)
