"""Do the six steps lead to a rotation, lose nothing on the way, and stop at what is wrong?"""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from rotator.domain.access import Grant, Role
from tests.web.dashboard.person import Person, Seen, signed_in
from tests.web.house import CONNECTIONS, House

ADMIN = Grant(Role.ADMIN, "payments")


async def draft(house: House, **changes: str) -> dict[str, str]:
    """Everything that the steps ask for."""
    known = (await house.get("/api/v1/app-connections"))["appConnections"]
    connection = known[0] if known else await house.connection()
    app = house.application()
    said = {
        "connection": str(connection["id"]),
        "interval": "30",
        "time": "02:30",
        "zone": "Europe/Oslo",
        "overlap": "48h",
        "auto": "yes",
        "app": f"{app.object_id} {app.client_id} {app.display_name}",
        "project": "payments",
        "environment": "prod",
        "path": "/",
        "idName": "BILLING_ID",
        "secretName": "BILLING_SECRET",
        "name": "billing-api",
        "description": "For bills",
    }
    return {**said, **changes}


async def at(person: Person, step: int, said: dict[str, str]) -> Seen:
    return await person.get(f"/rotations/new?{urlencode({**said, 'step': step})}")


def step_of(page: Seen) -> str:
    """The words of the step that is shown."""
    trail = [each for each in page.tags if each[0] == "li" and each[1].get("aria-current") == "step"]
    assert len(trail) == 1
    return page.all("button")[-1].get("value", "create")


async def test_the_review_says_all_of_it_and_creating_it_rotates_at_once(house: House) -> None:
    said = await draft(house)
    async with signed_in(house) as person:
        page = await at(person, 6, said)
        for words in ("fabrikam", "every 30 days at 02:30 Europe/Oslo", "for 48 hours", "BILLING_SECRET", "allowed"):
            assert words in page.text
        assert house.living() == []
        made = await person.send("/rotations/new", **said)
        assert made.status_code == 303
        assert made.headers["location"].startswith("/rotations/")
    (facts,) = await house.engine.store.facts()
    assert made.headers["location"] == f"/rotations/{facts.rotation.id}"
    assert facts.rotation.schedule.zone == "Europe/Oslo"
    assert facts.rotation.api_made
    rows = (await house.get("/api/v1/audit", kind="rotation.create"))["auditLogs"]
    assert rows[0]["facts"]["rotation"] == "billing-api"


async def test_each_step_hands_on_what_the_others_said(house: House) -> None:
    said = await draft(house, description='"><script>alert(1)</script>')
    async with signed_in(house) as person:
        for step in range(1, 6):
            page = await at(person, step, said)
            names = {each["name"]: each.get("value", "") for each in page.all("input") if "name" in each}
            hidden = {each["name"] for each in page.all("input", type="hidden")} - {"form"}
            assert {name: names[name] for name in hidden} == {name: said[name] for name in hidden}
            assert len(hidden) >= 8
            assert all("src" in each for each in page.all("script"))


@pytest.mark.parametrize(
    ("changes", "step", "said"),
    [
        ({"connection": ""}, "2", ""),
        ({"interval": "0"}, "3", "Something is not right yet"),
        ({"interval": "11.5"}, "3", "Something is not right yet"),
        ({"time": "25:00"}, "3", "Something is not right yet"),
        ({"zone": "Europe/Nowhere"}, "3", "is no time zone"),
        ({"zone": "../../etc/passwd"}, "3", "is no time zone"),
        ({"app": ""}, "4", "pick an application"),
        ({"idName": ""}, "5", "is missing"),
        ({"path": "../x"}, "5", "is not allowed"),
        ({"name": "Not a slug"}, "6", "is not allowed"),
    ],
)
async def test_the_review_leads_back_to_the_first_step_at_which_something_is_wrong(
    house: House, changes: dict[str, str], step: str, said: str
) -> None:
    wrong = await draft(house, **changes)
    async with signed_in(house) as person:
        page = await at(person, 6, wrong)
        assert step_of(page) == step
        assert said in page.text
        assert (await person.send("/rotations/new", **wrong)).status_code == 422
    assert list(await house.engine.store.facts()) == []


async def test_a_step_that_is_seen_first_has_no_mistakes_yet(house: House) -> None:
    async with signed_in(house) as person:
        page = await person.get("/rotations/new")
        assert step_of(page) == "2"
        assert not page.all("p", role="alert")


async def test_the_review_says_what_entra_or_the_books_would_refuse(house: House) -> None:
    await house.rotation()
    async with signed_in(house) as person:
        taken = await at(person, 6, await draft(house, name="other"))
        assert "is in use" in taken.text
        named = await at(person, 6, await draft(house))
        assert "There is a rotation named billing-api already" in named.text
        gone = await draft(house, name="x", idName="A", secretName="B", app=f"{'0' * 8}-0000-4000-8000-{'0' * 12}  X")
        page = await at(person, 6, gone)
        assert "refused" in page.text
        assert not page.all("button", class_="primary")
        assert (await person.send("/rotations/new", **gone)).status_code == 400


async def test_a_connection_that_was_deleted_while_the_form_was_open_is_told_and_nothing_is_lost(house: House) -> None:
    said = await draft(house)
    async with signed_in(house) as person:
        assert (await at(person, 6, said)).all("button", class_="primary")
        await house.ask("DELETE", f"{CONNECTIONS}/{said['connection']}")
        answer = await person.send("/rotations/new", **said)
        page = Seen(answer.text)
        assert answer.status_code == 400
        assert f"There is no connection {said['connection']}" in page.text
        kept = {each["name"]: each["value"] for each in page.all("input", type="hidden") if each["name"] != "form"}
        assert kept == said
        assert not (await at(person, 6, said)).all("button", class_="primary")
        assert "not found" in (await at(person, 3, said)).text


async def test_applications_are_found_by_a_part_of_their_name(house: House) -> None:
    said = await draft(house)
    app = house.application()
    async with signed_in(house) as person:
        page = await person.get(f"/rotations/new/applications?{urlencode({**said, 'q': app.display_name.upper()})}")
        (found,) = [each for each in page.all("input") if each["value"].startswith(app.object_id)]
        assert found["value"] == said["app"]
        assert "checked" in found
        none = await person.get(f"/rotations/new/applications?{urlencode({**said, 'q': 'no such name'})}")
        assert "No application fits" in none.text
        unknown = await person.get(f"/rotations/new/applications?{urlencode({**said, 'connection': 'x'})}")
        assert "not found" in unknown.text


async def test_the_time_is_said_in_utc_as_it_is_typed(house: House) -> None:
    async with signed_in(house) as person:
        page = await person.get("/rotations/new/time?interval=30&time=02:30&zone=Asia/Kolkata")
        assert "21:00Z" in page.text
        assert "no time" in (await person.get("/rotations/new/time?time=x")).text


async def test_who_is_admin_of_no_place_adds_nothing_and_an_admin_only_in_his_own(house: House) -> None:
    said = await draft(house)
    async with signed_in(house, Grant(Role.OPERATOR)) as person:
        assert not (await person.get("/")).all("a", href="/rotations/new")
        await person.get("/rotations/new", 403)
        assert (await person.send("/rotations/new", **said)).status_code == 403
    async with signed_in(house, ADMIN) as person:
        elsewhere = await person.send("/rotations/new", **{**said, "project": "other"})
        assert elsewhere.status_code == 404
        assert (await person.send("/rotations/new", **said)).status_code == 303
