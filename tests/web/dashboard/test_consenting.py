"""Can somebody let a connection act in his name by the pages, and can nobody do it for him or twice?"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from rotator.domain.access import Grant, Role
from rotator.simulator.server import Running
from tests.consent import uses
from tests.web.dashboard.person import Person, Seen, signed_in
from tests.web.house import House, for_people, open_house

BACK = "https://rotator.example/oauth/callback"


@pytest.fixture
async def people(tmp_path: Path, running: Running) -> AsyncIterator[House]:
    """The application may act for people, who come back to a page of the dashboard."""
    admin = running.simulation.population.admin
    admin.redirect_uris, admin.delegated = [BACK], ["Application.ReadWrite.All"]
    document = for_people(running)
    document["api"]["oauth"]["redirectUri"] = BACK
    async with open_house(tmp_path, running, document=document) as opened:
        yield opened


def filled(house: House, **changes: str) -> dict[str, str]:
    plain = {"name": "annas", "tenantId": house.running.ready.tenantId, "cloud": "simulated", "description": "<i>hers"}
    return {**plain, **changes}


def onward(page: httpx.Response) -> str:
    """Where the page sends the browser."""
    assert page.status_code == 200, page.text
    (target,) = Seen(page.text).all("meta", **{"http-equiv": "refresh"})
    return target["content"].partition("url=")[2]


async def back(house: House, url: str) -> str:
    """Where Microsoft sends the browser, once an account has been picked."""
    trust = ssl.create_default_context(cafile=house.running.ready.caFile)
    async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
        choice = await http.get(url)
        assert "Pick an account" in choice.text
        named = {**dict(parse_qsl(urlsplit(url).query)), "login_hint": "anna@example.org"}
        answer = await http.get(url.partition("?")[0], params=named)
    return answer.headers["location"].removeprefix("https://rotator.example")


async def begun(person: Person, house: House, **changes: str) -> str:
    """The return of a sign-in that the person has begun."""
    return await back(house, onward(await person.send("/connections/sign-in", **filled(house, **changes))))


async def names(house: House) -> list[str]:
    return [each["name"] for each in (await house.get("/api/v1/app-connections"))["appConnections"]]


async def test_a_connection_is_made_by_signing_in_and_works(people: House) -> None:
    async with signed_in(people) as person:
        (button,) = (await person.get("/connections/new")).all("a", href="/connections/sign-in")
        assert (await person.get(button["href"])).all("input", name="tenantId")
        url = onward(await person.send("/connections/sign-in", **filled(people)))
        sent = parse_qs(urlsplit(url).query)
        assert (sent["redirect_uri"], sent["code_challenge_method"]) == ([BACK], ["S256"])
        answer = await person.http.get(await back(people, url))
        assert (answer.status_code, answer.headers["location"]) == (303, "/connections")
        listed = await person.http.get("/connections")
        assert "&lt;i&gt;hers" in listed.text
        (row,) = (await people.get("/api/v1/app-connections"))["appConnections"]
        assert (row["name"], row["method"]) == ("annas", "oauth")
        assert "sees" in (await person.send(f"/connections/{row['id']}/try")).text
    rows = (await people.get("/api/v1/audit", kind="connection.create"))["auditLogs"]
    assert [each["facts"]["connection"] for each in rows] == ["annas"]


async def test_a_consent_that_has_ended_is_given_again_by_a_button(people: House) -> None:
    async with signed_in(people) as person:
        await person.http.get(await begun(person, people))
        page = await person.get("/connections")
        (action,) = [each["action"] for each in page.all("form") if each["action"].endswith("/sign-in")]
        tokens = people.running.simulation.entra.tenant.people.refresh_tokens
        assert len(tokens) == 1
        again = await person.http.get(await back(people, onward(await person.send(action))))
        assert (again.status_code, again.headers["location"]) == (303, "/connections")
        assert len(tokens) == 2
        await person.send(action.replace("/sign-in", "/try"))
    assert uses(people.running.simulation)[:2] == [0, 1]


async def test_a_return_serves_once_and_only_the_session_that_began_it(people: House) -> None:
    async with signed_in(people) as person, signed_in(people) as other:
        returned = await begun(person, people)
        flow = {"rotator-consent": person.http.cookies["rotator-consent"]}
        assert (await other.http.get(returned)).status_code == 400
        other.http.cookies.update(flow)
        assert "not begun in this session" in (await other.http.get(returned)).text
        assert (
            await people.http.get(returned, headers={"cookie": f"rotator-consent={flow['rotator-consent']}"})
        ).headers["location"] == "/sign-in"
        assert await names(people) == []
        assert (await person.http.get(returned)).status_code == 303
        person.http.cookies.update(flow)
        assert "has come back before" in (await person.http.get(returned)).text
        assert await names(people) == ["annas"]


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?code=x&state=", "?code=x&state=%00", "?state=x&error=access_denied"]
)
async def test_a_return_that_nobody_has_begun_makes_nothing(people: House, query: str) -> None:
    async with signed_in(people) as person:
        assert (await person.http.get(f"/oauth/callback{query}")).status_code == 400
        await person.send("/connections/sign-in", **filled(people))
        assert (await person.http.get(f"/oauth/callback{query}")).status_code == 400
    assert await names(people) == []


async def test_a_code_of_another_sign_in_and_a_refusal_are_told_and_make_nothing(people: House) -> None:
    async with signed_in(people) as person:
        stolen = parse_qs(urlsplit(await begun(person, people)).query)["code"][0]
        mine = parse_qs(urlsplit(await begun(person, people)).query)["state"][0]
        refused = await person.http.get("/oauth/callback", params={"code": stolen, "state": mine})
        assert (refused.status_code, "AADSTS501481" in refused.text) == (400, True)
        state = parse_qs(urlsplit(await begun(person, people)).query)["state"][0]
        told = {"error": "access_denied", "error_description": "AADSTS65004: declined <b>", "state": state}
        declined = await person.http.get("/oauth/callback", params=told)
        assert (declined.status_code, "AADSTS65004: declined &lt;b&gt;" in declined.text) == (400, True)
        assert Seen(declined.text).all("input", name="name")[0]["value"] == "annas"
    assert await names(people) == []


async def test_what_is_wrong_is_said_before_anybody_goes_to_microsoft(people: House) -> None:
    await people.connection()
    async with signed_in(people) as person:
        for changes, field in (
            ({"name": "Not a slug"}, "name"),
            ({"name": "fabrikam"}, "name"),
            ({"tenantId": "contoso.com"}, "tenantId"),
            ({"description": "x" * 300}, "description"),
        ):
            answer = await person.send("/connections/sign-in", **filled(people, **changes))
            wrong = {each["name"] for each in Seen(answer.text).all("input") if "aria-invalid" in each}
            assert (answer.status_code, wrong) == (422, {field})
        nowhere = await person.send("/connections/sign-in", **filled(people, cloud="moon"))
        assert (nowhere.status_code, "moon" in nowhere.text) == (400, True)
        script = '"><script>alert(1)</script>'
        shown = await person.send(
            "/connections/sign-in", name=script, tenantId=script, cloud=script, description=script
        )
        assert "<script>alert" not in shown.text


async def test_only_admins_of_everything_begin_or_end_it(people: House) -> None:
    async with signed_in(people) as admin:
        await admin.http.get(await begun(admin, people))
        (row,) = (await people.get("/api/v1/app-connections"))["appConnections"]
    for grant in (Grant(Role.READER), Grant(Role.OPERATOR), Grant(Role.ADMIN, "payments")):
        async with signed_in(people, grant) as person:
            await person.get("/connections/sign-in", 403)
            assert (await person.send("/connections/sign-in", **filled(people))).status_code == 403
            assert (await person.send(f"/connections/{row['id']}/sign-in")).status_code == 403
            assert (await person.http.get("/oauth/callback?code=x&state=y")).status_code == 403


async def test_without_an_address_of_ours_there_is_no_button_and_no_page(house: House, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    async with (
        open_house(tmp_path / "elsewhere", house.running, document=for_people(house.running)) as elsewhere,
        signed_in(house) as nobody,
        signed_in(elsewhere) as person,
    ):
        for each in (nobody, person):
            assert "Microsoft" not in (await each.get("/connections/new")).text
            await each.get("/connections/sign-in", 404)
            await each.get("/oauth/callback?code=x&state=y", 404)
    made = await house.connection()
    async with signed_in(house) as person:
        assert (await person.send(f"/connections/{made['id']}/sign-in")).status_code == 404
