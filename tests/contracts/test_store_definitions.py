"""Does a store keep definitions, and does it see to it that what people do is looked at?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.changes import SealText
from rotator.domain.definition import Defined, definition_hash
from rotator.domain.edits import Add, Change, Inherit, Retire
from rotator.domain.model import CredentialState, Folder, Rotation, Secret
from rotator.domain.schedule import Schedule
from tests.builders import (
    KEY,
    a_credential,
    a_file_destination,
    a_request,
    a_rotation,
    an_application,
    an_embedded_destination,
    rotations,
)
from tests.contracts.stores import NEVER, TTL, Books
from tests.fakes import START

DAY = timedelta(days=1)


async def asleep(books: Books) -> None:
    """The plain rotation, not to be looked at."""
    lease = await books.leased()
    await books.store.write(lease, [], ttl=TTL, wake_at=NEVER, release=True)
    assert await books.store.next_wake() is None


async def test_a_definition_is_read_back_whole(books: Books) -> None:
    destinations = (an_embedded_destination(), a_file_destination(options={"path": "/x", "deep": {"list": [1, "a"]}}))
    whole = a_rotation(
        schedule=Schedule(7, 23, 59, "Europe/Oslo"),
        overlap=timedelta(hours=48),
        destinations=destinations,
        labels={"owner": "team"},
        description="ü",
        own_connection="contoso",
        defined_at="conf.yaml:3:5",
    )
    await books.defined(whole)
    (defined,) = await books.store.definitions()
    assert defined.rotation == whole
    assert defined.hash == definition_hash(whole)
    assert (defined.switches.created_at, defined.switches.changed_at) == (START, None)
    assert (await books.facts()).rotation == whole


async def test_a_change_is_due_for_a_look_at_once_and_keeps_what_was_found_out(books: Books) -> None:
    await asleep(books)
    changed = a_rotation(application=an_application(object_id=""), description="new")
    await books.store.define([Change(changed, START + DAY)])
    claim = await books.claimed()
    assert claim.facts.rotation == replace(changed, application=an_application())
    assert claim.facts.switches.changed_at == START + DAY
    await books.store.define([Change(a_rotation(description="newer"))])
    assert (await books.facts()).switches.changed_at == START + DAY
    assert (await books.store.definitions())[0].hash == definition_hash(a_rotation(description="newer"))


async def test_an_unknown_rotation_is_not_changed_and_nothing_beside_it(books: Books) -> None:
    with pytest.raises(KeyError):
        await books.store.define([Add(a_rotation()), Change(a_rotation(id="no-such"))])
    assert await books.store.definitions() == []


async def test_a_retired_rotation_is_looked_at_and_comes_back_by_a_change(books: Books) -> None:
    await asleep(books)
    await books.store.define([Retire("rotation-1", START + DAY)])
    await books.store.define([Retire("rotation-1", START + 2 * DAY)])
    assert (await books.claimed()).facts.switches.retired_at == START + DAY
    await books.store.define([Change(a_rotation())])
    assert (await books.facts()).switches.retired_at is None


async def test_a_new_name_inherits_ledger_and_history(books: Books) -> None:
    lease = await books.leased()
    await books.store.write(lease, [a_credential()], ttl=TTL)
    await books.store.define([Retire("rotation-1", START)])
    await books.store.define([Inherit(a_rotation(id="another-id", name="new-name"), "rotation-1")])
    (facts,) = await books.store.facts(["new-name"])
    assert facts.rotation.id == "rotation-1"
    assert facts.current is not None
    assert facts.switches.retired_at is None
    assert await books.store.find("billing-api") is None


async def test_sources_are_replaced_together_with_the_definitions(books: Books) -> None:
    await books.store.define([Add(a_rotation())], files={"a.yaml": "1", "b.yaml": "2"})
    await books.store.define([])
    assert await books.store.source_hashes() == {"a.yaml": "1", "b.yaml": "2"}
    await books.store.define([], files={"b.yaml": "3"})
    assert await books.store.source_hashes() == {"b.yaml": "3"}


async def test_a_name_finds_the_living_rotation_before_the_retired_one(books: Books) -> None:
    await books.defined(a_rotation(), a_rotation(id="rotation-2", application=an_application(object_id="other")))
    await books.store.define([Retire("rotation-2", START)])
    assert await books.store.find("billing-api") == "rotation-1"
    assert await books.store.find("rotation-2") == "rotation-2"
    assert await books.store.find("no-such") is None


async def test_facts_of_all_or_of_some_come_by_name(books: Books) -> None:
    await books.defined(*reversed(rotations(20)))
    assert len(await books.store.facts()) == 20
    some = await books.store.facts(["api-3", "api-12", "no-such"])
    assert [facts.rotation.name for facts in some] == ["api-12", "api-3"]
    assert await books.store.facts([]) == []


@pytest.mark.parametrize("deed", ["ask", "hint", "wake", "wake all", "pause", "resume", "approve"])
async def test_whatever_people_do_is_looked_at_at_once(books: Books, deed: str) -> None:
    await asleep(books)
    store = books.store
    deeds: dict[str, Callable[[], Awaitable[object]]] = {
        "ask": lambda: store.ask(a_request()),
        "hint": lambda: store.hint("rotation-1", "embedded"),
        "wake": lambda: store.wake(["rotation-1"]),
        "wake all": store.wake,
        "pause": lambda: store.pause("rotation-1"),
        "resume": lambda: store.resume("rotation-1"),
        "approve": lambda: store.approve("rotation-1"),
    }
    await deeds[deed]()
    await books.claimed()


async def test_what_is_asked_under_a_lease_is_not_put_off_by_its_holder(books: Books) -> None:
    lease = await books.leased()
    await books.store.ask(a_request())
    await books.store.write(lease, [], ttl=TTL, wake_at=NEVER, release=True)
    claim = await books.claimed()
    assert claim.facts.requests == (a_request(),)
    await books.store.write(claim.lease, [], ttl=TTL, wake_at=NEVER, release=True)
    assert await books.store.next_wake() is None


async def test_switches_show_in_the_facts(books: Books) -> None:
    await books.defined()
    await books.store.resume("rotation-1")
    assert (await books.facts()).switches.changed_at is None
    await books.store.pause("rotation-1")
    assert (await books.facts()).switches.paused
    books.clock.advance(60)
    await books.store.resume("rotation-1")
    switches = (await books.facts()).switches
    assert (switches.paused, switches.changed_at) == (False, START + timedelta(seconds=60))
    await books.store.approve("rotation-1")
    assert (await books.facts()).switches.approved_at == START + timedelta(seconds=60)


async def test_asking_of_an_unknown_rotation_is_an_error_and_hinting_is_not(books: Books) -> None:
    for deed in (books.store.ask(a_request()), books.store.pause("rotation-1"), books.store.look("rotation-1")):
        with pytest.raises(KeyError):
            await deed
    await books.store.hint("rotation-1", "embedded")


async def test_a_connection_finds_the_credential_it_rotates_for_itself(books: Books) -> None:
    await books.defined(a_rotation(own_connection="contoso"))
    lease = (await books.claimed()).lease
    assert await books.store.own_credential("contoso") is None
    current, old = a_credential(), a_credential(key_id="old", state=CredentialState.RETIRING)
    texts = [SealText(KEY, Secret("new")), SealText("old", Secret("old"))]
    await books.store.write(lease, [current, old, *texts], ttl=TTL)
    assert await books.store.own_credential("contoso") == (current, Secret("new"))
    assert await books.store.own_credential("other") is None


async def test_fingerprints_are_kept_and_are_the_same_for_the_same_text_only(books: Books) -> None:
    first, again = await books.store.fingerprint(Secret("a")), await books.store.fingerprint(Secret("a"))
    assert first == again != await books.store.fingerprint(Secret("b"))
    assert await books.store.connection_fingerprint("contoso") is None
    await books.store.set_connection_fingerprint("contoso", first)
    assert await books.store.connection_fingerprint("contoso") == first


async def test_of_very_many_definitions_only_those_that_are_meant_are_read(books: Books) -> None:
    mine = a_rotation(id="1", name="mine", folder=Folder("payments", "prod", "/a"))
    apis = a_rotation(id="2", name="apis", folder=Folder("payments", "prod", "/b"), api_made=True)
    file = a_rotation(
        id="3",
        name="file",
        folder=Folder("payments", "prod", "/b"),
        api_made=True,
        destinations=(a_file_destination(),),
    )
    gone = a_rotation(id="4", name="gone", folder=Folder("payments", "prod", "/b"), api_made=True)
    await books.defined(mine, apis, file, gone)
    await books.store.define([Retire("4", START)])

    def named(found: Sequence[Defined]) -> list[str]:
        return sorted(each.rotation.name for each in found)

    assert named(await books.store.definitions_of_files()) == ["gone", "mine"]
    assert named(await books.store.definitions_named(["apis", "gone", "other"])) == ["apis", "gone"]
    assert await books.store.definitions_named([]) == []
    passed: dict[str, list[str]] = {}
    for place, folder in {"/a": mine.folder, "/b": apis.folder, "elsewhere": None}.items():
        seen: list[Rotation] = []
        await books.store.pass_by(folder, seen.append)
        passed[place] = sorted(each.name for each in seen)
    assert passed == {"/a": ["mine"], "/b": ["apis", "file"], "elsewhere": ["file"]}
    await books.store.define([Change(replace(file, folder=mine.folder, destinations=apis.destinations))])
    moved: list[Rotation] = []
    await books.store.pass_by(None, moved.append)
    assert moved == []


async def test_some_of_those_that_use_a_connection_are_told_its_own_first(books: Books) -> None:
    own = a_rotation(id="9", name="connection-contoso", own_connection="contoso")
    await books.defined(*rotations(4), own)
    assert await books.store.users_of("contoso", most=3) == [
        ("connection-contoso", True),
        *((each, False) for each in sorted(each.name for each in rotations(4))[:2]),
    ]
    assert await books.store.users_of("other", most=3) == []
