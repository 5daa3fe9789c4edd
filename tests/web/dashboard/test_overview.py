"""Does the first page say whether all is well, draw what is so, and show nobody what is not his?"""

from __future__ import annotations

import pytest

from rotator.domain.access import Grant, Role
from tests.web.dashboard.person import signed_in
from tests.web.house import House

READER = Grant(Role.READER, "payments", "prod", "/")


async def test_it_says_that_there_is_nothing_yet(house: House) -> None:
    async with signed_in(house) as person:
        page = await person.get("/")
        assert "No rotations yet." in page.text
        assert "Add the first rotation" in page.text
    async with signed_in(house, READER) as person:
        assert "Add the first rotation" not in (await person.get("/")).text


async def test_a_rotation_has_its_lane_with_its_credential_and_what_is_to_come(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house) as person:
        page = await person.get("/?zoom=year")
        assert "All well. 1 rotation" in page.text
        assert page.all("a", href=f"/rotations/{made['id']}")
        (lane,) = page.all("svg", class_="lane")
        assert lane["aria-label"].startswith("current until ")
        assert len([each for each in page.all("rect", class_="current") if "%" in each["width"]]) == 1
        assert len([each for each in page.all("svg", class_="succeeded") if "%" in each.get("x", "")]) == 1
        assert len([each for each in page.all("svg", class_="coming") if "%" in each.get("x", "")]) > 5


@pytest.mark.parametrize(("zoom", "days"), [("week", 7), ("month", 31), ("year", 365)])
async def test_week_month_and_year_are_to_be_chosen(house: House, zoom: str, days: int) -> None:
    await house.rotation()
    async with signed_in(house) as person:
        page = await person.get(f"/?zoom={zoom}")
        (shown,) = [each for each in page.all("option") if "selected" in each and each.get("value", zoom) == zoom]
        assert "selected" in shown
        # The secret has just been made, and lives for 63 days: its bar goes from now to the end, or to its own.
        (bar,) = [each for each in page.all("rect", class_="current") if "%" in each["width"]]
        before = {"week": 2, "month": 10, "year": 120}[zoom]
        assert float(bar["x"].rstrip("%")) == pytest.approx(before / days * 100, abs=0.1)
        assert float(bar["width"].rstrip("%")) == pytest.approx(min(63, days - before) / days * 100, abs=0.1)


async def test_both_secrets_of_an_overlap_are_drawn_below_one_another(house: House) -> None:
    made = await house.rotation()
    await house.post(f"/api/v2/secret-rotations/azure-client-secret/{made['id']}/rotate-secrets")
    async with signed_in(house) as person:
        page = await person.get("/")
        bars = [each for each in page.all("rect", class_="bar") if "%" in each["width"]]
        assert sorted(each["class"] for each in bars) == ["bar current", "bar retiring"]
        assert len({each["y"] for each in bars}) == 2


async def test_it_is_narrowed_to_what_is_paused_or_needs_attention(house: House) -> None:
    made = await house.rotation()
    await house.engine.store.pause(made["id"])
    async with signed_in(house) as person:
        page = await person.get("/?show=paused")
        assert "1 rotation, 1 paused" in page.text
        assert len(page.all("svg", class_="lane")) == 1
        assert "No rotation fits" in (await person.get("/?show=attention")).text
        assert "No rotation fits" in (await person.get("/?show=rotating")).text


async def test_what_failed_needs_you_and_says_why(house: House) -> None:
    made = await house.rotation()
    house.running.simulation.entra.tenant.applications.pop(house.application().object_id)
    await house.ask("POST", f"/api/v2/secret-rotations/azure-client-secret/{made['id']}/rotate-secrets")
    async with signed_in(house) as person:
        page = await person.get("/?show=attention")
        assert "1 rotation needs you." in page.text
        assert len(page.all("svg", class_="failed")) >= 2
        assert len(page.all("p", class_="trouble")) == 1


async def test_names_are_searched_as_they_are_typed_wildcards_included(house: House) -> None:
    await house.rotation()
    async with signed_in(house) as person:
        for text, found in (("BILL", 1), ("g-a", 1), ("%", 0), ("_", 0), ("\\", 0), ("payroll", 0), ("' or 1=1", 0)):
            page = await person.http.get("/", params={"q": text})
            assert page.text.count('class="lane"') == found, text


async def test_strange_values_in_the_address_are_the_usual_ones(house: House) -> None:
    async with signed_in(house) as person:
        for query in ("show=x&zoom=y&page=z", "page=-1", "page=0", "page=99999999999999999999", "page=\u0663"):
            assert (await person.http.get(f"/?{query}")).status_code == 200, query


async def test_script_in_a_name_is_shown_as_text(house: House) -> None:
    async with signed_in(house) as person:
        answer = await person.http.get("/", params={"q": '"><script>alert(1)</script>'})
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;" in answer.text


async def test_a_reader_sees_his_place_and_nothing_of_others(house: House) -> None:
    connection = await house.connection()
    await house.post(
        "/api/v2/secret-rotations/azure-client-secret", house.rotation_body(connection["id"], secretPath="/team-a")
    )
    for grant, seen in (
        (READER, 1),
        (Grant(Role.READER, "payments"), 1),
        (Grant(Role.OPERATOR, "payments", "prod", "/team-a"), 1),
        (Grant(Role.READER, "payments", "prod", "/team"), 0),
        (Grant(Role.READER, "payments", "dev"), 0),
        (Grant(Role.READER, "other"), 0),
        (Grant(Role.READER), 1),
    ):
        async with signed_in(house, grant) as person:
            page = await person.get("/")
            assert len(page.all("svg", class_="lane")) == seen, grant
            assert ("1 rotation" in page.text) == bool(seen)
