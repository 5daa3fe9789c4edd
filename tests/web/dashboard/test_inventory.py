"""Does the page say what expires in the tenant, to those who may know it, and is a secret adopted by its button?"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from rotator.domain.access import Grant, Role
from tests.web.dashboard.person import Person, Seen, signed_in
from tests.web.house import ROTATIONS, House

DAY = timedelta(days=1)


def secrets(house: House, count: int = 60) -> None:
    """So many secrets are made by hand; one ends each day, from tomorrow on."""
    tenant, now = house.running.simulation.entra.tenant, house.engine.world.clock.now()
    applications = house.running.simulation.population.applications[1:]
    for n in range(count):
        app = applications[n % len(applications)]
        tenant.passwords.add(app, display_name="by hand", expires_at=now + (n + 1) * DAY)


async def taken(person: Person, query: str = "") -> Seen:
    """The page once an inventory has been taken."""
    begun = await person.send("/inventory")
    assert (begun.status_code, begun.headers["location"]) == (303, "/inventory")
    for _ in range(400):
        page = await person.get(f"/inventory{query}")
        if "Taken " in page.text:
            return page
        assert "being taken" in page.text
        assert page.all("p", role="status")[0]["hx-get"] == "/inventory/part"
        await asyncio.sleep(0.02)
    raise AssertionError("it has not been taken after 8 s")


def lines(page: Seen) -> int:
    return len(page.all("th", scope="row"))


async def test_it_is_taken_on_request_and_shown_by_the_end(house: House) -> None:
    await house.rotation()
    secrets(house)
    async with signed_in(house, Grant(Role.READER)) as person:
        assert (await person.get("/")).all("a", href="/inventory")
        assert "It is taken when you ask for it" in (await person.get("/inventory")).text
        page = await taken(person)
        assert lines(page) == 50
        assert "billing-api" in (await person.get("/inventory?unmanaged=&q=" + house.application().object_id)).text
        assert page.all("a", rel="next", href="/inventory?page=2")
        assert not page.all("a", class_="button")  # a reader adopts nothing
    rows = (await house.get("/api/v1/audit", kind="inventory.take"))["auditLogs"]
    assert rows[0]["facts"]["connections"] == ["fabrikam"]


async def test_it_is_narrowed_and_its_pages_turned(house: House) -> None:
    await house.rotation()
    secrets(house)
    async with signed_in(house) as person:
        whole = await taken(person)
        second = await person.get("/inventory?page=2")
        assert lines(second) > 0
        assert second.text != whole.text
        rotated = house.application()
        one = await person.get(f"/inventory?q={rotated.display_name}")
        assert rotated.display_name in one.text
        assert lines(one) < 50
        nobodys = await person.get(f"/inventory?unmanaged=yes&q={rotated.object_id}")
        assert "billing-api" not in nobodys.text
        assert lines(await person.get("/inventory?finding=expiring")) == 30
        assert lines(await person.get("/inventory?within=7")) == 7
        assert lines(await person.get("/inventory?connection=none")) == 0
        for strange in ("finding=x&within=y&page=z", "page=999999999999", "page=-1"):
            assert lines(await person.get(f"/inventory?{strange}")) > 0


async def test_the_part_keeps_the_address_and_script_is_text(house: House) -> None:
    await house.connection()
    async with signed_in(house) as person:
        await taken(person)
        said = "<script>alert(1)</script>"
        part = await person.http.get("/inventory/part", params={"q": said, "within": "30"})
        assert part.headers["hx-replace-url"].startswith("/inventory?q=%3Cscript")
        assert "<html" not in part.text
        for path in ("/inventory", "/inventory/part"):
            assert said not in (await person.http.get(path, params={"q": said, "connection": said})).text


async def test_one_that_is_being_taken_is_not_begun_again(house: House) -> None:
    await house.connection()
    async with signed_in(house) as one, signed_in(house) as other:
        await asyncio.gather(one.send("/inventory"), other.send("/inventory"))
    rows = (await house.get("/api/v1/audit", kind="inventory.take"))["auditLogs"]
    assert 1 <= len(rows) <= 2


@pytest.mark.parametrize("grant", [Grant(Role.READER, "payments"), Grant(Role.ADMIN, "payments")])
async def test_who_does_not_read_everything_sees_no_tenant(house: House, grant: Grant) -> None:
    await house.connection()
    async with signed_in(house, grant) as person:
        assert not (await person.get("/")).all("a", href="/inventory")
        for path in ("/inventory", "/inventory/part"):
            await person.get(path, 403)
        assert (await person.send("/inventory")).status_code == 403


async def test_a_tenant_that_cannot_be_asked_is_named_with_why(house: House) -> None:
    await house.connection()
    population = house.running.simulation.population
    house.running.simulation.entra.tenant.applications.pop(population.admin.object_id, None)
    async with signed_in(house) as person:
        page = await taken(person)
        assert page.all("p", class_="trouble", role="alert")
        assert "fabrikam" in page.text


def adoptable(page: Seen) -> dict[str, str]:
    (first, *_) = [each for each in page.all("a", class_="button") if each["href"].startswith("/inventory/adopt")]
    return first


async def test_a_secret_is_adopted_with_what_the_form_proposes_and_not_touched(house: House) -> None:
    await house.connection()
    secrets(house, 6)
    async with signed_in(house) as person:
        link = adoptable(await taken(person))
        form = await person.get(link["href"])
        said = {each["name"]: each["value"] for each in form.all("input") if each["type"] in {"text", "hidden"}}
        (key,) = [each["value"] for each in form.all("input", name="key") if "checked" in each]
        assert said["idName"].endswith("_CLIENT_ID")
        missing = await person.send("/inventory/adopt", **{**said, "key": key, "form": said["form"]})
        assert missing.status_code == 422
        assert [each["name"] for each in Seen(missing.text).all("input") if "aria-invalid" in each] == ["project"]
        before = [each["credentials"] for each in house.running.simulation.entra.tenant.truth()]
        made = await person.send("/inventory/adopt", **{**said, "key": key, "project": "payments"})
        assert made.status_code == 303, made.text
        page = await person.get(made.headers["location"])
        for _ in range(400):
            page = await person.get(made.headers["location"])
            if "it was not touched" in page.text:
                break
            await asyncio.sleep(0.02)
        assert key in page.text
        assert "not by itself" in page.text
        assert [each["credentials"] for each in house.running.simulation.entra.tenant.truth()] == before
        shown = (await house.get(f"{ROTATIONS}{made.headers['location'].removeprefix('/rotations')}"))["secretRotation"]
        assert shown["isAutoRotationEnabled"] is False
        again = await taken(person, f"?q={said['app']}")
        assert said["name"] in again.text
        assert not again.all("a", class_="button")
    rows = (await house.get("/api/v1/audit", kind="rotation.create"))["auditLogs"]
    assert rows[0]["facts"]["adopt"] == key


async def test_script_in_every_field_of_the_adoption_is_text(house: House) -> None:
    await house.connection()
    said = '"><script>alert(1)</script>'
    secrets(house, 2)
    async with signed_in(house) as person:
        form = await person.get(adoptable(await taken(person))["href"])
        held = {each["name"]: each["value"] for each in form.all("input", type="hidden")}
        (key,) = [each["value"] for each in form.all("input", name="key") if "checked" in each]
        fields = dict.fromkeys(("name", "project", "environment", "path", "idName", "secretName"), said)
        for sent in ({**held, **fields, "key": key}, {**held, **fields, "key": said}, dict.fromkeys(held, said)):
            answer = await person.http.post("/inventory/adopt", data={**sent, "form": held["form"]})
            assert answer.status_code in {404, 422}
            assert "<script>alert" not in answer.text


async def test_what_cannot_be_adopted_is_refused(house: House) -> None:
    made = await house.connection()
    app = house.application()
    base = {"connection": "fabrikam", "app": app.object_id}
    said = {
        **base,
        "name": "x",
        "project": "payments",
        "environment": "prod",
        "path": "/",
        "idName": "A",
        "secretName": "B",
    }
    async with signed_in(house) as person:
        unknown = await person.send("/inventory/adopt", **said, key="0" * 8 + "-0000-4000-8000-" + "0" * 12)
        assert unknown.status_code == 422
        assert (await person.send("/inventory/adopt", **{**said, "connection": "none"})).status_code == 404
        await person.get("/inventory/adopt?connection=fabrikam&app=none", 400)
        await house.ask("DELETE", f"/api/v1/app-connections/azure-client-secrets/{made['id']}")
        assert (await person.send("/inventory/adopt", **said)).status_code == 404
    async with signed_in(house, Grant(Role.READER)) as person:
        assert (await person.send("/inventory/adopt", **said)).status_code == 403
    assert list(await house.engine.store.facts()) == []
