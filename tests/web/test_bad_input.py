"""Is whatever nobody should send refused by every operation alike: bad tokens, bad bodies, ids of others?"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from rotator.domain.access import Grant, Method, Note, Role, TokenRule
from rotator.domain.secret import Secret
from rotator.serving import node_of
from rotator.web.auth.minting import digest_of, mint
from tests.web.house import House

#: Open to all, or proving themselves by what stands in their body.
OPEN = ("/login", "/healthz", "/readyz", "/metrics", "/api/docs", "/token/renew", "/token/revoke")
NOTE = Note("test", "test")


@dataclass(frozen=True)
class Operation:
    """One of the OpenAPI document."""

    method: str
    path: str
    fields: tuple[str, ...]
    has_body: bool

    def filled(self, **ids: str) -> str:
        """Its path with these ids in it, by what they are ids of; others are ids of nothing."""
        path = self.path
        for part in self.path.split("/"):
            if part.startswith("{"):
                path = path.replace(part, ids.get(part.strip("{}"), str(uuid4())))
        return path


async def operations(house: House) -> list[Operation]:
    document = (await house.http.get("/api/docs/openapi.json")).json()
    return [
        Operation(method.upper(), path, _fields(document, described), "requestBody" in described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


def _fields(document: dict[str, Any], described: dict[str, Any]) -> tuple[str, ...]:
    body = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = body.get("$ref", "").rpartition("/")[2]
    return tuple(document["components"]["schemas"].get(name, {}).get("properties", ()))


@pytest.fixture
async def guarded(house: House) -> list[Operation]:
    """Those that ask who is calling."""
    found = [each for each in await operations(house) if not each.path.endswith(OPEN)]
    assert len(found) > 45
    return found


def refused(answer: httpx.Response, *statuses: int) -> None:
    """In the form that every refusal has, in few words."""
    asked = f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code in statuses, asked
    body = answer.json()
    assert (body["statusCode"], body["reqId"]) == (answer.status_code, answer.headers["x-request-id"]), asked
    assert len(answer.text) < 20_000, asked


async def tokens(house: House) -> dict[str, int]:
    """Tokens that open nothing, and how each is answered."""
    access = house.engine.store.access(node_of(house.engine.configuration))
    made = await access.add_identity(str(uuid4()), "machine", grants=[Grant(Role.ADMIN)], note=NOTE)
    assert made is not None
    hour = TokenRule(ttl=timedelta(hours=1))
    expired = mint(made.id, Method.TOKEN, hour, now=access.now() - timedelta(hours=2))
    revoked = mint(made.id, Method.TOKEN, hour, now=access.now())
    used_up = mint(made.id, Method.TOKEN, replace(hour, uses=1), now=access.now())
    foreign = mint(made.id, Method.TOKEN, hour, now=access.now())
    for each in (expired, revoked, used_up):
        await access.keep_token(each.token, NOTE)
    assert await access.spend(digest_of(used_up.text))
    await access.revoke_token(digest_of(revoked.text), NOTE)
    return {
        expired.text.reveal(): 403,
        revoked.text.reveal(): 403,
        foreign.text.reveal(): 403,
        used_up.text.reveal(): 401,
        "eyJhbGciOiJub25lIn0.e30.": 403,
        "x" * 4096: 403,
    }


async def test_every_operation_refuses_every_token_that_opens_nothing(house: House, guarded: list[Operation]) -> None:
    for token, status in (await tokens(house)).items():
        for each in guarded:
            refused(
                await house.ask(each.method, each.filled(), token=token, json={} if each.has_body else None), status
            )
    for each in guarded:
        refused(await house.http.request(each.method, each.filled(), json={} if each.has_body else None), 401)


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "half": b'{"name": ',
    "no object": b"[1]",
    "null": b"null",
    "a text": b'"x"',
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "a number without end": b'{"a": ' + b"9" * 100_000 + b"}",
    "half a character": b'{"name": "\\ud800"}',
    "a name twice": b'{"name": 1, "name": 2}',
}


async def test_every_operation_refuses_a_body_of_another_form(house: House) -> None:
    headers = {"content-type": "application/json"}
    for each in await operations(house):
        for body in BODIES.values() if each.has_body else ():
            answer = await house.ask(each.method, each.filled(), content=body, headers=headers)
            # What needs nothing of its body may find that its id leads nowhere.
            refused(answer, 400, 404, 422)


async def test_every_operation_refuses_a_body_of_a_megabyte_unread(house: House) -> None:
    for each in await operations(house):
        if each.has_body:
            answer = await house.ask(each.method, each.filled(), content=b'"' + b"x" * (1 << 20) + b'"')
            refused(answer, 413)


#: Too long, too large, of another type, or nothing that a database would keep.
VALUES: list[Any] = ["x" * 100_000, 10**400, -1, [], {}, True, "\u0000", {"a": {"b": []}}]


async def test_every_field_of_every_operation_refuses_what_it_cannot_hold(house: House) -> None:
    answered = [
        await house.ask(each.method, each.filled(), json={field: value})
        for each in await operations(house)
        for field in each.fields
        for value in VALUES
    ]
    for answer in answered:
        if answer.status_code != 200:
            refused(answer, 400, 401, 403, 404, 422)
    good = sum(answer.status_code == 200 for answer in answered)
    assert good < len(answered) / 20, "most of it is nothing that could be carried out"


async def test_every_id_that_leads_nowhere_is_404_and_what_is_no_id_never_our_fault(
    house: House, guarded: list[Operation]
) -> None:
    for each in guarded:
        if "{" not in each.path:
            continue
        query = {"projectId": "payments", "environment": "prod", "secretPath": "/"}
        answer = await house.ask(each.method, each.filled(), params=query, json=query if each.has_body else None)
        refused(answer, 400, 404, 422)
        for text in ("%00", "..%2f..%2fetc", "x" * 3000, "%f0%28%8c%28", "'; DROP TABLE rotations; --"):
            path = each.path.split("{")[0] + text
            assert (await house.ask(each.method, path, params=query)).status_code in {400, 404, 405, 422}, path


async def test_nobody_learns_of_what_another_project_has(house: House, guarded: list[Operation]) -> None:
    connection = await house.connection(projectId="payments")
    made = await house.post("/api/v2/secret-rotations/azure-client-secret", house.rotation_body(connection["id"]))
    ids = {
        "rotation_id": made["secretRotation"]["id"],
        "connection_id": connection["id"],
        "project_id": made["secretRotation"]["projectId"],
    }
    stranger = await house.token(Grant(Role.ADMIN, "sales"))
    where = {"projectId": "payments", "workspaceId": "payments", "environment": "prod", "secretPath": "/"}
    known = [each for each in guarded if "{" in each.path and "identit" not in each.path]
    assert len(known) > 25
    for each in known:
        body = {"json": BODY_OF.get(each.path.rpartition("/")[2], {**where})} if each.has_body else {}
        name = next((name for part, name in NAMES.items() if part in each.path), "BILLING_SECRET")
        path = each.filled(**ids, name=name)
        answer = await house.ask(each.method, path, token=stranger, params=where, **body)
        refused(answer, 404, 422) if each.has_body else refused(answer, 404)
    assert len(house.living()) == 1


NAMES = {"/connection-name/": "fabrikam", "/rotation-name/": "billing-api"}
#: What each of these wants to see before it looks further.
BODY_OF: dict[str, dict[str, Any]] = {
    "{rotation_id}": {"description": "mine"},
    "{connection_id}": {"description": "mine"},
    "environments": {"slug": "mine"},
}


async def test_a_refusal_repeats_no_secret_that_was_sent(house: House) -> None:
    secret = Secret("hush-hush-hush-hush-hush")
    body = house.connection_body(name="A b")
    body["credentials"]["clientSecret"] = secret.reveal()
    for path in ("/api/v1/app-connections/azure-client-secrets", "/api/v1/auth/universal-auth/login"):
        for sent in (body, {**body, "clientId": "x" * 99, "clientSecret": [secret.reveal()]}, [secret.reveal()]):
            answer = await house.ask("POST", path, content=json.dumps(sent).encode())
            assert (answer.status_code >= 400, secret.reveal() in answer.text) == (True, False)
