"""Can an admin of everything look up who did what, and does a refused bearer leave a row?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.access import Grant, Note, Role, TokenRule
from rotator.web.limits import Rates
from tests.web.door import NODE, Door, open_door

AUDIT = "/api/v1/audit"


async def rows(door: Door, **query: Any) -> list[dict[str, Any]]:
    answer = await door.ask("GET", AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["auditLogs"]
    return found


async def test_a_row_is_shown_whole(door: Door) -> None:
    made = await door.ask("POST", "/api/v1/identities", json={"name": "payroll", "role": "reader"})
    (row,) = await rows(door, kind="identity.create", actor="root")
    assert {**row, "hash": "", "number": 0} == {
        "node": NODE,
        "number": 0,
        "at": "2026-03-01T10:00:00.000Z",
        "kind": "identity.create",
        "actor": "root",
        "identityId": "id-root",
        "address": "127.0.0.1",
        "requestId": made.headers["x-request-id"],
        "facts": row["facts"],
        "hash": "",
    }
    assert "payroll" in str(row["facts"])
    assert len(row["hash"]) == 64


async def test_rows_are_found_by_each_of_their_facts(door: Door) -> None:
    began = door.clock.now()
    for n in range(3):
        note = Note("secret.read", f"reader-{n}", f"id-{n}", f"10.0.0.{n}", f"req-{n}", {"n": n})
        await door.access.record([note])
        door.clock.advance(60)
    await door.store.access("node-2").record([Note("secret.list", "reader-0")])
    for query, found in (
        ({"kind": "secret.read"}, ["reader-2", "reader-1", "reader-0"]),
        ({"kind": "secret."}, ["reader-0", "reader-2", "reader-1", "reader-0"]),
        ({"kind": "secret.rea"}, []),
        ({"actor": "reader-1"}, ["reader-1"]),
        ({"identityId": "id-2"}, ["reader-2"]),
        ({"address": "10.0.0.1"}, ["reader-1"]),
        ({"requestId": "req-0"}, ["reader-0"]),
        ({"node": "node-2"}, ["reader-0"]),
        ({"kind": "secret.read", "since": (began + timedelta(seconds=60)).isoformat()}, ["reader-2", "reader-1"]),
        ({"kind": "secret.read", "until": "2026-03-01T10:01:00"}, ["reader-1", "reader-0"]),
    ):
        assert [each["actor"] for each in await rows(door, **query)] == found, query


async def test_pages_hold_every_row_once_though_others_are_written_meanwhile(door: Door) -> None:
    for node in ("a", "b"):
        await door.store.access(node).record([Note("secret.read", f"{node}-{n}") for n in range(5)])
    seen, cursor = [], ""
    while True:
        answer = await door.ask("GET", AUDIT, params={"kind": "secret.read", "limit": 3, "cursor": cursor})
        page = answer.json()
        seen += [each["actor"] for each in page["auditLogs"]]
        door.clock.advance(1)
        await door.access.record([Note("secret.read", "meanwhile")])
        if page["nextCursor"] is None:
            break
        cursor = page["nextCursor"]
    assert sorted(seen) == sorted(f"{node}-{n}" for node in "ab" for n in range(5))


@pytest.mark.parametrize(
    "query",
    [{"cursor": "x"}, {"cursor": "1.x.node"}, {"cursor": "-1.1.n"}, {"limit": 0}, {"limit": 1001}, {"since": "soon"},
     {"kind": "x" * 257}, {"unknown": "1"}, {"cursor": f"{2**63}.1.n"}, {"cursor": f"1.{2**40}.n"}],
)  # fmt: skip
async def test_a_search_of_another_form_is_422(door: Door, query: dict[str, Any]) -> None:
    assert (await door.ask("GET", AUDIT, params=query)).status_code == 422


async def test_only_an_admin_of_everything_sees_the_audit(door: Door) -> None:
    for grant in (Grant(Role.READER), Grant(Role.OPERATOR), Grant(Role.ADMIN, "payments")):
        token = await door.token(f"{grant.role}-{grant.project}", grant)
        assert (await door.ask("GET", AUDIT, token=token)).status_code == 403
    assert (await door.ask("GET", AUDIT, token="")).status_code == 401


async def test_a_bearer_that_is_refused_leaves_a_row_before_its_answer(door: Door) -> None:
    short = await door.token("short", Grant(Role.ADMIN), rule=TokenRule(ttl=timedelta(seconds=10)))
    once = await door.token("once", Grant(Role.ADMIN), rule=TokenRule(uses=1))
    assert (await door.whoami(once)).status_code == 200
    door.clock.advance(10)
    found = []
    for token in ("rotator_at_nobody", short, once):
        answer = await door.whoami(token)
        (row, *_) = await rows(door, kind="bearer.refused")
        assert row["requestId"] == answer.headers["x-request-id"]
        assert token not in str(row)
        found.append((row["actor"], row["identityId"], row["facts"]["status"], row["facts"]["path"]))
    path = "/api/v1/auth/token/whoami"
    assert found == [("", None, 403, path), ("short", "id-short", 403, path), ("once", "id-once", 401, path)]


async def test_what_a_caller_may_not_do_leaves_a_row_with_his_name(door: Door) -> None:
    token = await door.token("curious", Grant(Role.READER))
    refused = await door.ask("POST", "/api/v1/identities", token=token, json={"name": "x", "role": "admin"})
    assert refused.status_code == 403
    (row,) = await rows(door, kind="access.denied")
    assert (row["actor"], row["requestId"]) == ("curious", refused.headers["x-request-id"])
    assert (row["facts"]["method"], row["facts"]["path"]) == ("POST", "/api/v1/identities")


async def test_refused_bearers_are_limited_and_then_no_rows(tmp_path: Path) -> None:
    async with open_door(tmp_path, rates=Rates(logins=3)) as door:
        answers = [await door.whoami("rotator_at_nobody") for _ in range(5)]
        assert [each.status_code for each in answers] == [403, 403, 403, 429, 429]
        assert answers[-1].headers["retry-after"] == "20"
        assert len(await rows(door, kind="bearer.refused")) == 3
