"""Do people of the tenant get in with Microsoft Entra, in the roles they have there, and nobody else?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rotator.config.dashboard import Dashboard
from rotator.domain.access import Grant, Role
from rotator.simulator.server import Running
from rotator.simulator.signing import RsaSigner
from rotator.web.auth.id_tokens import points_to_groups
from rotator.web.dashboard import sessions
from tests.web.dashboard.entrance import ANNA, GROUP, browser, open_entrance, person
from tests.web.dashboard.person import NOTE, Person, Seen, books_of, signed_in
from tests.web.house import House

MANY = tuple(f"00000000-0000-4000-8000-{n:012}" for n in range(200))


@pytest.fixture
async def entrance(tmp_path: Path, running: Running) -> AsyncIterator[House]:
    async with open_entrance(tmp_path, running) as house:
        yield house


async def newest(house: House, kind: str) -> dict[str, Any]:
    """The latest row of the audit of that kind."""
    access = books_of(house)
    return next(dict(row) for row in await access.audited(access.now(), 50) if row["kind"] == kind)


async def test_an_app_role_lets_its_bearer_in_where_he_wanted_to_go(entrance: House) -> None:
    user = person(entrance, roles=("Rotator.Admin",))
    async with browser(entrance) as opened:
        shown = await opened.http.get("/audit?kind=secret.")
        assert shown.headers["location"] == "/sign-in?to=/audit%3Fkind%3Dsecret."
        (button,) = Seen((await opened.http.get(shown.headers["location"])).text).all("a", class_="primary")
        assert button["href"] == f"{entrance.address}/sign-in/entra?to=/audit%3Fkind%3Dsecret."
        answer = await opened.sign_in(to="/audit?kind=secret.")
        assert (answer.status_code, answer.headers["location"]) == (303, "/audit?kind=secret.")
        assert ANNA in (await opened.http.get("/audit")).text
    row = await newest(entrance, "dashboard.sign-in")
    assert (row["actor"], row["facts"]["objectId"], row["facts"]["roles"]) == (ANNA, user.object_id, ["admin"])


async def test_a_part_of_a_page_leads_to_signing_in_and_back_to_its_page(entrance: House) -> None:
    for shown, back in (("/rotations/x?asked=1", "?to=/rotations/x%3Fasked%3D1"), ("//evil.example/", ""), ("", "")):
        headers = {"hx-request": "true", "hx-current-url": f"{entrance.address}{shown}" if shown else "nonsense"}
        answer = await entrance.http.get("/rotations/x/part", headers=headers)
        assert (answer.status_code, answer.headers["hx-redirect"]) == (401, f"/sign-in{back}")


@pytest.mark.parametrize(
    ("claims", "points"),
    [
        ({"_claim_names": {"groups": "src1"}}, True),
        ({"hasgroups": True}, True),
        ({"hasgroups": "true"}, True),
        ({"groups": ["x"]}, False),
        ({"_claim_names": {"other": "src1"}, "hasgroups": False}, False),
        ({"_claim_names": "groups"}, False),
    ],
)
def test_both_ways_to_say_that_there_are_too_many_groups_are_known(claims: dict[str, Any], *, points: bool) -> None:
    assert points_to_groups(claims) is points


async def test_the_cookie_of_the_session_is_as_that_of_a_link_and_ends_when_it_is_said(entrance: House) -> None:
    person(entrance, roles=("Rotator.Admin",))
    async with browser(entrance) as opened:
        session, flow = (await opened.sign_in()).headers.get_list("set-cookie")
    assert session.startswith("rotator=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", f"Max-Age={4 * 3600}"} <= set(session.split("; "))
    assert flow.startswith("rotator-sign-in=")
    assert "Max-Age=0" in flow


async def test_a_group_lets_in_with_its_role_in_its_place_and_several_add_up(entrance: House) -> None:
    person(entrance, groups=(GROUP,))
    async with browser(entrance) as opened:
        await opened.sign_in()
        assert (await opened.http.get("/audit")).status_code == 403
        assert (await opened.http.get("/")).status_code == 200
        (mine,) = [each for each in await books_of(entrance).all_identities() if each.name == ANNA]
        assert mine.grants == (Grant(Role.OPERATOR, "payments"),)
        person(entrance, groups=(GROUP.upper(),), roles=("Rotator.Admin",))
        await opened.sign_in()
        assert (await opened.http.get("/audit")).status_code == 200
    assert (await newest(entrance, "identity.patch"))["facts"]["grants"] == ["admin", "operator/payments"]


async def test_whoever_is_in_more_groups_than_a_token_holds_is_looked_up(entrance: House) -> None:
    person(entrance, groups=(*MANY, GROUP))
    async with browser(entrance) as opened:
        assert (await opened.sign_in()).status_code == 303
        person(entrance, groups=(*MANY, "elsewhere"))
        assert (await opened.sign_in()).status_code == 403
        entrance.running.simulation.entra.faults.add({"match": "checkMemberGroups", "status": 403, "times": 1})
        refused = await opened.sign_in()
        assert (refused.status_code, "permission User.Read" in Seen(refused.text).text) == (403, True)


async def test_as_many_groups_as_a_token_holds_are_not_too_many_for_us(entrance: House) -> None:
    person(entrance, groups=(*MANY[1:], GROUP))
    async with browser(entrance) as opened:
        assert (await opened.sign_in()).status_code == 303
    asked = [each for each in entrance.running.simulation.entra.log.entries if each.operation == "checkMemberGroups"]
    assert asked == []


async def test_a_reload_changes_who_may_do_what_from_the_next_sign_in_on(entrance: House) -> None:
    person(entrance, roles=("Rotator.Reader",))
    engine = entrance.engine
    async with browser(entrance) as opened:
        assert (await opened.sign_in()).status_code == 403
        options = engine.configuration.dashboard
        rule = options.roles[0].model_copy(update={"app_role": "Rotator.Reader", "role": "reader"})
        changed = options.model_copy(update={"roles": (rule,)})
        await engine.take(replace(engine.configuration, dashboard=changed))
        assert (await opened.sign_in()).status_code == 303
        assert (await opened.http.get("/audit")).status_code == 403


async def test_sessions_end_with_the_block_that_let_them_begin(entrance: House) -> None:
    person(entrance, roles=("Rotator.Admin",))
    async with browser(entrance) as opened:
        await opened.sign_in()
        assert (await opened.http.get("/")).status_code == 200
        await entrance.engine.take(replace(entrance.engine.configuration, dashboard=Dashboard()))
        assert (await opened.http.get("/")).headers["location"] == "/sign-in"


async def test_nobody_without_a_role_gets_in_and_the_page_says_what_is_missing(entrance: House) -> None:
    user = person(entrance, roles=("Other.Role",))
    async with browser(entrance) as opened:
        answer = await opened.sign_in()
        said = Seen(answer.text).text
        assert answer.status_code == 403
        for words in (ANNA, user.object_id, "Rotator.Admin", GROUP, "names no groups at all"):
            assert words in said
        assert "rotator=" not in " ".join(answer.headers.get_list("set-cookie"))
        assert (await opened.http.get("/")).status_code == 303
    assert ANNA in (await newest(entrance, "dashboard.refused"))["facts"]["why"]
    assert [each.name for each in await books_of(entrance).all_identities() if each.name == ANNA] == []


async def test_who_has_lost_his_roles_may_do_nothing_in_older_sessions_either(entrance: House) -> None:
    person(entrance, roles=("Rotator.Admin",))
    async with browser(entrance) as older, browser(entrance) as newer:
        await older.sign_in()
        person(entrance)
        assert (await newer.sign_in()).status_code == 403
        assert (await older.http.get("/audit")).status_code == 403


async def test_signing_out_ends_the_session_and_leads_to_entra_and_back(entrance: House) -> None:
    person(entrance, roles=("Rotator.Admin",))
    async with browser(entrance) as opened:
        await opened.sign_in()
        stolen = {"cookie": f"rotator={opened.http.cookies['rotator']}"}
        page = await Person(opened.http).send("/sign-out")
        (onward,) = [each["content"] for each in Seen(page.text).all("meta", **{"http-equiv": "refresh"})]
        url = onward.partition("url=")[2]
        assert url.startswith(
            f"{entrance.running.ready.authority}/{entrance.running.ready.tenantId}/oauth2/v2.0/logout?"
        )
        back = await opened.consent(url)
        assert (await opened.come_back(back)).headers["location"] == "/sign-in"
        assert (await entrance.http.get("/", headers=stolen)).status_code == 303


async def test_the_host_ends_the_sessions_of_a_person(entrance: House) -> None:
    person(entrance, roles=("Rotator.Admin",))
    async with browser(entrance) as opened:
        await opened.sign_in()
        access = books_of(entrance)
        mine = await access.identity(ANNA)
        assert mine is not None
        for method in sessions.METHODS:
            await access.revoke_tokens(mine.id, method, NOTE)
        assert (await opened.http.get("/")).status_code == 303


async def test_a_person_is_known_by_his_object_id_and_takes_nobodys_name(entrance: House) -> None:
    taken = await books_of(entrance).add_identity("machine", ANNA, grants=[Grant(Role.READER)], note=NOTE)
    assert taken is not None
    user = person(entrance, roles=("Rotator.Admin",))
    async with browser(entrance) as opened:
        await opened.sign_in()
        assert (await opened.http.get("/audit")).status_code == 200
    names = {each.name: each for each in await books_of(entrance).all_identities()}
    assert names[ANNA] == taken
    assert names[f"{ANNA} {user.object_id[:8]}"].grants == (Grant(Role.ADMIN),)


async def test_a_public_client_signs_people_in_without_a_secret(tmp_path: Path, running: Running) -> None:
    running.simulation.population.admin.public_client = True
    async with open_entrance(tmp_path, running, clientSecret=None) as house, browser(house) as opened:
        person(house, roles=("Rotator.Admin",))
        assert (await opened.sign_in()).status_code == 303


async def test_groups_are_not_asked_for_where_none_is_mapped(tmp_path: Path, running: Running) -> None:
    roles = [{"appRole": "Rotator.Admin", "role": "admin"}]
    async with open_entrance(tmp_path, running, roles=roles) as house, browser(house) as opened:
        running.simulation.population.admin.delegated = []
        person(house, roles=("Rotator.Admin",), groups=(*MANY, GROUP))
        url = await opened.begin()
        assert parse_qs(urlsplit(url).query)["scope"] == ["openid profile"]
        assert (await opened.sign_in()).status_code == 303


async def test_the_host_header_decides_nothing(entrance: House) -> None:
    async with browser(entrance) as opened:
        shown = await opened.http.get("/sign-in", headers={"host": "evil.example"})
        assert "evil.example" not in shown.text
        begun = await opened.http.get("/sign-in/entra", headers={"host": "evil.example"})
        sent = parse_qs(urlsplit(begun.headers["location"]).query)
        assert sent["redirect_uri"] == [f"{entrance.address}/sign-in/entra/return"]
        assert "evil.example" not in begun.headers["location"]


async def test_behind_an_address_of_https_the_cookies_are_of_our_host_alone(tmp_path: Path, running: Running) -> None:
    async with open_entrance(tmp_path, running, address="https://rotator.example.com") as house:
        begun = await house.http.get("/sign-in/entra")
    cookie = begun.headers["set-cookie"]
    assert cookie.startswith("__Host-rotator-sign-in=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax", "Max-Age=600"} <= set(cookie.split("; "))
    sent = parse_qs(urlsplit(begun.headers["location"]).query)
    assert sent["redirect_uri"] == ["https://rotator.example.com/sign-in/entra/return"]
    assert sent["code_challenge_method"] == ["S256"]


async def test_what_entra_refuses_and_a_silent_entra_are_each_one_clear_line(entrance: House) -> None:
    person(entrance, roles=("Rotator.Admin",))
    simulation = entrance.running.simulation
    async with browser(entrance) as opened:
        for fault, status, words in (
            ({"match": "^token", "code": 7000222}, 403, "AADSTS7000222: the client secret has expired"),
            ({"match": "^token", "status": 503}, 503, "sign-in to the dashboard"),
            ({"match": "^(discovery|keys)", "reset": True}, 503, "signing keys"),
        ):
            simulation.entra.faults.add({**fault, "times": 1})
            answer = await opened.sign_in()
            assert (answer.status_code, words in Seen(answer.text).text) == (status, True), answer.text
        person(entrance).enabled = False
        denied = await opened.sign_in()
        assert "AADSTS50057: The user account is disabled" in Seen(denied.text).text


async def test_keys_are_fetched_once_and_an_unknown_one_is_not_asked_for_again_at_once(entrance: House) -> None:
    person(entrance, roles=("Rotator.Admin",))
    simulation = entrance.running.simulation
    async with browser(entrance) as opened:
        await opened.sign_in()
        await opened.sign_in()
        asked = [entry for entry in simulation.entra.log.entries if entry.operation == "keys"]
        simulation.entra.tokens.signer = RsaSigner()
        early = await opened.sign_in()
    assert len(asked) == 2  # one for each version of the discovery document
    assert "a key that its tenant does not know" in early.text


async def test_without_the_block_there_is_neither_a_button_nor_a_way(house: House) -> None:
    assert "Microsoft" not in (await house.http.get("/sign-in")).text
    for path in ("/sign-in/entra", "/sign-in/entra/return?code=x&state=y"):
        assert (await house.http.get(path)).status_code == 404


async def test_one_time_links_still_open_it(entrance: House) -> None:
    async with signed_in(entrance) as somebody:
        left = await somebody.send("/sign-out")
        assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    assert "rotator dashboard link" in (await entrance.http.get("/sign-in")).text
