"""When does a new secret count as proved?"""

from __future__ import annotations

from typing import Any

import pytest

from rotator.domain.model import Secret
from rotator.entra.proof import ACCEPTED_THEN_REFUSED
from tests.entra.connecting import Connected


async def test_each_proof_is_a_fresh_sign_in_past_every_cache(near: Connected) -> None:
    issued = await near.add()
    before = near.requests("token")
    for _ in range(3):
        assert (await near.directory.prove(near.client_id, issued.text)).accepted
    assert near.requests("token") == before + 3
    await near.directory.remove_password(near.object_id, issued.key_id)
    assert not (await near.directory.prove(near.client_id, issued.text)).accepted


@pytest.mark.parametrize("number", [7000215, 7000222])
async def test_a_refused_secret_is_no_proof_and_says_so(near: Connected, number: int) -> None:
    near.fault(match="^token", status=401, code=number)
    proof = await near.directory.prove(near.client_id, Secret("some text"))
    assert (proof.accepted, proof.secret_refused, proof.code) == (False, True, str(number))


@pytest.mark.parametrize("number", [700016, 7000112, 90002, 999999])
async def test_other_refusals_are_no_proof_and_do_not_blame_the_secret(near: Connected, number: int) -> None:
    body = {"error": "unauthorized_client", "error_codes": [number], "error_description": f"AADSTS{number}: No."}
    near.fault(match="^token", status=400, body=body)
    proof = await near.directory.prove(near.client_id, Secret("some text"))
    assert (proof.accepted, proof.secret_refused, proof.code) == (False, False, str(number))
    assert proof.detail == f"AADSTS{number}: No."


@pytest.mark.parametrize("number", ACCEPTED_THEN_REFUSED)
async def test_a_refusal_that_comes_after_the_secret_was_accepted_is_a_named_proof(
    near: Connected, number: str
) -> None:
    body = {"error": "access_denied", "error_codes": [int(number)], "error_description": f"AADSTS{number}: Blocked."}
    near.fault(match="^token", status=400, body=body)
    proof = await near.directory.prove(near.client_id, Secret("some text"))
    assert (proof.accepted, proof.code) == (True, number)
    assert proof.detail == ACCEPTED_THEN_REFUSED[number]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 429, "body": "slow down"}, "throttled"),
        ({"status": 503, "body": "<html>"}, "unavailable"),
        ({"status": 503, "body": {"error": "access_denied", "error_codes": [53003]}}, "53003"),
        ({"status": 400, "code": 90033}, "90033"),
        ({"status": 200, "body": "<html>"}, "unreadable"),
        ({"status": 200, "body": {"token_type": "Bearer"}}, "unreadable"),
        ({"status": 403, "body": "<html>the proxy says no</html>"}, "unreadable"),
        ({"hang": True}, "timeout"),
        ({"reset": True}, "reset"),
    ],
)
async def test_no_verdict_is_no_proof(near: Connected, fault: dict[str, Any], code: str) -> None:
    near.fault(match="^token", **fault)
    proof = await near.directory.prove(near.client_id, Secret("some text"))
    assert (proof.accepted, proof.secret_refused, proof.code) == (False, False, code)
