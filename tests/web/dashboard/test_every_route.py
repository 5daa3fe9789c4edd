"""Does what holds of one page hold of all? A new route is tried by itself; one without its checks fails here."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import rotator.web.dashboard
from rotator.domain.access import Grant, Method, Role
from rotator.web.dashboard import sessions
from rotator.web.dashboard.routes import ROUTES
from tests.web.asking import plainly
from tests.web.dashboard.person import EVERYWHERE, NOTE, Person, Seen, books_of, signed_in
from tests.web.house import ROTATIONS, House

#: Open to who has no session.
OPEN = {"/sign-in", "/sign-in/entra", "/sign-in/entra/return", "/static/{name}"}
#: What readers may send, and why that is reading.
READERS = {
    "/sign-out": "ends their own session",
    "/connections/{id}/try": "signs in and reads applications",
    "/rotations/{id}/reveal": "shows a text that they may read",
    "/inventory": "reads what expires in the tenants",
}
READ = {"connection.try", "secret.read", "inventory.take", "access.denied", "dashboard.sign-in", "test"}
SCRIPT = "\"'><script>alert(1)</script>"
TEMPLATES = Path(rotator.web.dashboard.__file__).parent / "templates"


@dataclass(frozen=True)
class Place:
    """A house with one rotation and one connection in it."""

    house: House
    rotation: str
    connection: str

    def path(self, route: str) -> str:
        """The route with the ids of what is there; every route must be one that is known how to fill."""
        own = self.connection if route.startswith("/connections/") else self.rotation
        path = route.replace("{id}", own).replace("{name}", "style.css")
        assert "{" not in path, f"say here what {route} is to be filled with"
        return path

    async def state(self) -> object:
        """Everything that a page could change."""
        store = self.house.engine.store
        facts = list(await store.facts())
        made = [(each.id, each.version) for each in await store.resources.connections()]
        identities = await books_of(self.house).all_identities()
        switches = [each.switches for each in await store.definitions()]
        return (
            facts,
            made,
            switches,
            self.house.living(),
            [each.name for each in identities if not each.name.startswith(("person", "late"))],
        )


@pytest.fixture
async def place(house: House) -> Place:
    made = await house.rotation()
    return Place(house, str(made["id"]), str(made["connectionId"]))


def routes(method: str) -> Iterator[str]:
    """The paths that take it and need a session."""
    for route in ROUTES:
        if method in (route.methods or ()) and route.path not in OPEN:
            yield route.path


def fields() -> set[str]:
    """Every name that a form or an address of ours may bear."""
    found: set[str] = set()
    for path in TEMPLATES.glob("*.html"):
        found |= set(re.findall(r'(?:\bname="|(?:field|area|chosen)\(")(\w+)"', path.read_text("utf-8")))
    return found - {"form", "viewport"}


async def got(http: httpx.AsyncClient, path: str, **more: Any) -> tuple[int, str]:
    """The status, and the page; of a stream of events only that it begins."""
    if path.endswith("/events"):
        async with http.stream("GET", path, **more) as answer:
            return answer.status_code, ""
    answer = await http.get(path, **more)
    return answer.status_code, answer.text


@asynccontextmanager
async def too_late(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with a session that has ended, and a form of it."""
    access = books_of(house)
    made = await access.add_identity("id-late", "late", grants=[EVERYWHERE], note=NOTE)
    assert made is not None
    issued = sessions.made(Method.SESSION, made, access.now() - sessions.SESSION_LIFE - timedelta(seconds=1))
    await access.keep_token(issued.token, NOTE)
    cookies = {"rotator": issued.text.reveal()}
    async with plainly(house.address, cookies=cookies) as http:
        http.headers["x-form"] = sessions.form_token(issued.text)
        yield http


def test_there_are_routes_of_every_kind_and_names_of_fields() -> None:
    assert len(list(routes("POST"))) > 15
    assert len(list(routes("GET"))) > 20
    assert {"q", "name", "clientSecret", "description", "interval", "sure"} <= fields()


async def test_a_reader_of_everything_changes_nothing_by_any_form(place: Place) -> None:
    before = await place.state()
    said = dict.fromkeys(fields(), "yes")
    async with signed_in(place.house, Grant(Role.READER)) as person:
        answers = {path: await person.send(place.path(path), **said) for path in routes("POST") if path not in READERS}
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 403} == {}
    assert await place.state() == before


async def test_what_a_reader_may_send_changes_nothing_either_and_no_page_offers_him_more(place: Place) -> None:
    before = await place.state()
    offered: set[str] = set()
    async with signed_in(place.house, Grant(Role.READER)) as person:
        for path in routes("GET"):
            status, text = await got(person.http, place.path(path))
            assert status in {200, 403, 404}, path
            offered |= {form["action"] for form in Seen(text).all("form", method="post")}
        for path in READERS:
            if path != "/sign-out":
                assert (await person.send(place.path(path))).status_code < 500
    assert offered - {place.path(path) for path in READERS} == set()
    assert await place.state() == before
    access = books_of(place.house)
    rows = await access.audited(access.now(), 100)
    assert {str(row["kind"]) for row in rows if str(row["actor"]).startswith("person-")} <= READ


async def test_an_operator_neither_makes_nor_changes_definitions(place: Place) -> None:
    making = [path for path in routes("POST") if re.search(r"/(new|edit|delete|sign-in|adopt)$", path)]
    assert len(making) >= 6
    before = await place.state()
    async with signed_in(place.house, Grant(Role.OPERATOR)) as person:
        answers = {path: (await person.send(place.path(path))).status_code for path in making}
    assert answers == dict.fromkeys(making, 403)
    assert await place.state() == before


async def test_a_session_that_has_ended_opens_no_page_and_sends_no_form(place: Place) -> None:
    before = await place.state()
    async with too_late(place.house) as http:
        form = {**dict.fromkeys(fields(), "yes"), "form": http.headers.pop("x-form")}
        seen = {path: await http.get(place.path(path)) for path in routes("GET")}
        sent = {path: (await http.post(place.path(path), data=form)).status_code for path in routes("POST")}
        asked = await http.get("/", headers={"hx-request": "true", "hx-current-url": "http://["})
    assert {answer.headers.get("location") for answer in seen.values()} == {"/sign-in"}
    assert sent == dict.fromkeys(sent, 401)
    assert (asked.status_code, asked.headers["hx-redirect"]) == (401, "/sign-in")
    assert await place.state() == before


async def test_no_form_is_taken_without_the_word_of_its_own_session(place: Place) -> None:
    before = await place.state()
    said = dict.fromkeys(fields(), "yes")
    async with signed_in(place.house) as person, signed_in(place.house) as other:
        words = ["", "0" * 64, await other.form_token()]
        for path in routes("POST"):
            for word in words:
                answer = await person.http.post(place.path(path), data={**said, "form": word})
                assert (answer.status_code, "not one of this session" in answer.text) == (403, True), path
    assert await place.state() == before


async def test_a_form_of_another_site_is_taken_by_no_route(place: Place) -> None:
    async with signed_in(place.house) as person:
        form = {**dict.fromkeys(fields(), "yes"), "form": await person.form_token()}
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            for path in [*routes("POST"), "/sign-in"]:
                answer = await person.http.post(place.path(path), data=form, headers=headers)
                assert answer.status_code == 403, path


async def test_an_id_of_another_project_leads_nowhere(place: Place) -> None:
    """Nor does one that nobody has: the two cannot be told from each other."""
    before = await place.state()
    for grant in (Grant(Role.ADMIN, "other"), Grant(Role.READER, "payments", "prod", "/elsewhere")):
        async with signed_in(place.house, grant) as person:
            here = [path for path in {*routes("GET"), *routes("POST")} if "/rotations/{id}" in path]
            assert len(here) > 10
            for path in here:
                for method in [each for each in ("GET", "POST") if path in set(routes(each))]:
                    theirs = await answer_to(person, method, place.path(path))
                    nobodys = await answer_to(person, method, path.replace("{id}", "0" * 36))
                    assert theirs.status_code == 404, (method, path)
                    assert theirs.text.replace(place.rotation, "") == nobodys.text.replace("0" * 36, ""), path
    async with signed_in(place.house, Grant(Role.OPERATOR, "other")) as person:
        for path in [each for each in routes("POST") if each.startswith("/connections/{id}")]:
            assert (await person.send(place.path(path))).status_code in {403, 404}, path
    assert await place.state() == before


async def answer_to(person: Person, method: str, path: str) -> httpx.Response:
    return await person.http.get(path) if method == "GET" else await person.send(path, sure="yes")


async def test_script_in_every_field_and_every_part_of_an_address_is_text(place: Place) -> None:
    said = dict.fromkeys(fields(), SCRIPT)
    async with signed_in(place.house) as person:
        for path in routes("GET"):
            _, text = await got(person.http, place.path(path), params=said)
            assert_text(text, path)
        for path in routes("POST"):
            if path != "/sign-out":
                assert_text((await person.send(place.path(path), **said)).text, path)
        for path in ("/rotations/", "/rotations/new/", "/connections/", "/static/"):
            answer = await person.http.get(path + SCRIPT)
            if answer.headers["content-type"] != "application/json":
                assert_text(answer.text, path)
            assert answer.headers["x-content-type-options"] == "nosniff"
    assert_text((await place.house.http.get("/sign-in", params=said)).text, "/sign-in")
    assert_text((await place.house.http.post("/sign-in", data=said)).text, "/sign-in")


async def test_script_that_is_kept_is_text_on_every_page(house: House) -> None:
    house.application().display_name = SCRIPT
    connection = await house.connection(description=SCRIPT)
    body = house.rotation_body(str(connection["id"]), description=SCRIPT, labels={"owner": SCRIPT})
    made = (await house.post(ROTATIONS, body))["secretRotation"]
    place = Place(house, str(made["id"]), str(connection["id"]))
    access = books_of(house)
    identity = await access.add_identity("id-script", SCRIPT, grants=[EVERYWHERE], note=NOTE)
    assert identity is not None
    issued = sessions.made(Method.SESSION, identity, access.now())
    await access.keep_token(issued.token, NOTE)
    cookies = {"rotator": issued.text.reveal()}
    async with plainly(house.address, cookies=cookies) as http:
        shown = ""
        for path in routes("GET"):
            _, text = await got(http, place.path(path), params={"connection": place.connection, "step": "3"})
            assert_text(text, path)
            shown += text
    assert shown.count("&lt;script&gt;alert(1)") > 5


def assert_text(page: str, path: str) -> None:
    """No element and no attribute has come of it."""
    assert "<script>alert" not in page, path
    assert all(set(each) <= {"src", "defer"} for each in Seen(page).all("script")), path
    assert [tag for tag, attrs in Seen(page).tags if any(name.startswith("on") for name in attrs)] == [], path


async def test_a_form_that_is_sent_twice_does_its_work_once(place: Place) -> None:
    house = place.house
    app = house.application(1)
    rotation = {
        "connection": place.connection,
        "app": f"{app.object_id} {app.client_id} {app.display_name}",
        "project": "payments",
        "idName": "ORDERS_ID",
        "secretName": "ORDERS_SECRET",
        "name": "orders",
    }
    connection = {"name": "second", "method": "client-secret", "cloud": "simulated"}
    connection |= house.connection_body()["credentials"]
    async with signed_in(house) as person:
        for path, said, what in (
            ("/rotations/new", rotation, "a rotation named orders"),
            ("/connections/new", connection, "a connection named second"),
        ):
            first, second = await person.send(path, **said), await person.send(path, **said)
            assert (first.status_code, second.status_code, what in second.text) == (303, 400, True), second.text
        forms = {"confirm": "yes", "sure": "yes", "name": "second"}
        made = next(each for each in await house.engine.store.resources.connections() if each.name == "second")
        gone = f"/connections/{made.id}/delete"
        assert [(await person.send(gone, **forms)).status_code for _ in range(2)] == [303, 404]
