"""Does every way to sign in work with the real libraries over real HTTPS, and does each refusal say what to do?"""

from __future__ import annotations

import base64
import stat
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from rotator.domain.model import Secret
from rotator.entra.login import Login
from rotator.errors import DirectoryThrottled, DirectoryUnavailable, PermissionDenied, SignInRefused
from rotator.simulator.server import Running
from rotator.simulator.signing import RsaSigner
from rotator.simulator.simulation import Simulation
from rotator.simulator.transport import SimTransport
from tests.entra.connecting import SCOPE, Connected, connected_to, in_process
from tests.fakes import ManualClock

ISSUER = "https://issuer.example"
SUBJECT = "system:serviceaccount:rotator:rotator"
AUDIENCE = "api://AzureADTokenExchange"


async def can_read(there: Connected) -> bool:
    return (await there.directory.registration(there.application)).application.name == "Billing API"


async def change_ourselves(simulation: Simulation, method: str, rest: str, body: object) -> None:
    """Change the application we sign in as, by its own right."""
    admin, tenant = simulation.population.admin, simulation.entra.tenant.tenant_id
    form = {"client_id": admin.client_id, "client_secret": simulation.population.admin_secret, "scope": SCOPE}
    async with httpx.AsyncClient(transport=SimTransport(simulation), base_url="https://localhost") as http:
        url = f"/{tenant}/oauth2/v2.0/token"
        token = (await http.post(url, data={**form, "grant_type": "client_credentials"})).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        url = f"/v1.0/applications/{admin.object_id}{rest}"
        answer = await http.request(method, url, json=body, headers=headers)
        assert answer.is_success, answer.text


def certificate() -> tuple[str, str, str]:
    """Certificate and key as PEM, and the certificate as Graph takes it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rotator")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    der = base64.b64encode(made.public_bytes(Encoding.DER)).decode()
    return made.public_bytes(Encoding.PEM).decode(), private.decode(), der


async def test_a_client_secret_signs_in(running: Running) -> None:
    async with connected_to(running) as there:
        assert await can_read(there)
        assert await can_read(there)
        assert there.requests("token") == 1


@pytest.mark.parametrize("apart", [True, False], ids=["key in its own file", "key beside the certificate"])
async def test_a_certificate_signs_in(running: Running, tmp_path: Path, *, apart: bool) -> None:
    body, key, der = certificate()
    entry = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": der}
    await change_ourselves(running.simulation, "PATCH", "", {"keyCredentials": [entry]})
    (tmp_path / "certificate.pem").write_text(body if apart else key + body, "utf-8")
    (tmp_path / "key.pem").write_text(key, "utf-8")
    given: dict[str, Any] = {"certificate": {"file": str(tmp_path / "certificate.pem")}}
    given |= {"privateKey": {"file": str(tmp_path / "key.pem")}} if apart else {}
    async with connected_to(running, "certificate", **given) as there:
        assert await can_read(there)


async def test_an_unknown_certificate_is_refused_with_what_to_upload(running: Running) -> None:
    body, key, _ = certificate()
    async with connected_to(running, "certificate", certificate=body, privateKey=key) as there:
        with pytest.raises(SignInRefused, match=r"AADSTS700027: the certificate is not one of application .*Upload"):
            await there.directory.sign_in()


async def test_a_certificate_without_its_key_is_refused_before_anything_is_sent(running: Running) -> None:
    async with connected_to(running, "certificate", certificate=certificate()[0]) as there:
        with pytest.raises(
            SignInRefused, match=r"no usable certificate with its private key.*may stand in `privateKey`"
        ):
            await there.directory.sign_in()
        assert there.requests("token") == 0


async def test_a_federated_token_from_a_file_signs_in(running: Running, tmp_path: Path) -> None:
    signer = RsaSigner()
    running.simulation.entra.tenant.issuers[ISSUER] = list(signer.jwks(ISSUER)["keys"])
    trusted = {"name": "cluster", "issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE]}
    await change_ourselves(running.simulation, "POST", "/federatedIdentityCredentials", trusted)
    file = tmp_path / "token"

    def write(subject: str) -> None:
        claims = {"iss": ISSUER, "sub": subject, "aud": [AUDIENCE], "exp": int(time.time()) + 600}
        file.write_text(signer.sign(claims), "utf-8")

    write("somebody else")
    async with connected_to(running, "workload-identity", tokenFile=str(file)) as there:
        with pytest.raises(SignInRefused, match=r"AADSTS700.*no federated credential.*issuer, subject, audience"):
            await there.directory.sign_in()
        write(SUBJECT)
        assert await can_read(there)


async def test_a_missing_token_file_is_named(running: Running, tmp_path: Path) -> None:
    async with connected_to(running, "workload-identity", tokenFile=str(tmp_path / "token")) as there:
        with pytest.raises(SignInRefused, match=r"token file cannot be read: No such file.*Check `tokenFile`"):
            await there.directory.sign_in()
    async with connected_to(running, "workload-identity") as there:
        with pytest.raises(SignInRefused, match=r"no token file is named.*AZURE_FEDERATED_TOKEN_FILE"):
            await there.directory.sign_in()


async def test_the_metadata_service_signs_in(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", running.ready.imds)
    async with connected_to(running, "managed-identity") as there:
        assert await can_read(there)
        assert await can_read(there)
        assert there.requests("imds") == 1


async def test_a_machine_without_that_identity_is_told_so(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", running.ready.imds)
    stranger = running.simulation.population.applications[0].client_id
    async with connected_to(running, "managed-identity", clientId=stranger) as there:
        with pytest.raises(SignInRefused, match="Identity not found"):
            await there.directory.sign_in()


@pytest.mark.parametrize("status", [404, 410, 429, 500])
async def test_a_metadata_service_that_starts_up_is_asked_again_later(
    running: Running, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", running.ready.imds)
    async with connected_to(running, "managed-identity") as there:
        there.fault(match="^imds", status=status, times=1)
        with pytest.raises(DirectoryThrottled if status == 429 else DirectoryUnavailable):
            await there.directory.sign_in()
        assert there.requests("imds") == 1
        await there.directory.sign_in()


async def test_no_metadata_service_at_all_is_no_traceback(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    async with connected_to(running, "managed-identity") as there:
        with pytest.raises(DirectoryUnavailable, match=r"no connection \(127.0.0.1"):
            await there.directory.sign_in()


async def test_app_service_signs_in(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{running.ready.imds}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "anything")
    async with connected_to(running, "managed-identity") as there:
        assert await can_read(there)
        assert there.requests("appServiceToken") == 1


def install_az(folder: Path, script: str) -> None:
    """An `az` of our own in front of the path: the real one needs a person to sign in first."""
    file = folder / "az"
    file.write_text(f"#!{sys.executable}\n{script}", "utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


async def test_the_azure_cli_signs_in_and_its_token_is_kept(
    running: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    population, simulation = running.simulation.population, running.simulation
    principal = simulation.entra.tenant.find_principal(population.admin.client_id)
    assert principal is not None
    resource = simulation.entra.tokens.resource("https://graph.microsoft.com")
    token, _ = simulation.entra.tokens.issue(principal, resource, proof="2", long_lived=False)
    expires_on = int(time.time()) + 3600
    printed = f'{{"accessToken": "{token}", "expires_on": {expires_on}, "expiresOn": "2099-01-01 00:00:00.000000"}}'
    install_az(tmp_path, f"open({str(tmp_path / 'calls')!r}, 'a').write('x')\nprint({printed!r})")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    async with connected_to(running, "azure-cli") as there:
        assert await can_read(there)
        assert await can_read(there)
        assert (tmp_path / "calls").read_text() == "x"
        there.fault(match="^getApplication", status=401, times=1)
        assert await can_read(there)
        assert (tmp_path / "calls").read_text() == "xx"


async def test_a_token_at_hand_is_not_searched_for_again_until_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async with in_process() as there:
        assert await can_read(there)
        ask = Login._ask

        async def counted(login: Login) -> str:
            asked.append(login._who.connection)
            return await ask(login)

        monkeypatch.setattr(Login, "_ask", counted)
        assert await can_read(there)
        assert asked == []
        there.fault(match="^getApplication", status=401, times=1)
        assert await can_read(there)
        assert (asked, there.requests("token")) == (["contoso"], 2)
        assert isinstance(there.clock, ManualClock)
        there.clock.advance(31)
        assert await can_read(there)
        assert (asked, there.requests("token")) == (["contoso"] * 2, 2)


@pytest.mark.parametrize("present", [True, False])
async def test_whoever_is_not_signed_in_to_the_azure_cli_is_told_how(
    running: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, present: bool
) -> None:
    if present:
        install_az(tmp_path, "import sys; sys.exit('Please run az login to set up an account.')")
    monkeypatch.setenv("PATH", str(tmp_path))
    async with connected_to(running, "azure-cli") as there:
        with pytest.raises(SignInRefused, match="Run `az login` as the user that runs this program"):
            await there.directory.sign_in()


async def test_a_secret_rotated_while_we_run_is_asked_for_and_used() -> None:
    now = ["wrong at first"]
    asked = []

    async def secret_of(name: str) -> Secret:
        asked.append(name)
        return Secret(now[0])

    async with in_process(secret_of=secret_of) as there:
        with pytest.raises(SignInRefused, match="AADSTS7000215"):
            await there.directory.sign_in()
        now[0] = there.simulation.population.admin_secret
        await there.directory.sign_in()
        assert set(asked) == {"contoso"}


async def test_a_secret_refused_because_it_was_just_rotated_costs_nothing() -> None:
    """Between two token requests the secret changes and the old one is removed: the second uses the new one at once."""
    now: list[str] = []

    async def secret_of(_: str) -> Secret:
        return Secret(now.pop(0) if len(now) > 1 else now[0])

    async with in_process(secret_of=secret_of) as there:
        now += ["the old one", there.simulation.population.admin_secret]
        await there.directory.sign_in()
        assert there.requests("token") == 2


async def test_a_missing_secret_is_a_refused_sign_in(near: Connected, tmp_path: Path) -> None:
    async with in_process(clientSecret={"file": str(tmp_path / "secret")}) as there:
        with pytest.raises(SignInRefused, match=r"sign-in of connection 'contoso': file .*secret cannot be read"):
            await there.directory.sign_in()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (7000215, "the client secret is wrong.*Put the value .not the id."),
        (7000222, "the client secret has expired.*isAutoRotationEnabled"),
        (7000218, "neither a secret nor an assertion.*Check `method`"),
        (700016, "does not know application .*Check `clientId` and `tenantId`"),
        (7000229, "has no service principal .*az ad sp create"),
        (7000112, "is disabled.*Enable sign-in"),
        (700024, "not valid at this time.*clock"),
        (70021, "no federated credential matches"),
        (90002, "there is no tenant .*Check `tenantId` and `cloud`"),
        (1002012, "the scope is not valid.*/.default"),
        (70011, "the scope is not valid.*/.default"),
        (53003, "conditional access blocks.*Exempt"),
    ],
)
async def test_each_refusal_of_the_token_endpoint_has_its_hint(near: Connected, number: int, words: str) -> None:
    near.fault(match="^token", status=401, code=number)
    with pytest.raises(SignInRefused, match=f"sign-in of connection 'contoso': AADSTS{number}: .*{words}") as caught:
        await near.directory.sign_in()
    assert "\n" not in str(caught.value)
    assert caught.value.code == f"AADSTS{number}"


async def test_an_unknown_refusal_is_shown_as_it_came(near: Connected) -> None:
    body = {"error": "invalid_request", "error_codes": [999999], "error_description": "AADSTS999999: Something new."}
    near.fault(match="^token", status=400, body=body)
    with pytest.raises(SignInRefused, match=r"AADSTS999999: Something new.*Check `credentials`"):
        await near.directory.sign_in()


@pytest.mark.parametrize("number", [90024, 90033, 90055])
async def test_what_entra_calls_transient_is_tried_again_later(near: Connected, number: int) -> None:
    near.fault(match="^token", status=400, code=number)
    with pytest.raises(DirectoryUnavailable) as caught:
        await near.directory.sign_in()
    assert caught.value.retryable


@pytest.mark.parametrize("body", ["<html>welcome to the hotel</html>", '{"hello": "world"}', "", "[]"])
@pytest.mark.parametrize("status", [200, 403])
async def test_an_answer_that_is_not_entras_is_tried_again_later(near: Connected, body: str, status: int) -> None:
    near.fault(match="^token", status=status, body=body)
    with pytest.raises(DirectoryUnavailable, match="proxy on the way"):
        await near.directory.sign_in()


async def test_a_right_granted_after_a_refusal_is_seen_by_the_next_request(near: Connected) -> None:
    admin = near.simulation.population.admin.client_id
    tenant = near.simulation.entra.tenant
    tenant.withdraw(admin, "Application.ReadWrite.OwnedBy")
    with pytest.raises(PermissionDenied):
        await near.add()
    tenant.grant(admin, "Application.ReadWrite.OwnedBy")
    assert (await near.add()).key_id
