"""Do the audit and the nodes show themselves to admins of everything, and to nobody else?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.access import Grant, Note, Role
from rotator.domain.nodes import Node
from rotator.serving import _dashboard, _parts, _resources
from rotator.web.building import build
from rotator.web.server import Place, serving
from tests.web.dashboard.person import books_of, signed_in
from tests.web.house import House

READER = Grant(Role.ADMIN, "payments")


async def test_the_audit_is_read_page_by_page_and_narrowed(house: House) -> None:
    access = books_of(house)
    await access.record([Note("test.many", f"actor-{n}", facts={"n": [n, "<b>"]}) for n in range(60)])
    async with signed_in(house) as person:
        page = await person.get("/audit?kind=test.")
        assert len(page.all("tr")) == 51
        assert "actor-59" in page.text
        (older,) = [each["href"] for each in page.all("a", rel="next")]
        rest = await person.get(older)
        assert len(rest.all("tr")) == 11
        assert not rest.all("a", rel="next")
        assert len((await person.get("/audit?kind=test.many&actor=actor-7")).all("tr")) == 2
        assert "<b>" not in (await person.http.get("/audit?kind=test.")).text
        assert "No row fits" in (await person.get("/audit?kind=nothing")).text
        await person.get("/audit?before=nonsense", 422)


async def test_who_is_no_admin_of_everything_sees_neither_them_nor_their_links(house: House) -> None:
    async with signed_in(house, READER) as person:
        await person.get("/audit", 403)
        await person.get("/nodes", 403)
        assert not (await person.get("/")).all("a", href="/audit")


async def test_a_file_has_one_daemon_and_no_page_of_nodes(house: House) -> None:
    async with signed_in(house) as person:
        assert "has one daemon" in (await person.get("/nodes", 404)).text
        assert not (await person.get("/")).all("a", href="/nodes")


async def test_nodes_are_listed_with_what_they_disagree_in(house: House) -> None:
    now = datetime.now(UTC)
    lively = Node("n1/a", "node-1", "0.1", "a" * 32, 3, started_at=now - timedelta(hours=2), seen_at=now)
    silent = Node("n2/b", "node-2", "0.1", "b" * 32, 0, started_at=now, seen_at=now - timedelta(hours=1))
    nodes = [lively, silent]

    async def ask() -> tuple[list[Node], datetime]:
        return nodes, now

    parts, resources = _parts(house.engine), await _resources(house.engine)
    several = replace(_dashboard(house.engine, parts, resources) or pytest.fail("no Jinja2"), nodes=ask)
    async with (
        serving(build(parts, resources, several), Place("127.0.0.1", 0)) as address,
        signed_in(replace(house, address=address)) as person,
    ):
        page = await person.get("/nodes")
        assert "node-1 at work" in page.text
        assert "node-2 silent" in page.text
        assert "different definitions" not in page.text
        nodes.append(replace(lively, holder="n3/c", name="node-3", digest="c" * 32))
        assert "different definitions" in (await person.get("/nodes")).text
