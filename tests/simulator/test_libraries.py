"""Do Microsoft's own libraries and PyJWT take the simulator for Entra, over real HTTPS?"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from rotator.simulator.server import Ready, Running
from rotator.simulator.signing import RsaSigner
from tests.simulator.caller import SCOPE, Caller

ISSUER = "https://issuer.example"
SUBJECT = "system:serviceaccount:apps:rotator"
AUDIENCE = "api://AzureADTokenExchange"

pytestmark = pytest.mark.filterwarnings(
    "ignore:This class is deprecated. Please use the generic RequestConfiguration:DeprecationWarning"  # in msgraph-sdk
)


def client_secret(ready: Ready, client_id: str, secret: str) -> ClientSecretCredential:
    return ClientSecretCredential(
        ready.tenantId, client_id, secret, authority=ready.authority, connection_verify=ready.caFile, retry_total=0
    )


async def test_azure_identity_signs_in_by_secret(running: Running, remote: Caller) -> None:
    added = await remote.add_password()
    async with client_secret(running.ready, remote.client_id, added["secretText"]) as credential:
        token = await credential.get_token(SCOPE)
    assert 3500 < token.expires_on - time.time() < 3600
    await remote.remove_password(added["keyId"])
    async with client_secret(running.ready, remote.client_id, added["secretText"]) as credential:
        with pytest.raises(ClientAuthenticationError, match="AADSTS7000215") as caught:
            await credential.get_token(SCOPE)
    response = caught.value.response
    assert response is not None
    assert response.status_code == 401


def certificate(name: str) -> tuple[bytes, bytes]:
    """A key with its certificate as PEM, and the certificate as DER."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + made.public_bytes(Encoding.PEM), made.public_bytes(Encoding.DER)


async def test_azure_identity_signs_in_by_certificate(running: Running, remote: Caller) -> None:
    pem, der = certificate("ours")
    entry = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(der).decode()}
    answer = await remote.graph("PATCH", f"applications/{remote.application}", {"keyCredentials": [entry]})
    assert answer.status_code == 204
    ready = running.ready

    def credential(proof: bytes) -> CertificateCredential:
        return CertificateCredential(
            ready.tenantId,
            remote.client_id,
            certificate_data=proof,
            authority=ready.authority,
            connection_verify=ready.caFile,
            retry_total=0,
        )

    async with credential(pem) as ours:
        claims = jwt.decode((await ours.get_token(SCOPE)).token, options={"verify_signature": False})
    assert (claims["appid"], claims["appidacr"]) == (remote.client_id, "2")
    async with credential(certificate("not registered")[0]) as foreign:
        with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
            await foreign.get_token(SCOPE)


@pytest.mark.parametrize(
    ("subject", "issuer_known", "number"),
    [(SUBJECT, True, None), ("somebody else", True, "AADSTS70021"), (SUBJECT, False, "AADSTS700027")],
    ids=["trusted", "other subject", "other key"],
)
async def test_azure_identity_signs_in_by_workload_identity(
    running: Running, remote: Caller, tmp_path: Path, subject: str, *, issuer_known: bool, number: str | None
) -> None:
    issuer = RsaSigner()
    keys = (issuer if issuer_known else RsaSigner()).jwks(ISSUER)
    await remote.control("POST", "issuers", {"issuer": ISSUER, "jwks": keys})
    body = {"name": "cluster", "issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE]}
    path = f"applications/{remote.application}/federatedIdentityCredentials"
    assert (await remote.graph("POST", path, body)).status_code == 201
    claims = {"iss": ISSUER, "sub": subject, "aud": [AUDIENCE], "exp": int(time.time()) + 600}
    file = tmp_path / "token"
    file.write_text(issuer.sign(claims), "utf-8")
    async with WorkloadIdentityCredential(
        tenant_id=running.ready.tenantId,
        client_id=remote.client_id,
        token_file_path=str(file),
        authority=running.ready.authority,
        connection_verify=running.ready.caFile,
        retry_total=0,
    ) as credential:
        if number is None:
            assert (await credential.get_token(SCOPE)).token
            return
        with pytest.raises(ClientAuthenticationError, match=f"{number}:"):
            await credential.get_token(SCOPE)


async def test_azure_identity_signs_in_by_the_metadata_service(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", running.ready.imds)
    async with ManagedIdentityCredential(retry_total=0) as credential:
        token = await credential.get_token(SCOPE)
    claims = jwt.decode(token.token, options={"verify_signature": False})
    assert claims["appid"] == running.ready.adminClientId


async def test_a_named_identity_must_be_one_of_the_machine(
    running: Running, remote: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", running.ready.imds)
    async with ManagedIdentityCredential(client_id=remote.client_id, retry_total=0) as credential:
        with pytest.raises(ClientAuthenticationError, match="Identity not found"):
            await credential.get_token(SCOPE)
    await remote.control("POST", "clients", {"clientId": remote.client_id, "managedIdentity": True})
    async with ManagedIdentityCredential(client_id=remote.client_id, retry_total=0) as credential:
        assert (await credential.get_token(SCOPE)).token


async def test_azure_identity_signs_in_on_app_service(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{running.ready.imds}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "anything")
    async with ManagedIdentityCredential(retry_total=0) as credential:
        assert (await credential.get_token(SCOPE)).token


@pytest.mark.parametrize(("version", "folder", "client"), [(1, "", "appid"), (2, "v2.0/", "azp")], ids=["v1", "v2"])
async def test_pyjwt_validates_tokens_by_the_discovery_document(
    running: Running, remote: Caller, version: int, folder: str, client: str
) -> None:
    audience = remote.simulation.population.admin
    audience.token_version = version
    added = await remote.add_password()
    answer = await remote.token(remote.client_id, added["secretText"], scope=f"{audience.client_id}/.default")
    token = answer.json()["access_token"]
    url = f"{remote.base}/{running.ready.tenantId}/{folder}.well-known/openid-configuration"
    document = (await remote.http.get(url)).json()
    keys = jwt.PyJWKSet.from_dict((await remote.http.get(document["jwks_uri"])).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["RS256"], audience=audience.client_id, issuer=document["issuer"]
    )
    assert (claims["ver"], claims[client], claims["tid"]) == (
        f"{version}.0", remote.client_id, running.ready.tenantId,
    )  # fmt: skip
    assert (claims["idtyp"], claims["roles"]) == ("app", [])
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token[:-8] + "AAAAAAAA", key, algorithms=["RS256"], audience=audience.client_id)


async def test_msal_finds_the_tenant_by_instance_discovery(running: Running, remote: Caller) -> None:
    answer = await remote.http.get(f"{remote.base}/common/discovery/instance?api-version=1.1")
    document = await remote.http.get(answer.json()["tenant_discovery_endpoint"])
    assert document.json()["token_endpoint"] == f"{remote.base}/{running.ready.tenantId}/oauth2/v2.0/token"
    assert answer.json()["metadata"][0]["aliases"] == [remote.base.removeprefix("https://")]


@asynccontextmanager
async def graph_client(ready: Ready) -> AsyncIterator[Any]:
    """The SDK with its retries on, as it comes."""
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from msgraph.graph_request_adapter import GraphRequestAdapter
    from msgraph.graph_service_client import GraphServiceClient
    from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]

    transport = httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=ready.caFile), http2=True)
    async with (
        client_secret(ready, ready.adminClientId, ready.adminClientSecret) as credential,
        transport,  # kiota's own transport around it does not close it
        httpx.AsyncClient(transport=transport) as http,
    ):
        client = GraphClientFactory.create_with_default_middleware(client=http)
        provider = AzureIdentityAuthenticationProvider(credential, scopes=[ready.scope], allowed_hosts=["localhost"])
        adapter = GraphRequestAdapter(provider, client)
        adapter.base_url = ready.graph
        yield GraphServiceClient(request_adapter=adapter)


async def test_msgraph_adds_and_removes_a_secret(running: Running, remote: Caller) -> None:
    from msgraph.generated.applications.item.add_password.add_password_post_request_body import (
        AddPasswordPostRequestBody,
    )
    from msgraph.generated.applications.item.remove_password.remove_password_post_request_body import (
        RemovePasswordPostRequestBody,
    )
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError
    from msgraph.generated.models.password_credential import PasswordCredential

    wish = PasswordCredential(display_name="by the SDK", end_date_time=datetime.now(UTC) + timedelta(days=60))
    async with graph_client(running.ready) as graph:
        item = graph.applications.by_application_id(remote.application)
        added = await item.add_password.post(AddPasswordPostRequestBody(password_credential=wish))
        assert await remote.signs_in(added.secret_text)
        assert (added.display_name, added.end_date_time) == ("by the SDK", wish.end_date_time)
        body = RemovePasswordPostRequestBody(key_id=added.key_id)
        await item.remove_password.post(body)
        assert not await remote.signs_in(added.secret_text)
        with pytest.raises(ODataError) as caught:
            await item.remove_password.post(body)
    assert caught.value.response_status_code == 400
    assert caught.value.error is not None
    assert caught.value.error.code == "Request_BadRequest"


async def test_the_sdk_repeats_an_add_that_committed_which_is_why_its_retries_stay_off(
    running: Running, remote: Caller
) -> None:
    headers = {"Retry-After": "1"}
    rule = {"match": "addPassword", "when": "after", "status": 503, "times": 1, "headers": headers}
    await remote.control("POST", "faults", rule)
    async with graph_client(running.ready) as graph:
        await _add_something(graph, remote.application)
    assert len(await remote.listed()) == 2


async def test_kiota_answers_a_claims_challenge_by_itself(running: Running, remote: Caller) -> None:
    await remote.control("POST", "faults", {"match": "addPassword", "challenge": True, "times": 1})
    async with graph_client(running.ready) as graph:
        await _add_something(graph, remote.application)
    outcomes = [entry.outcome for entry in running.simulation.entra.log.entries if entry.operation == "addPassword"]
    assert outcomes == ["401", "200"]


async def _add_something(graph: Any, object_id: str) -> None:
    from msgraph.generated.applications.item.add_password.add_password_post_request_body import (
        AddPasswordPostRequestBody,
    )

    await graph.applications.by_application_id(object_id).add_password.post(AddPasswordPostRequestBody())
