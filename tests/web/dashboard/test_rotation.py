"""Does a rotation's page say how it stands, let those ask who may, and hear at once of what happens?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from rotator.domain.access import Grant, Role
from tests.web.dashboard.person import Person, Seen, signed_in
from tests.web.house import ROTATIONS, House, configured, open_house

READER = Grant(Role.READER, "payments", "prod", "/")
OPERATOR = Grant(Role.OPERATOR, "payments", "prod", "/")


async def followed(person: Person, path: str, **values: str) -> Seen:
    """What the page says once the request that was sent has ended."""
    sent = await person.send(path, **values)
    assert sent.status_code == 303, sent.text
    page = await person.get(sent.headers["location"])
    for _ in range(400):
        page = await person.get(sent.headers["location"])
        if [each for each in page.all("span") if each.get("class") in {"state well", "state bad"}]:
            # Once more: what the page shows of the books may have been read a moment before the end.
            return await person.get(sent.headers["location"])
        await asyncio.sleep(0.02)
    raise AssertionError(page.text)


async def test_the_page_tells_all_but_the_text_of_the_secret(house: House) -> None:
    made = await house.rotation(description="For bills")
    secret = (await house.get(f"{ROTATIONS}/{made['id']}/generated-credentials"))["generatedCredentials"][0]
    async with signed_in(house) as person:
        answer = await person.http.get(f"/rotations/{made['id']}")
        page = Seen(answer.text)
        for said in (
            "billing-api",
            "For bills",
            "every 30 days at 02:30 UTC",
            secret["keyId"],
            "embedded",
            "delivered",
        ):
            assert said in page.text
        for step in ("preflight passed", "issued, valid until", "proved in 1 sign-ins", "is current"):
            assert step in page.text
        assert secret["clientSecret"] not in answer.text


async def test_rotate_now_makes_a_second_secret_and_says_so(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house, OPERATOR) as person:
        page = await followed(person, f"/rotations/{made['id']}/rotate")
        assert "done" in page.text
        assert len(page.all("rect", class_="retiring")) == 2  # one of them is the legend's
    assert len(house.living()) == 2
    rows = (await house.get("/api/v1/audit", kind="rotation.rotate"))["auditLogs"]
    assert [row["actor"][:7] for row in rows] == ["person-"]


async def test_the_old_secret_is_revoked_only_when_that_is_confirmed(house: House) -> None:
    made = await house.rotation()
    await house.ask("POST", f"{ROTATIONS}/{made['id']}/rotate-secrets")
    base = f"/rotations/{made['id']}"
    async with signed_in(house, OPERATOR) as person:
        asked = await person.get(f"{base}/revoke")
        assert asked.all("input", name="sure", type="checkbox")
        assert (await person.send(f"{base}/revoke")).status_code == 400
        assert len(house.living()) == 2
        await house.engine.store.wake()
        page = await followed(person, f"{base}/revoke", sure="yes")
        assert "revoke" in page.text


async def test_compromised_leaves_only_the_new_secret(house: House) -> None:
    made = await house.rotation()
    before = house.living()
    async with signed_in(house, OPERATOR) as person:
        assert (await person.send(f"/rotations/{made['id']}/compromised")).status_code == 400
        page = await followed(person, f"/rotations/{made['id']}/compromised", sure="yes")
        assert "done" in page.text
    assert len(house.living()) == 1
    assert house.living() != before


async def test_pause_and_resume_take_turns(house: House) -> None:
    made = await house.rotation()
    base = f"/rotations/{made['id']}"
    async with signed_in(house, OPERATOR) as person:
        assert (await person.send(f"{base}/pause")).status_code == 303
        page = await person.get(base)
        assert page.all("button", id="do-resume")
        assert not page.all("button", id="do-pause")
        refused = await followed(person, f"{base}/rotate")
        assert "is paused" in refused.text
        assert (await person.send(f"{base}/resume")).status_code == 303
        assert (await person.get(base)).all("button", id="do-pause")


async def test_deliver_again_says_what_came_of_it(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house, OPERATOR) as person:
        page = await followed(person, f"/rotations/{made['id']}/deliver")
        assert "every destination bears the current secret" in page.text


async def test_a_rotation_that_waits_for_approval_goes_ahead_when_it_is_given(house: House, tmp_path: Path) -> None:
    document = configured(house.running)
    document["rotations"][0] |= {"requiresApproval": True}
    (tmp_path / "waiting").mkdir()
    async with open_house(tmp_path / "waiting", house.running, document=document) as waiting, signed_in(waiting) as me:
        (facts,) = await waiting.engine.store.facts()
        base = f"/rotations/{facts.rotation.id}"
        page = await me.get(base)
        assert page.all("button", id="do-approve")
        assert waiting.living(1) == []
        assert (await me.send(f"{base}/approve")).status_code == 303
        await waiting.at_rest(1)
        assert len(waiting.living(1)) == 1
        rows = (await waiting.get("/api/v1/audit", kind="rotation.approve"))["auditLogs"]
        assert len(rows) == 1


async def test_an_approval_that_nothing_waits_for_is_refused(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house) as person:
        assert not (await person.get(f"/rotations/{made['id']}")).all("button", id="do-approve")
        assert (await person.send(f"/rotations/{made['id']}/approve")).status_code == 400


@pytest.mark.parametrize("order", ["rotate", "compromised", "revoke", "deliver", "pause", "resume", "approve"])
async def test_a_reader_looks_and_does_nothing(house: House, order: str) -> None:
    made = await house.rotation()
    async with signed_in(house, READER) as person:
        page = await person.get(f"/rotations/{made['id']}")
        assert not [each for each in page.all("button") if each.get("id", "").startswith("do-")]
        refused = await person.send(f"/rotations/{made['id']}/{order}", sure="yes")
        assert refused.status_code == 403
        assert "is no operator of that place" in refused.text
    rows = (await house.get("/api/v1/audit", kind="access.denied"))["auditLogs"]
    assert rows[0]["facts"]["path"] == f"/rotations/{made['id']}/{order}"


async def test_a_rotation_of_elsewhere_is_not_known_whatever_is_asked(house: House) -> None:
    made = await house.rotation()
    for grant in (Grant(Role.ADMIN, "other"), Grant(Role.OPERATOR, "payments", "dev")):
        async with signed_in(house, grant) as person:
            unknown = (await person.get(f"/rotations/{uuid4()}", 404)).text
            assert (await person.get(f"/rotations/{made['id']}", 404)).text == unknown
            assert (await person.http.get(f"/rotations/{made['id']}/events")).status_code == 404
            assert (await person.send(f"/rotations/{made['id']}/rotate")).status_code == 404
    assert len(house.living()) == 1


async def test_a_page_whose_rotation_has_gone_says_so(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house) as person:
        answer = await person.http.delete(f"/rotations/{made['id']}")
        assert answer.status_code == 405
        gone = await person.http.get(f"/rotations/{uuid4()}/part", headers={"hx-request": "true"})
        assert (gone.status_code, gone.headers["hx-refresh"]) == (404, "true")


async def test_a_page_whose_session_has_ended_goes_to_sign_in(house: House) -> None:
    answer = await house.http.get(f"/rotations/{uuid4()}/part", headers={"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


async def test_script_in_any_field_is_text(house: House) -> None:
    said = "<script>alert(1)</script>"
    made = await house.rotation(description=said, labels={"x": said}, parameters=_parameters(house, said))
    async with signed_in(house) as person:
        for path in (f"/rotations/{made['id']}", f"/rotations/{made['id']}?asked={said}", f"/?q={said}"):
            answer = await person.http.get(path)
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text
            assert all("src" in each for each in Seen(answer.text).all("script"))


def _parameters(house: House, name: str) -> dict[str, Any]:
    app = house.application()
    return {"objectId": app.object_id, "clientId": app.client_id, "appName": name}


async def test_what_happens_is_heard_as_it_happens(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house, READER) as person:
        base = f"/rotations/{made['id']}"
        async with person.http.stream("GET", f"{base}/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            asking = asyncio.create_task(house.ask("POST", f"{ROTATIONS}/{made['id']}/rotate-secrets"))
            names = []
            async for line in answer.aiter_lines():
                names += [line.removeprefix("event: ")] if line.startswith("event: ") else []
                if "attemptEnded" in names:
                    break
            await asking
        assert [each for each in names if each in {"attemptBegan", "issued", "delivered", "promoted"}] == [
            "attemptBegan",
            "issued",
            "delivered",
            "promoted",
        ]


async def test_the_secret_of_a_connection_has_a_page_for_admins_of_everything_only(house: House) -> None:
    document = configured(house.running)
    document["connections"][0] |= {"isAutoRotationEnabled": True, "rotation": {"rotationInterval": 60}}
    folder = house.engine.configuration.state.path
    assert folder is not None
    (folder.parent / "own").mkdir()
    async with open_house(folder.parent / "own", house.running, document=document) as own:
        (facts,) = [each for each in await own.engine.store.facts() if each.rotation.own_connection]
        async with signed_in(own) as person, signed_in(own, Grant(Role.READER)) as reader:
            assert "connection-contoso" in (await person.get(f"/rotations/{facts.rotation.id}")).text
            await reader.get(f"/rotations/{facts.rotation.id}", 404)
