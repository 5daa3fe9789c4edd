"""Do the steps say, while somebody types, which names are taken, what a time means, and what ends when?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from rotator.domain.access import Grant, Role
from rotator.domain.inventory import Holder
from rotator.web.dashboard.drafts import Draft
from rotator.web.dashboard.shelf import Shelf
from rotator.web.dashboard.sketch import sketch
from tests.web.dashboard.person import Person, Seen, signed_in
from tests.web.dashboard.test_adding import at, draft
from tests.web.house import ROTATIONS, House

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


async def looked_up(person: Person, page: str, /, **said: str) -> Seen:
    place = {"project": "payments", "environment": "prod", "path": "/"}
    return await person.get(f"{page}?{urlencode({**place, **said})}")


async def test_a_name_that_is_in_use_is_told_as_it_is_typed_with_whose_it_is(house: House) -> None:
    made = await house.rotation()
    new, edit = "/rotations/new/names", f"/rotations/{made['id']}/edit/names"
    async with signed_in(house, Grant(Role.ADMIN, "payments")) as person:
        taken = await looked_up(person, new, idName="BILLING_ID", secretName="FREE")
        assert "BILLING_ID is in use there, by billing-api" in taken.text
        assert "FREE is" not in taken.text
        for path, said in (
            (new, {"idName": "A", "secretName": "B"}),
            (edit, {"idName": "BILLING_ID", "secretName": "B"}),
        ):
            assert "Both names are free there" in (await looked_up(person, path, **said)).text
        elsewhere = await looked_up(person, new, idName="BILLING_ID", secretName="B", path="/other")
        assert "Both names are free there" in elsewhere.text
        step = await at(person, 4, await draft(house))
        assert "BILLING_ID is in use there" in step.text
        assert "must differ" in (await looked_up(person, new, idName="SAME", secretName="SAME")).text
        assert "as you type" in (await looked_up(person, new, idName="A")).text


async def test_a_name_of_a_rotation_that_was_let_go_is_taken_still(house: House) -> None:
    made = await house.rotation()
    assert (await house.ask("DELETE", f"{ROTATIONS}/{made['id']}")).status_code == 200
    async with signed_in(house) as person:
        taken = await looked_up(person, "/rotations/new/names", idName="BILLING_ID", secretName="B")
        assert "by a rotation that has been forgotten" in taken.text


async def test_names_are_looked_up_only_where_he_is_admin(house: House) -> None:
    await house.rotation()
    for grant, status in ((Grant(Role.OPERATOR, "payments"), 403), (Grant(Role.ADMIN, "other"), 404)):
        async with signed_in(house, grant) as person:
            answer = await person.http.get(
                "/rotations/new/names?project=payments&environment=prod&path=/&idName=BILLING_ID&secretName=B"
            )
            assert answer.status_code == status
            assert "in use" not in answer.text


async def test_the_picker_says_when_the_secrets_of_each_application_end(house: House) -> None:
    said = await draft(house)
    tenant, now = house.running.simulation.entra.tenant, house.engine.world.clock.now()
    for days in (5, 10):
        tenant.passwords.add(house.application(), display_name="by hand", expires_at=now + timedelta(days=days))
    async with signed_in(house) as person:
        page = await person.get(
            f"/rotations/new/applications?{urlencode({**said, 'q': house.application().object_id})}"
        )
        assert "2 secrets, the last ends in 9 d 23 h" in page.text
        assert len(page.all("span", class_="bad")) == 1
        other = await person.get(
            f"/rotations/new/applications?{urlencode({**said, 'q': house.application(1).object_id})}"
        )
        assert "no secret" in other.text


async def test_typing_on_asks_the_tenant_for_nothing_again(house: House) -> None:
    said = await draft(house)
    app = house.application()
    async with signed_in(house) as person:
        await person.get(f"/rotations/new/applications?{urlencode({**said, 'q': app.display_name[:2]})}")
        house.running.simulation.entra.faults.add(match="listApplications", status=403, times=9)
        page = await person.get(f"/rotations/new/applications?{urlencode({**said, 'q': app.display_name[:3]})}")
        assert app.display_name in page.text
        assert not page.all("p", role="alert")


async def test_what_a_tenant_showed_is_forgotten_by_itself() -> None:
    shelf = Shelf(kept_for=0)
    shelf.keep("one", [Holder("object", "client", "App")])
    assert shelf.find("one")
    assert shelf.find("other") is None
    for _ in range(3):
        await asyncio.sleep(0)
    assert shelf.find("one") is None


async def test_a_tenant_too_large_to_keep_is_asked_each_time() -> None:
    shelf = Shelf()
    shelf.keep("one", [Holder("object", "client", "App")] * 20_001)
    assert shelf.find("one") is None


async def test_a_time_is_said_by_the_clocks_of_the_place_and_in_utc(house: House) -> None:
    async with signed_in(house) as person:
        page = await person.get("/rotations/new/time?interval=30&time=02:30&zone=Asia/Kolkata")
        assert "02:30 IST" in page.text
        assert "21:00Z (UTC)" in page.text
        (picture,) = page.all("svg", class_="sketch")
        assert picture["aria-label"].startswith("A new secret at ")
        step = await at(person, 2, await draft(house))
        assert step.all("svg", class_="sketch")
        assert "02:30 CE" in step.text


def drawn(**said: str) -> dict[tuple[int, str], tuple[float, float]]:
    """Row and state -> from where to where, in per cent."""
    picture = sketch(Draft.of({"interval": "30", "time": "00:00", **said}), NOW)
    assert picture is not None
    return {(each.row, each.state): (each.x, round(each.x + each.width, 1)) for each in picture.parts}


def test_the_picture_shows_the_old_secret_next_to_the_new_one_for_as_long_as_it_is_kept() -> None:
    days = drawn(overlap="240h")
    current, retiring = days[1, "current"], days[0, "retiring"]
    assert retiring[0] == pytest.approx(current[0])
    assert retiring[1] == pytest.approx(current[0] + (current[1] - current[0]) / 3, abs=0.2)
    whole = drawn(overlap="until-next")
    assert whole[0, "retiring"][1] == pytest.approx(whole[2, "current"][0], abs=0.2)


def test_what_would_be_left_of_a_secret_when_it_is_revoked_is_seen_too() -> None:
    days = drawn(overlap="24h")
    assert days[0, "spare"][0] == pytest.approx(days[0, "retiring"][1], abs=0.9)


@pytest.mark.parametrize("said", [{"time": "x"}, {"zone": "Nowhere"}, {"interval": "0"}])
def test_there_is_no_picture_of_what_cannot_be_read(said: dict[str, str]) -> None:
    assert sketch(Draft.of({"interval": "30", "time": "00:00", **said}), NOW) is None


async def test_the_review_shows_what_was_looked_at_one_by_one(house: House) -> None:
    await house.rotation()
    said = await draft(house, name="other", idName="A", secretName="B")
    async with signed_in(house) as person:
        page = await at(person, 6, said)
        for what in ("the names are free", "the application can be read", "its secrets may be changed", "the lifetime"):
            assert what in page.text
        assert len(page.all("span", class_="good")) == 4
        gone = await at(person, 6, {**said, "app": f"{'0' * 8}-0000-4000-8000-{'0' * 12}  X", "idName": "BILLING_ID"})
        assert len(gone.all("span", class_="bad")) >= 2
        assert gone.text.count("(not asked)") == 2
        assert not gone.all("button", class_="primary")
