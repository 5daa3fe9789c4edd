"""Who gets in with which token, from where, how often and how long?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.access import Grant, Method, Role, SignIn, TokenRule
from rotator.web.auth.minting import mint
from rotator.web.limits import Rates
from tests.web.door import NOTE, Door, open_door

TOKEN = "/api/v1/auth/token"


async def token_under(door: Door, rule: TokenRule) -> str:
    """A token of an identity that signs in under that rule."""
    identity_id, now = await door.identity(), door.access.now()
    sign_in = SignIn("sign-in", identity_id, Method.UNIVERSAL, rule, now, now, handle="handle")
    await door.access.attach(sign_in, NOTE)
    issued = mint(identity_id, Method.UNIVERSAL, rule, now=now)
    await door.access.keep_token(issued.token, NOTE)
    return issued.text.reveal()


@pytest.mark.parametrize("header", [b"x", b"Bearer", b"Basic eHg6eHg=", b"Bearer rotator_at_nobody", b"Bearer \xe9"])
async def test_a_bearer_that_is_not_ours_is_403(door: Door, header: bytes) -> None:
    answer = await door.ask("GET", f"{TOKEN}/whoami", token="", headers={"authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (403, "TokenError")


async def test_no_bearer_at_all_is_401(door: Door) -> None:
    assert (await door.whoami("")).status_code == 401


async def test_a_token_ends_with_its_life(door: Door) -> None:
    token = await token_under(door, TokenRule(ttl=timedelta(seconds=100)))
    door.clock.advance(99)
    assert (await door.whoami(token)).status_code == 200
    door.clock.advance(1)
    refused = await door.whoami(token)
    assert refused.status_code == 403
    assert "expired" in refused.json()["message"]


async def test_a_token_without_a_life_does_not_end(door: Door) -> None:
    token = await token_under(door, TokenRule(timedelta(0), timedelta(0)))
    door.clock.advance(timedelta(days=9000))
    assert (await door.whoami(token)).status_code == 200


async def test_renewal_prolongs_a_token_up_to_its_maximal_life(door: Door) -> None:
    token = await token_under(door, TokenRule(timedelta(seconds=100), timedelta(seconds=150)))
    door.clock.advance(90)
    renewed = await door.ask("POST", f"{TOKEN}/renew", token="", json={"accessToken": token})
    assert renewed.json() == {
        "accessToken": token,
        "expiresIn": 60,
        "accessTokenMaxTTL": 150,
        "tokenType": "Bearer",
    }
    door.clock.advance(59)
    assert (await door.whoami(token)).status_code == 200
    door.clock.advance(1)
    assert (await door.whoami(token)).status_code == 403
    assert (await door.ask("POST", f"{TOKEN}/renew", token="", json={"accessToken": token})).status_code == 403


async def test_revoking_ends_a_token_at_once(door: Door) -> None:
    token = await token_under(door, TokenRule())
    for _ in range(2):
        revoked = await door.ask("POST", f"{TOKEN}/revoke", token="", json={"accessToken": token})
        assert revoked.status_code == 200
    assert (await door.whoami(token)).status_code == 403


async def test_uses_are_counted_in_the_database(door: Door) -> None:
    token = await token_under(door, TokenRule(uses=2))
    assert [(await door.whoami(token)).status_code for _ in range(3)] == [200, 200, 401]


async def test_trusted_addresses_are_looked_at_on_each_use_against_the_list_of_now(door: Door) -> None:
    token = await token_under(door, TokenRule())
    assert (await door.whoami(token)).status_code == 200
    identity_id = (await door.access.identity("machine")).id  # type: ignore[union-attr]
    url = f"/api/v1/auth/universal-auth/identities/{identity_id}"
    body = {"accessTokenTrustedIps": [{"ipAddress": "10.0.0.0/8"}]}
    assert (await door.ask("PATCH", url, json=body)).status_code == 200
    refused = await door.whoami(token)
    assert (refused.status_code, refused.json()["error"]) == (403, "PermissionDenied")


async def test_a_forwarded_address_is_believed_from_our_own_proxy_only(tmp_path: Path) -> None:
    rule = TokenRule(trusted=("10.0.0.0/8",))
    async with open_door(tmp_path, proxies=("127.0.0.1/32", "192.0.2.0/24")) as door:
        token = await token_under(door, rule)
        for forwarded, status in {
            "10.1.2.3": 200,
            "8.8.8.8": 403,
            "10.1.2.3, 8.8.8.8": 403,
            "8.8.8.8, 10.1.2.3, 192.0.2.9": 200,
            "10.1.2.3:4711": 200,
            "junk": 403,
            "": 403,
        }.items():
            assert (await door.whoami(token, **{"x-forwarded-for": forwarded})).status_code == status, forwarded


async def test_a_stranger_cannot_forward_himself(door: Door) -> None:
    token = await token_under(door, TokenRule(trusted=("10.0.0.0/8",)))
    assert (await door.whoami(token, **{"x-forwarded-for": "10.1.2.3"})).status_code == 403


async def test_only_an_admin_of_everything_keeps_identities(door: Door) -> None:
    for grant in (Grant(Role.READER), Grant(Role.OPERATOR), Grant(Role.ADMIN, "payments")):
        token = await door.token(f"{grant.role}-{grant.project}", grant)
        answer = await door.ask("GET", "/api/v1/identities", token=token)
        assert (answer.status_code, answer.json()["error"], answer.json()["details"]) == (403, "PermissionDenied", [])


async def test_an_identity_that_is_deleted_takes_its_tokens_along(door: Door) -> None:
    token = await door.token("gone", Grant(Role.READER))
    assert (await door.ask("DELETE", "/api/v1/identities/id-gone")).status_code == 200
    assert (await door.whoami(token)).status_code == 403
    assert (await door.ask("DELETE", "/api/v1/identities/id-gone")).status_code == 404


async def test_grants_that_change_hold_at_the_next_use(door: Door) -> None:
    token = await door.token("risen", Grant(Role.READER))
    assert (await door.ask("GET", "/api/v1/identities", token=token)).status_code == 403
    await door.ask("PATCH", "/api/v1/identities/id-risen", json={"role": "admin"})
    assert (await door.ask("GET", "/api/v1/identities", token=token)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "root", "role": "admin"}, 400),
        ({"name": "x", "role": "king"}, 422),
        ({"name": "x"}, 422),
        ({"name": "", "role": "admin"}, 422),
        ({"name": "x" * 65, "role": "admin"}, 422),
        ({"name": "x\n", "role": "admin", "path": "/a"}, 422),
        ({"name": "x", "role": "admin", "environment": "prod"}, 422),
    ],
)
async def test_an_identity_of_another_form_is_refused(door: Door, body: dict[str, str], status: int) -> None:
    assert (await door.ask("POST", "/api/v1/identities", json=body)).status_code == status


async def test_half_a_character_is_refused(door: Door) -> None:
    as_json = {"content-type": "application/json"}
    body = b'{"name":"\\ud800","role":"admin"}'
    assert (await door.ask("POST", "/api/v1/identities", content=body, headers=as_json)).status_code == 422


async def test_an_identity_has_its_own_limit(tmp_path: Path) -> None:
    async with open_door(tmp_path, rates=Rates(reads=4)) as door:
        first = [(await door.whoami(door.admin)).status_code for _ in range(5)]
        assert first == [200, 200, 200, 200, 429]


def test_a_grant_covers_what_is_below_it_and_nothing_beside_it() -> None:
    grant = Grant(Role.OPERATOR, "payments", "prod", "/team")
    assert grant.covers(Role.READER, "payments", "prod", "/team/billing")
    assert grant.covers(Role.OPERATOR, "payments", "prod", "/team")
    assert not grant.covers(Role.ADMIN, "payments", "prod", "/team")
    assert not grant.covers(Role.READER, "payments", "prod", "/teamster")
    assert not grant.covers(Role.READER, "payments", "prod", "/")
    assert not grant.covers(Role.READER, "payments", "dev", "/team")
    assert not grant.covers(Role.READER, "payments")
    assert Grant(Role.READER, "payments", "", "").covers(Role.READER, "payments", "prod", "/")
