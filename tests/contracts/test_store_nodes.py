"""Does a store know who works on it, and whose definitions are the newest?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.edits import Add
from rotator.domain.nodes import Age, Node, Reading, differing, working
from rotator.errors import DefinitionsMoved
from tests.builders import a_rotation
from tests.contracts.stores import Books

ONE, TWO = Node("one/abc", "one", "1.0", "d1", 3), Node("two/def", "two", "1.1", "d2", draining=True)


async def test_nodes_are_listed_until_they_leave(books: Books) -> None:
    await books.store.nodes.beat(ONE)
    books.clock.advance(20)
    await books.store.nodes.beat(TWO)
    found, now = await books.store.nodes.nodes()
    assert [(node.name, node.state(now), node.visits) for node in found] == [
        ("one", "at work", 3),
        ("two", "draining", 0),
    ]
    assert (found[0].started_at, found[0].seen_at) == (now - timedelta(seconds=20),) * 2
    assert working(found, now) == [found[0]]
    assert differing(found, now)
    await books.store.nodes.leave("two/def")
    found, now = await books.store.nodes.nodes()
    assert [node.name for node in found] == ["one"]
    assert not differing(found, now)


async def test_a_node_that_shows_itself_no_more_is_silent_and_forgotten_after_a_day(books: Books) -> None:
    await books.store.nodes.beat(ONE)
    books.clock.advance(30)
    await books.store.nodes.beat(ONE)
    books.clock.advance(44)
    (node,), now = await books.store.nodes.nodes()
    assert (node.state(now), now - (node.started_at or now)) == ("at work", timedelta(seconds=74))
    books.clock.advance(1)
    (node,), now = await books.store.nodes.nodes()
    assert (node.state(now), working([node], now)) == ("silent", [])
    books.clock.advance(timedelta(days=1))
    await books.store.nodes.beat(TWO)
    assert [node.name for node in (await books.store.nodes.nodes())[0]] == ["two"]


async def test_edits_planned_upon_other_definitions_are_refused_whole(books: Books) -> None:
    edition = await books.store.edition()
    await books.store.define([Add(a_rotation())], edition=edition)
    assert await books.store.edition() > edition
    with pytest.raises(DefinitionsMoved):
        await books.store.define([Add(a_rotation(id="rotation-2", name="other"))], edition=edition)
    assert [each.rotation.name for each in await books.store.definitions()] == ["billing-api"]


async def test_files_that_the_others_have_left_behind_are_outdated(books: Books) -> None:
    nodes = books.store.nodes
    old, new = Reading("one", "old"), Reading("two", "new")
    assert await nodes.age(old) is Age.NEWS
    await books.store.define([], reading=old)
    books.clock.advance(1)
    await books.store.define([], reading=new)
    await nodes.beat(replace(TWO, digest="new"))
    # A node that starts again, or a new one, with what was left behind.
    assert await nodes.age(old) is Age.OUTDATED
    assert await nodes.age(Reading("three", "old")) is Age.OUTDATED
    assert await nodes.age(Reading("one", "new")) is Age.IN_FORCE


async def test_what_no_living_node_reads_any_more_is_not_defended(books: Books) -> None:
    nodes = books.store.nodes
    for reading in (Reading("one", "old"), Reading("two", "new")):
        books.clock.advance(1)
        await books.store.define([], reading=reading)
    back = Reading("three", "old")
    await nodes.beat(replace(TWO, digest="new"))
    await nodes.beat(replace(ONE, digest="old"))
    assert await nodes.age(back) is Age.OUTDATED
    books.clock.advance(44)
    await nodes.beat(replace(ONE, digest="old"))
    assert await nodes.age(back) is Age.OUTDATED
    books.clock.advance(1)
    assert await nodes.age(back) is Age.NEWS


async def test_files_that_were_changed_back_on_purpose_are_news(books: Books) -> None:
    nodes = books.store.nodes
    for digest in ("old", "new"):
        books.clock.advance(1)
        await books.store.define([], reading=Reading("one", digest))
    await nodes.beat(replace(TWO, digest="new"))
    back = Reading("one", "old")
    assert await nodes.age(back) is Age.NEWS
    books.clock.advance(1)
    await books.store.define([], reading=back)
    await nodes.beat(replace(ONE, digest="old"))
    assert await nodes.age(Reading("two", "new")) is Age.OUTDATED
    assert await nodes.age(Reading("two", "old")) is Age.IN_FORCE
