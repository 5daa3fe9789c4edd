"""Do the books count and choose rotations for somebody who looks at all of them?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.edits import Retire
from rotator.domain.model import Alarm, CredentialState, Folder, RotationStatus
from rotator.domain.overview import Look, Overview, Tally
from tests.builders import a_credential, a_delivery, a_rotation, rotations
from tests.contracts.stores import TTL, Books
from tests.fakes import START

SINCE = START - timedelta(days=30)


async def looked(books: Books, **wanted: object) -> Overview:
    return await books.store.overview(Look(SINCE, **wanted))  # type: ignore[arg-type]


def names(found: Overview) -> list[str]:
    return [facts.rotation.name for facts in found.page]


async def test_an_empty_database_has_nothing_to_show(books: Books) -> None:
    found = await looked(books)
    assert (found.total, found.attention, found.rotating, found.paused, found.found) == (0, 0, 0, 0, 0)
    assert names(found) == []


async def test_what_needs_attention_comes_first_and_pages_hold_what_they_should(books: Books) -> None:
    made = rotations(7)
    await books.defined(*made)
    bad = made[4]
    (claim,) = await books.store.claim("node-1", limit=1, ttl=TTL, only=[bad.id])
    standing = replace(claim.facts.standing, alarms=(Alarm("DRIFT", "x"),))
    await books.store.write(claim.lease, [standing], ttl=TTL)
    await books.store.pause(made[1].id)
    found = await looked(books, most=3)
    assert (found.total, found.attention, found.paused, found.found) == (7, 1, 1, 7)
    rest = sorted({each.name for each in made} - {bad.name})
    assert names(found) == [bad.name, *rest[:2]]
    assert names(await looked(books, most=3, offset=3)) == rest[2:5]
    assert names(await looked(books, show="attention")) == [bad.name]
    assert names(await looked(books, show="paused")) == [made[1].name]
    assert names(await looked(books, show="rotating")) == []


@pytest.mark.parametrize(
    ("text", "fits"), [("ILL", True), ("bill%", False), ("b_l", False), ("\\", False), ("'", False)]
)
async def test_text_is_looked_for_as_it_stands(books: Books, text: str, fits: bool) -> None:  # noqa: FBT001 - a parameter of a test
    await books.defined(a_rotation(name="billing"))
    found = await looked(books, text=text)
    assert (found.total, found.found) == (1, int(fits))


@pytest.mark.parametrize(
    ("place", "fits"),
    [
        (("", "", ""), True),
        (("payments", "", ""), True),
        (("payments", "prod", "/"), True),
        (("payments", "prod", "/team"), True),
        (("payments", "prod", "/team/a"), True),
        (("payments", "prod", "/team/a/b"), False),
        (("payments", "prod", "/te"), False),
        (("payments", "dev", ""), False),
        (("pay", "", ""), False),
    ],
)
async def test_only_what_lies_in_ones_places_is_counted(books: Books, place: tuple[str, str, str], fits: bool) -> None:  # noqa: FBT001 - a parameter of a test
    await books.defined(a_rotation(folder=Folder("payments", "prod", "/team/a")))
    found = await looked(books, places=frozenset({place}))
    assert (found.total, len(found.page)) == (int(fits), int(fits))
    assert (await looked(books, places=frozenset())).total == 0


async def test_the_rotation_of_a_connections_own_secret_is_for_who_sees_everything(books: Books) -> None:
    await books.defined(a_rotation(own_connection="contoso"))
    assert (await looked(books)).total == 1
    assert (await looked(books, places=frozenset({("", "", "")}))).total == 0


async def test_a_life_holds_what_ended_lately_and_not_what_ended_long_ago(books: Books) -> None:
    lease = await books.leased()
    day = timedelta(days=1)
    ended = {"one": START - 40 * day, "two": START - 3 * day}
    kept = [
        a_credential(key_id=key, state=CredentialState.REVOKED, starts_at=at - 5 * day, revoked_at=at)
        for key, at in ended.items()
    ]
    await books.store.write(lease, kept, ttl=TTL)
    life = await books.store.life("rotation-1", SINCE)
    assert [each.key_id for each in life.credentials] == ["two"]
    assert (await looked(books)).lives["rotation-1"] == life


async def test_what_may_need_somebody_is_told_without_the_rest(books: Books) -> None:
    made = rotations(6)
    await books.defined(*made)
    for each in made:
        (claim,) = await books.store.claim("node-1", limit=1, ttl=TTL, only=[each.id])
        await books.store.write(claim.lease, [], ttl=TTL, wake_at=START + timedelta(days=3), release=True)
    assert await books.store.in_need(10) == []
    changes: dict[int, dict[str, object]] = {0: {"failures": 2}, 1: {"hold": "HELD"}, 2: {"due_slot": START}}
    changes |= {3: {"alarms": (Alarm("DRIFT", "x"),)}}
    for n, change in changes.items():
        (claim,) = await books.store.claim("node-1", limit=1, ttl=TTL, only=[made[n].id])
        standing = replace(claim.facts.standing, **change)  # type: ignore[arg-type]
        await books.store.write(claim.lease, [standing], ttl=TTL, wake_at=START + timedelta(days=3), release=True)
    await books.store.wake([made[4].id])
    names = [each.name for each in made]
    assert sorted(await books.store.troubled(10)) == sorted([names[0], names[1], names[3]])
    assert sorted(await books.store.in_need(10)) == sorted(names[:5])
    assert len(await books.store.in_need(2)) == 2
    await books.store.define([Retire(made[0].id, START)])
    assert names[0] not in await books.store.in_need(10)


async def test_all_are_counted_by_how_they_stand_and_retired_ones_are_not(books: Books) -> None:
    made = rotations(4)
    await books.defined(*made)
    (claim,) = await books.store.claim("node-1", limit=1, ttl=TTL, only=[made[0].id])
    standing = replace(claim.facts.standing, state="live", status=RotationStatus.SUCCESS)
    mine, other = {"rotation_id": made[0].id, "key_id": "11111111-1111-4111-8111-111111111111"}, made[0].id
    retiring = a_credential(state=CredentialState.RETIRING, **mine)
    drifted = a_delivery(rotation_id=other, drifted=True)
    await books.store.write(claim.lease, [standing, retiring, drifted], ttl=TTL)
    await books.store.define([Retire(made[3].id, START)])
    assert await books.store.count() == 3
    found = await books.store.tally()
    assert found == Tally({"success": 1, "new": 2}, 1, {drifted.destination: 1})
