"""Is every forged, stolen or mistaken token refused, with one line, one audit row, and no more work than the check?"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rotator.simulator.server import Running, serve
from rotator.simulator.signing import RsaSigner, read_claims, read_header
from rotator.simulator.simulation import SimulatorOptions
from tests.simulated import tenant
from tests.web.door import RESOURCE, Door, open_door, principal_of, signed, token_of_tenant

pytestmark = pytest.mark.asyncio(loop_scope="module")
FOREIGN = "99999999-9999-4999-8999-999999999999"


@dataclass
class Target:
    """An identity that lets one principal in, and that principal's genuine token."""

    door: Door
    running: Running
    identity_id: str
    token: str

    @property
    def claims(self) -> dict[str, Any]:
        return read_claims(self.token)

    @property
    def header(self) -> dict[str, Any]:
        return read_header(self.token)

    @property
    def signer(self) -> RsaSigner:
        signer = self.running.simulation.entra.tokens.signer
        assert isinstance(signer, RsaSigner)
        return signer

    def with_claims(self, *without: str, **changes: object) -> str:
        """The tenant's own signature under other claims."""
        claims = {name: value for name, value in (self.claims | changes).items() if name not in without}
        return signed(self.running, claims)

    def with_header(self, **changes: object) -> str:
        """Another header, signed with the tenant's own key."""
        return rs256({**self.header, **changes}, self.claims, self.signer.key)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    folder: Path = tmp_path_factory.mktemp("attacked")
    async with tenant() as running, open_door(folder, running) as door:
        identity_id = await door.identity()
        settings = {"resource": RESOURCE, "allowedServicePrincipalIds": principal_of(running)}
        made = await door.azure(identity_id, tenantId=running.ready.tenantId, **settings)
        assert made.status_code == 200, made.text
        yield Target(door, running, identity_id, await token_of_tenant(running))


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def rs256(header: Mapping[str, object], claims: object, key: rsa.RSAPrivateKey) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    body = f"{encoded(header)}.{encoded(claims)}"
    return f"{body}.{encoded(key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def hs256_with_public_key(target: Target) -> str:
    pem = target.signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = f"{encoded({**target.header, 'alg': 'HS256'})}.{encoded(target.claims)}"
    return f"{body}.{encoded(hmac.digest(pem, body.encode(), hashlib.sha256))}"


def own_key(target: Target, **header: object) -> str:
    """A key of the attacker's under the tenant's `kid`."""
    return rs256({**target.header, **header}, target.claims, rsa.generate_private_key(65537, 2048))


def own_jwk(target: Target) -> str:
    mine = RsaSigner()
    header = {**target.header, "jwk": mine.jwks("x")["keys"][0]}
    return rs256(header, target.claims, mine.key)


def none_of(target: Target, alg: str = "none") -> str:
    return f"{encoded({**target.header, 'alg': alg})}.{encoded(target.claims)}."


def user_claims(target: Target, **more: object) -> str:
    return target.with_claims("idtyp", **more)


NOW = int(time.time())
ATTACKS: dict[str, tuple[Callable[[Target], str], str]] = {
    "alg none": (none_of, "not signed with RS256"),
    "alg None": (lambda target: none_of(target, "None"), "not signed with RS256"),
    "HS256 with the public key": (hs256_with_public_key, "not signed with RS256"),
    "RS384": (lambda target: target.with_header(alg="RS384"), "not signed with RS256"),
    "an unknown kid": (lambda target: target.with_header(kid="nobody"), "a key that its tenant does not know"),
    "a kid that is a path": (lambda target: target.with_header(kid="../../etc/passwd"), "a key that its tenant"),
    "a kid that is no text": (lambda target: target.with_header(kid=7), "no signed JWT"),
    "an endless kid": (lambda target: target.with_header(kid="k" * 300), "names no signing key"),
    "another issuer": (lambda target: target.with_claims(iss="https://evil.example/"), "another issuer"),
    "the issuer of another tenant": (
        lambda target: target.with_claims(iss=f"https://sts.windows.net/{FOREIGN}/"),
        "another issuer",
    ),
    "another audience": (lambda target: target.with_claims(aud="https://vault.azure.net"), "another audience"),
    "several audiences": (lambda target: target.with_claims(aud=[RESOURCE, "x"]), "more than one audience"),
    "Graph's audience": (lambda target: target.with_claims(aud="https://graph.microsoft.com"), "Microsoft Graph"),
    "Graph's id": (
        lambda target: target.with_claims(aud="00000003-0000-0000-c000-000000000000"),
        "Microsoft Graph",
    ),
    "another tenant": (lambda target: target.with_claims(tid=FOREIGN), "another tenant"),
    "expired": (lambda target: target.with_claims(exp=NOW - 3600), "has expired"),
    "not yet valid": (lambda target: target.with_claims(nbf=NOW + 3600, exp=NOW + 7200), "not valid yet"),
    "without an end": (lambda target: target.with_claims("exp"), "has no exp"),
    "without a tenant": (lambda target: target.with_claims("tid"), "has no tid"),
    "with an end that is no number": (lambda target: target.with_claims(exp="soon"), "makes no sense"),
    "with an endless end": (lambda target: target.with_claims(exp=1e400), "makes no sense"),
    "an oid that is not allowed": (
        lambda target: target.with_claims(oid=FOREIGN, sub=FOREIGN, appid=FOREIGN),
        "is not on the allow-list",
    ),
    "a user token with scopes": (lambda target: user_claims(target, scp="user_impersonation"), "a person's"),
    "a user token by its type": (lambda target: target.with_claims(idtyp="user"), "a person's"),
    "an id token": (lambda target: user_claims(target, sub="pairwise-subject"), "a person's"),
    "a token without a client": (lambda target: target.with_claims("appid", "azp", "idtyp"), "a person's"),
    "an embedded jwk": (own_jwk, "its own key"),
    "a jku": (lambda target: own_key(target, jku="https://evil.example/keys"), "its own key"),
    "an x5u": (lambda target: own_key(target, x5u="https://evil.example/chain"), "its own key"),
    "the signature of another key": (own_key, "signature does not hold"),
    "the signature stripped": (lambda target: target.token.rpartition(".")[0] + ".", "signature does not hold"),
    "two parts": (lambda target: target.token.rpartition(".")[0], "no signed JWT"),
    "other claims under the signature": (
        lambda target: ".".join(
            [target.token.split(".")[0], encoded({**target.claims, "oid": FOREIGN}), target.token.split(".")[2]]
        ),
        "signature does not hold",
    ),
    "claims that are a list": (lambda target: rs256(target.header, ["x"], target.signer.key), "makes no sense"),
    "junk": (lambda _: "junk", "no signed JWT"),
    "junk in three parts": (lambda _: "a.b.c", "no signed JWT"),
    "a deep header": (lambda _: f"{encoded(b'[' * 9000)}.e30.x", "no signed JWT"),
    "dots": (lambda _: "." * 2000, "no signed JWT"),
    "longer than any token": (lambda target: target.token + "A" * 20_000, "no signed JWT"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_refused_with_one_line_and_an_audit_row(target: Target, attack: str) -> None:
    forge, why = ATTACKS[attack]
    answer = await target.door.login(target.identity_id, forge(target))
    body = answer.json()
    assert (answer.status_code, body["error"]) == (401, "UnauthorizedError")
    assert why in body["message"]
    assert "\n" not in body["message"]
    (row,) = [each for each in await target.door.audited() if each["request_id"] == body["reqId"]]
    assert (row["kind"], row["facts"]["status"], row["facts"]["identity"]) == ("login.refused", 401, target.identity_id)
    assert why in row["facts"]["why"]


@pytest.mark.parametrize(("jwt", "status"), [("", 422), (None, 422), (7, 422), (["x"], 422), ("A" * (1 << 20), 413)])
async def test_a_body_of_another_form_is_refused(target: Target, jwt: object, status: int) -> None:
    answer = await target.door.login(target.identity_id, jwt)
    assert answer.status_code == status
    rows = [each for each in await target.door.audited() if each["request_id"] == answer.json()["reqId"]]
    assert [row["kind"] for row in rows] == ["login.refused"]


async def test_the_key_of_another_tenant_opens_nothing(target: Target) -> None:
    async with serve(SimulatorOptions(seed=8)) as other:
        stolen = await token_of_tenant(other)
        forged = signed(other, target.claims)
    for token in (stolen, forged):
        assert (await target.door.login(target.identity_id, token)).status_code == 401


async def test_no_forgery_makes_us_ask_the_tenant_more_than_once_a_minute(target: Target) -> None:
    await target.door.login(target.identity_id, target.token)
    asked = target.door.tenants.asked
    target.door.clock.advance(61)
    for n in range(20):
        await target.door.login(target.identity_id, target.with_header(kid=f"unknown-{n}"))
    assert target.door.tenants.asked == asked + 1


async def test_the_genuine_token_is_let_in_among_all_of_them(target: Target) -> None:
    assert (await target.door.login(target.identity_id, target.token)).status_code == 200


async def test_no_answer_and_no_audit_row_repeats_the_token(target: Target) -> None:
    forged = own_key(target)
    answer = await target.door.login(target.identity_id, forged)
    told = answer.text + json.dumps(await target.door.audited())
    assert forged.split(".")[2] not in told
    assert forged.split(".")[1] not in told
