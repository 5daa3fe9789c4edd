"""What can somebody do with a sign-in that is not his, or with a token that Entra has not made for it?"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rotator.simulator.id_tokens import id_claims
from rotator.simulator.server import serve
from rotator.simulator.signing import RsaSigner
from rotator.simulator.simulation import SimulatorOptions
from tests.simulated import tenant
from tests.web.dashboard.entrance import Browser, browser, open_entrance, person
from tests.web.dashboard.person import Seen, books_of
from tests.web.house import House

FOREIGN = "00000000-0000-4000-8000-000000000001"
NOW = int(time.time())
pytestmark = pytest.mark.asyncio(loop_scope="module")
Claims = dict[str, Any]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def entrance(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("attacked")
    async with tenant() as running, open_entrance(folder, running) as house:
        person(house, roles=("Rotator.Admin",))
        yield house


def signer(house: House) -> RsaSigner:
    found = house.running.simulation.entra.tokens.signer
    assert isinstance(found, RsaSigner)
    return found


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def header(house: House, alg: str) -> Claims:
    return {"typ": "JWT", "alg": alg, "kid": signer(house).key_id}


def unsigned(house: House, claims: Claims) -> str:
    return f"{encoded(header(house, 'none'))}.{encoded(claims)}."


def with_public_key(house: House, claims: Claims) -> str:
    pem = signer(house).key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = f"{encoded(header(house, 'HS256'))}.{encoded(claims)}"
    return f"{body}.{encoded(hmac.digest(pem, body.encode(), hashlib.sha256))}"


def of_another_key(house: House, claims: Claims) -> str:
    """The tenant's `kid`, and the signature of a key that is another tenant's."""
    other = RsaSigner()
    other.key_id = signer(house).key_id
    return other.sign(claims)


def tampered(house: House, claims: Claims) -> str:
    """More roles under the signature of fewer."""
    first, _, last = signer(house).sign({**claims, "roles": []}).split(".")
    return f"{first}.{encoded(claims)}.{last}"


def saying(*without: str, **more: object) -> Callable[[House, Claims], str]:
    """Signed by the tenant's own key, with other claims."""

    def make(house: House, claims: Claims) -> str:
        return signer(house).sign({name: each for name, each in {**claims, **more}.items() if name not in without})

    return make


FORGERIES: dict[str, tuple[Callable[[House, Claims], str], str]] = {
    "alg none": (unsigned, "not signed with RS256"),
    "HS256 with the public key": (with_public_key, "not signed with RS256"),
    "the key of another tenant": (of_another_key, "signature does not hold"),
    "a key that is not known": (lambda _, claims: RsaSigner().sign(claims), "a key that its tenant does not know"),
    "tampered roles": (tampered, "signature does not hold"),
    "expired": (saying(exp=NOW - 3600), "has expired"),
    "not yet valid": (saying(nbf=NOW + 3600), "not valid yet"),
    "without an end": (saying("exp"), "has no exp"),
    "another nonce": (saying(nonce="n" * 43), "answers another sign-in"),
    "a nonce that is no text": (saying(nonce=["n"]), "answers another sign-in"),
    "without a nonce": (saying("nonce"), "has no nonce"),
    "for another application": (saying(aud=FOREIGN), "for another application"),
    "for several applications": (
        lambda house, claims: saying(aud=[claims["aud"], FOREIGN])(house, claims),
        "another app",
    ),
    "asked for by another application": (saying(azp=FOREIGN), "for another application"),
    "of another tenant": (saying(tid=FOREIGN), "of another tenant"),
    "of another issuer": (saying(iss=f"https://login.microsoftonline.com/{FOREIGN}/v2.0"), "another issuer"),
    "of version 1": (
        lambda house, claims: saying(iss=f"https://sts.windows.net/{claims['tid']}/", ver="1.0")(house, claims),
        "not of version 2",
    ),
    "without an object id": (saying("oid"), "has no oid"),
    "an object id that is no text": (saying(oid=7), "no id token of a person"),
    "an access token": (saying(scp="User.Read"), "no id token of a person"),
    "an application's": (saying(idtyp="app"), "no id token of a person"),
    "junk": (lambda *_: "junk", "no signed JWT"),
}


async def given(opened: Browser, make: Callable[[House, Claims], str]) -> httpx.Response:
    """The end of a sign-in in which the token endpoint gives that id token."""
    house = opened.house
    simulation, url = house.running.simulation, await opened.begin()
    back = await opened.consent(url)
    nonce = parse_qs(urlsplit(url).query)["nonce"][0]
    claims = id_claims(person_of(house), simulation.population.admin, simulation.entra.tokens, nonce=nonce)
    body = {"token_type": "Bearer", "expires_in": 3600, "access_token": "x", "id_token": make(house, claims)}
    simulation.entra.faults.add({"match": "^token POST", "status": 200, "times": 1, "body": body})
    return await opened.come_back(back)


def person_of(house: House) -> Any:
    return person(house, roles=("Rotator.Admin",))


def assert_outside(answer: httpx.Response, status: int = 403) -> str:
    """No session, no redirect to a page; gives what is said."""
    assert answer.status_code == status, answer.text
    assert not any(each.startswith("rotator=") for each in answer.headers.get_list("set-cookie"))
    assert "location" not in answer.headers
    return Seen(answer.text).text


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_id_token_opens_nothing_and_leaves_a_row(entrance: House, forgery: str) -> None:
    make, why = FORGERIES[forgery]
    async with browser(entrance) as opened:
        assert why in assert_outside(await given(opened, make))
    access = books_of(entrance)
    row = (await access.audited(access.now(), 1))[0]
    assert (row["kind"], why in str(row["facts"])) == ("dashboard.refused", True)


async def test_the_genuine_token_is_let_in_among_all_of_them(entrance: House) -> None:
    async with browser(entrance) as opened:
        assert (await given(opened, saying())).status_code == 303
        now = int(time.time())
        for at_the_edge in ({"exp": now - 30}, {"nbf": now + 30}):  # clocks differ a little
            assert (await given(opened, saying(**at_the_edge))).status_code == 303


async def test_a_real_token_of_another_tenant_opens_nothing(entrance: House) -> None:
    async with serve(SimulatorOptions(seed=8)) as other, browser(entrance) as opened:
        foreign = other.simulation.entra.tokens.signer
        said = assert_outside(await given(opened, lambda _, claims: foreign.sign(claims)))
    assert "a key that its tenant does not know" in said


async def test_what_another_browser_has_begun_signs_nobody_in(entrance: House) -> None:
    """Else somebody could have others work in his own account (login CSRF)."""
    async with browser(entrance) as attacker, browser(entrance) as victim:
        back = await attacker.consent(await attacker.begin())
        assert "not begun in this browser" in assert_outside(await victim.come_back(back))
        await victim.begin()
        assert "not begun in this browser" in assert_outside(await victim.come_back(back))
        assert (await victim.http.get("/")).status_code == 303


async def test_a_return_serves_once(entrance: House) -> None:
    async with browser(entrance) as opened:
        url = await opened.begin()
        kept = {"cookie": f"rotator-sign-in={opened.http.cookies['rotator-sign-in']}"}
        back = await opened.consent(url)
        assert (await opened.come_back(back)).status_code == 303
        assert "not begun in this browser" in assert_outside(await opened.come_back(back))
        assert "has come back before" in assert_outside(await entrance.http.get(back, headers=kept))


async def test_a_code_is_worth_nothing_in_another_sign_in_and_nothing_twice(entrance: House) -> None:
    async with browser(entrance) as opened:
        stolen = parse_qs(urlsplit(await opened.consent(await opened.begin())).query)["code"][0]
        mine = urlsplit(await opened.consent(await opened.begin()))
        state = parse_qs(mine.query)["state"][0]
        query = {"code": stolen, "state": state}
        said = assert_outside(await opened.http.get("/sign-in/entra/return", params=query))
        assert "AADSTS501481" in said  # its verifier is another's (PKCE)
    entra = entrance.running.simulation.entra
    async with browser(entrance) as opened:
        entra.faults.add({"match": "^token POST", "when": "after", "status": 503, "times": 1})
        back = await opened.consent(await opened.begin())
        assert_outside(await opened.come_back(back), 503)
        assert_outside(await opened.come_back(back))


@pytest.mark.parametrize(
    "cookie", ["", "junk", "x" * 43, f"{'x' * 43}.!", f"{'x' * 43}.{'=' * 5}", f"{'x' * 43}./w==", "y." + "A" * 3000]
)
async def test_a_cookie_of_ones_own_making_begins_nothing(entrance: House, cookie: str) -> None:
    headers = {"cookie": f"rotator-sign-in={cookie}"}
    for state in ("", "x", "\u00e9"):
        answer = await entrance.http.get("/sign-in/entra/return", params={"code": "c", "state": state}, headers=headers)
        assert "not begun in this browser" in assert_outside(answer)


async def test_words_in_the_address_are_shown_to_nobody_who_has_not_been_at_entra(entrance: House) -> None:
    query = {"error": "x", "error_description": "Call 555-0100 <script>alert(1)</script>"}
    async with browser(entrance) as opened:
        said = await opened.http.get("/sign-in/entra/return", params={**query, "state": "x"})
        assert "555" not in said.text
        url = await opened.begin()
        state = parse_qs(urlsplit(url).query)["state"][0]
        told = await opened.http.get("/sign-in/entra/return", params={**query, "state": state})
        assert "<script>alert" not in told.text
        assert "Entra has not signed you in: Call 555-0100" in assert_outside(told)


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\r\nLocation: https://evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/sign-out",
        "/sign-in/entra",
        "/%0d%0a" + "x" * 1024,
        "/\u2215evil.example",
        "",
    ],
)
async def test_nobody_is_sent_anywhere_but_to_a_page_of_ours(entrance: House, to: str) -> None:
    async with browser(entrance) as opened:
        shown = await opened.http.get("/sign-in", params={"to": to})
        assert Seen(shown.text).all("a", class_="primary")[0]["href"] == f"{entrance.address}/sign-in/entra"
        assert (await opened.sign_in(to=to)).headers["location"] == "/"


async def test_nothing_of_a_sign_in_is_told_to_the_audit_or_the_page(entrance: House) -> None:
    async with browser(entrance) as opened:
        back = await opened.consent(await opened.begin())
        told = (await opened.come_back(back)).text
        access = books_of(entrance)
        told += json.dumps([dict(row) for row in await access.audited(access.now(), 1000)], default=str)
        for name in ("code", "state"):
            assert parse_qs(urlsplit(back).query)[name][0] not in told
        assert opened.http.cookies["rotator"] not in told


async def test_returns_are_counted_as_sign_ins(entrance: House, tmp_path: Path) -> None:
    few = {"api": {"rates": {"logins": 2, "changes": 1000, "reads": 100_000}}}
    async with open_entrance(tmp_path, entrance.running, document=few) as house, browser(house) as opened:
        answers = [(await opened.http.get("/sign-in/entra/return?code=x&state=y")).status_code for _ in range(3)]
    assert answers == [403, 403, 429]
