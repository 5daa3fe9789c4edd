"""Who gets in, for how long, and what can a stranger's page do?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.access import Grant, Method, Role
from rotator.domain.secret import Secret
from rotator.web.dashboard import sessions
from tests.web.asking import plainly
from tests.web.dashboard.person import NOTE, a_link, books_of, signed_in
from tests.web.house import House, open_house


async def kinds(house: House) -> list[str]:
    """Of the audit, the newest first."""
    access = books_of(house)
    return [str(row["kind"]) for row in await access.audited(access.now(), 20)]


async def test_without_a_session_every_page_leads_to_the_sign_in_page(house: House) -> None:
    for path in ("/", "/?show=all", "/rotations/x", "/rotations/x/events", "/rotations/x/compromised"):
        answer = await house.http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    shown = await house.http.get("/sign-in")
    assert shown.status_code == 200
    assert "rotator dashboard link" in shown.text


async def test_a_link_signs_in_once_and_looking_at_it_spends_nothing(house: House) -> None:
    link = await a_link(house)
    for _ in range(2):
        assert (await house.http.get("/sign-in", params={"link": link})).status_code == 200
    async with plainly(house.address) as http:
        assert (await http.post("/sign-in", data={"link": link})).status_code == 303
        assert (await http.get("/")).status_code == 200
    again = await house.http.post("/sign-in", data={"link": link})
    assert again.status_code == 403
    assert "set-cookie" not in again.headers
    assert (await kinds(house))[:2] == ["dashboard.refused", "dashboard.sign-in"]


async def test_the_cookie_is_for_our_server_alone_and_out_of_reach_of_scripts(house: House, tmp_path: Path) -> None:
    answer = await house.http.post("/sign-in", data={"link": await a_link(house)})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("rotator=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=28800"} <= set(cookie.split("; "))
    (tmp_path / "proxied").mkdir()
    async with open_house(tmp_path / "proxied", house.running, document={"api": {"behindProxy": True}}) as proxied:
        answer = await proxied.http.post("/sign-in", data={"link": await a_link(proxied)})
        assert answer.headers["set-cookie"].startswith("__Host-rotator=")
        assert "; Secure" in answer.headers["set-cookie"]


async def test_who_signs_out_ends_the_session_wherever_its_cookie_has_gone(house: House) -> None:
    async with signed_in(house) as person:
        stolen = dict(person.http.cookies)
        assert (await person.send("/sign-out")).headers["location"] == "/sign-in"
    async with plainly(house.address, cookies=stolen) as thief:
        assert (await thief.get("/")).status_code == 303
    assert (await kinds(house))[0] == "dashboard.sign-out"


async def test_a_session_ends_with_its_identity(house: House) -> None:
    async with signed_in(house) as person:
        access = books_of(house)
        mine = next(each for each in await access.all_identities() if each.name.startswith("person-"))
        await access.remove_identity(mine.id, NOTE)
        assert (await person.http.get("/")).status_code == 303


async def test_a_session_that_is_too_old_opens_nothing(house: House) -> None:
    access = books_of(house)
    made = await access.add_identity("id-late", "late", grants=[Grant(Role.ADMIN)], note=NOTE)
    assert made is not None
    for age, status in ((sessions.SESSION_LIFE - timedelta(minutes=1), 200), (sessions.SESSION_LIFE, 303)):
        issued = sessions.made(Method.SESSION, made, access.now() - age)
        await access.keep_token(issued.token, NOTE)
        answer = await house.http.get("/", headers={"cookie": f"rotator={issued.text.reveal()}"})
        assert answer.status_code == status


async def test_a_session_is_no_access_token_and_an_access_token_no_session(house: House) -> None:
    async with signed_in(house) as person:
        session = person.http.cookies["rotator"]
    kept = sessions.digest(Method.SESSION, Secret(session))
    for bearer in (session, kept):
        assert (await house.ask("GET", "/api/v1/auth/token/whoami", token=bearer)).status_code == 403
        renewed = await house.http.post("/api/v1/auth/token/renew", json={"accessToken": bearer})
        assert renewed.status_code == 403
    assert (await house.http.get("/", headers={"cookie": f"rotator={house.admin}"})).status_code == 303
    assert (await house.http.post("/sign-in", data={"link": house.admin})).status_code == 403
    assert (await house.http.post("/sign-in", data={"link": session})).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_a_form_of_another_sites_page_is_refused(house: House, headers: dict[str, str]) -> None:
    async with signed_in(house) as person:
        answer = await person.http.post("/sign-out", data={"form": await person.form_token()}, headers=headers)
        assert answer.status_code == 403
        entered = await person.http.post("/sign-in", data={"link": await a_link(house)}, headers=headers)
        assert entered.status_code == 403
        assert (await person.http.get("/")).status_code == 200


async def test_a_form_without_the_token_of_its_session_is_refused(house: House) -> None:
    async with signed_in(house) as person, signed_in(house) as other:
        for token in ("", "0" * 64, "\u00e9", await other.form_token()):
            assert (await person.http.post("/sign-out", data={"form": token})).status_code == 403
        bodies = [(b"form=x", "text/plain"), (b"\xff\xfe", "application/x-www-form-urlencoded")]
        for body, kind in bodies:
            answer = await person.http.post("/sign-out", content=body, headers={"content-type": kind})
            assert answer.status_code == 400
        assert (await person.http.get("/")).status_code == 200


async def test_every_page_keeps_scripts_frames_and_other_servers_out(house: House) -> None:
    async with signed_in(house) as person:
        for path in ("/", "/sign-in", "/rotations/none"):
            answer = await person.http.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["cache-control"] == "no-store"
            assert " style=" not in answer.text
            assert "<style" not in answer.text
            assert "://" not in answer.text.replace("http://www.w3.org/2000/svg", "")


async def test_files_may_be_kept_for_their_addresses_change_with_them(house: House) -> None:
    async with signed_in(house) as person:
        page = await person.get("/")
        address = page.all("link", rel="stylesheet")[0]["href"]
    answer = await house.http.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert answer.headers.get_list("cache-control") == ["public, max-age=31536000, immutable"]
    assert (await house.http.get("/static/../sessions.py")).status_code in {303, 404}
    assert (await house.http.get("/static/none.css")).status_code == 404
