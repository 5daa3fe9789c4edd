"""Does a client secret sign in, as often and as long as it may, and no longer?"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rotator.web.limits import Rates
from tests.web.door import Door, open_door

URL = "/api/v1/auth/universal-auth"


async def credentials(door: Door, settings: object = None, **wanted: object) -> tuple[str, dict[str, str]]:
    """An identity, and what it signs in with."""
    identity_id = await door.identity()
    made = await door.ask("POST", f"{URL}/identities/{identity_id}", json=settings or {})
    assert made.status_code == 200, made.text
    secret = await door.ask("POST", f"{URL}/identities/{identity_id}/client-secrets", json=wanted)
    assert secret.status_code == 200, secret.text
    client_id = made.json()["identityUniversalAuth"]["clientId"]
    return identity_id, {"clientId": client_id, "clientSecret": secret.json()["clientSecret"]}


async def login(door: Door, body: dict[str, Any]) -> httpx.Response:
    return await door.ask("POST", f"{URL}/login", token="", json=body)


async def test_a_client_secret_signs_in(door: Door) -> None:
    identity_id, known = await credentials(door)
    body = (await login(door, known)).json()
    assert {name: body[name] for name in ("expiresIn", "accessTokenMaxTTL", "tokenType")} == {
        "expiresIn": 2592000,
        "accessTokenMaxTTL": 2592000,
        "tokenType": "Bearer",
    }
    assert (await door.whoami(body["accessToken"])).json()["identity"]["id"] == identity_id


async def test_a_wrong_secret_and_an_unknown_client_are_refused_alike(door: Door) -> None:
    _, known = await credentials(door)
    wrong = await login(door, known | {"clientSecret": "x"})
    unknown = await login(door, known | {"clientId": "x"})
    for answer in (wrong, unknown):
        assert answer.status_code == 401
        assert (answer.json()["message"], answer.json()["error"]) == ("Invalid credentials", "UnauthorizedError")
    assert [each["kind"] for each in (await door.audited())[:2]] == ["login.refused", "login.refused"]


async def test_a_secret_is_kept_as_a_digest_only(door: Door, tmp_path: Any) -> None:
    _, known = await credentials(door)
    token = (await login(door, known)).json()["accessToken"]
    kept = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert known["clientSecret"].encode() not in kept
    assert token.encode() not in kept


async def test_a_secret_is_used_as_often_as_it_may(door: Door) -> None:
    _, known = await credentials(door, numUsesLimit=2)
    assert [(await login(door, known)).status_code for _ in range(3)] == [200, 200, 401]


async def test_a_secret_expires(door: Door) -> None:
    _, known = await credentials(door, ttl=60)
    assert (await login(door, known)).status_code == 200
    door.clock.advance(60)
    assert (await login(door, known)).status_code == 401


async def test_a_revoked_secret_signs_in_no_more(door: Door) -> None:
    identity_id, known = await credentials(door)
    secrets = f"{URL}/identities/{identity_id}/client-secrets"
    (listed,) = (await door.ask("GET", secrets)).json()["clientSecretData"]
    assert known["clientSecret"].startswith(listed["clientSecretPrefix"])
    revoked = await door.ask("POST", f"{secrets}/{listed['id']}/revoke")
    assert revoked.json()["clientSecretData"]["isClientSecretRevoked"] is True
    assert (await login(door, known)).status_code == 401
    assert (await door.ask("GET", secrets)).json()["clientSecretData"] == []


async def test_a_secret_is_trusted_only_from_where_it_is_said(door: Door) -> None:
    _, known = await credentials(door, {"clientSecretTrustedIps": [{"ipAddress": "10.0.0.0/8"}]})
    answer = await login(door, known)
    assert answer.status_code == 401
    assert "not trusted from 127.0.0.1" in answer.json()["message"]


async def test_logins_are_limited_with_a_time_to_wait(tmp_path: Any) -> None:
    async with open_door(tmp_path, rates=Rates(logins=3)) as door:
        body = {"clientId": "x", "clientSecret": "y"}
        answers = [await login(door, body) for _ in range(4)]
        assert [each.status_code for each in answers] == [401, 401, 401, 429]
        assert answers[-1].headers["retry-after"] == "20"
        assert answers[-1].json()["error"] == "RateLimitExceeded"
        door.clock.advance(20)
        assert (await login(door, body)).status_code == 401


@pytest.mark.parametrize("body", [{}, {"clientId": "x"}, {"clientId": 1, "clientSecret": 2}, [], "x"])
async def test_a_login_of_another_form_is_422(door: Door, body: Any) -> None:
    answer = await login(door, body)
    assert (answer.status_code, answer.json()["error"]) == (422, "ValidationFailure")
    assert isinstance(answer.json()["message"], list)
