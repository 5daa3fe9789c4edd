"""Does the destination `kubernetes` reach its cluster, know whose keys are whose, and look without the text?"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from rotator.clock import SystemClock
from rotator.destinations import options_of
from rotator.destinations.kubernetes_access import AccessUnusable, in_cluster, of_kubeconfig
from rotator.errors import DestinationRefused, DestinationUnavailable
from tests.builders import CLIENT, a_rotation
from tests.destinations.places import FIRST, NAMES, SECOND, a_parcel
from tests.destinations.places_kubernetes import NAME, KubernetesPlace
from tests.destinations.servers.answering import Fault, Reply, Request, authority
from tests.destinations.servers.kubernetes import TOKEN, Kubernetes

SECRET = NAMES["clientSecret"]
WHOLE = {NAMES["clientId"]: CLIENT, SECRET: FIRST}
PATH = f"/api/v1/namespaces/payments/secrets/{NAME}"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[KubernetesPlace]:
    made = KubernetesPlace(tmp_path, "kubernetes")
    async with made.living():
        yield made


async def test_a_look_fetches_no_text_while_our_keys_are_ours(place: KubernetesPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.set("OTHERS", "text")
    place.server.requests.clear()
    assert await place.open().read() == written
    assert [each.headers["accept"].partition(";")[2] for each in place.server.requests] == [
        "as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    ]
    place.set(SECRET, "edited")
    drifted = await place.open().read()
    assert drifted is not None
    assert drifted.marker == written.marker
    assert drifted.version != written.version


async def test_a_text_put_back_by_hand_is_as_it_was_and_taken_back(place: KubernetesPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.set(SECRET, "edited")
    place.set(SECRET, FIRST)
    assert await place.open().read() == written
    await place.open().write(a_parcel(), over=written)
    place.server.requests.clear()
    assert await place.open().read() == written
    assert len(place.server.requests) == 1


async def test_labels_and_annotations_tell_people_whose_it_is_and_until_when(place: KubernetesPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    fields = place.server.secrets[NAME].fields
    assert fields["labels", "entra-rotator/delivered"] == "true"
    told = json.loads(fields["annotations", "entra-rotator/rotation-1"])
    assert told["key"] == "key-1"
    assert told["name"] == "billing-api"
    assert told["expires"] == "2026-05-03T10:00:00+00:00"
    assert FIRST not in json.dumps(told)


async def test_binary_data_of_others_survives(place: KubernetesPlace) -> None:
    raw = base64.b64encode(b"\xff\x00\xfe").decode()
    place.server.edit(NAME, {("data", "keystore.p12"): raw, ("labels", "team"): "payments"})
    written = await place.open().write(a_parcel(), over=None)
    await place.open().remove(over=written)
    assert place.server.secrets[NAME].fields == {("data", "keystore.p12"): raw, ("labels", "team"): "payments"}


async def test_an_edited_text_is_removed_as_well(place: KubernetesPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    place.set(SECRET, "edited")
    drifted = await place.open().read()
    assert drifted is not None
    await place.open().remove(over=drifted)
    assert place.server.secrets == {}


async def test_an_emptied_secret_stays_where_we_may_not_delete(place: KubernetesPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.server.rights.discard("delete")
    await place.open().remove(over=written)
    assert place.server.secrets[NAME].fields == {}


async def test_the_label_stays_for_the_other_rotation(place: KubernetesPlace) -> None:
    second = a_rotation(id="rotation-2", mapping={"clientSecret": "SHOP_SECRET"})
    ours = await place.open().write(a_parcel(), over=None)
    await place.open(second).write(a_parcel(SECOND, "key-2", rotation="rotation-2"), over=None)
    await place.open().remove(over=ours)
    assert ("labels", "entra-rotator/delivered") in place.server.secrets[NAME].fields


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("after", [False, True])
async def test_a_write_cut_off_anywhere_is_completed_by_the_next(
    place: KubernetesPlace, method: str, *, after: bool
) -> None:
    place.server.faults.append(Fault(lambda request: request.method == method, reset=True, after=after, times=1))
    with pytest.raises(DestinationUnavailable):
        await place.open().write(a_parcel(), over=None)
    found = await place.open().read()
    assert found is None or found.marker == a_parcel().marker
    written = await place.open().write(a_parcel(), over=found)
    assert found in {None, written}
    assert place.shows() == WHOLE


async def test_whoever_writes_between_look_and_apply_is_not_overwritten(place: KubernetesPlace) -> None:
    await place.open().write(a_parcel(), over=None)
    before = await place.open().read()
    handle = place.server.handle

    def overtaken(request: Request) -> Reply:
        if request.method == "PATCH":
            place.set("OTHERS", "text")
        return handle(request)

    place.server.handle = overtaken
    with pytest.raises(DestinationUnavailable, match="changed by somebody else"):
        await place.open().write(a_parcel(SECOND, "key-2"), over=before)
    assert place.shows() == {"OTHERS": "text", **WHOLE}


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ({"get"}, "may not get secrets 'billing' in namespace 'payments'"),
        ({"patch"}, "may not patch"),
        ({"create"}, "may not create"),
        ({"create", "patch"}, "may not patch, create"),
    ],
)
async def test_check_names_the_missing_verb(place: KubernetesPlace, lost: set[str], told: str) -> None:
    place.server.rights -= lost
    with pytest.raises(DestinationRefused, match=told):
        await place.open().check()


async def test_check_asks_for_create_only_where_there_is_no_secret(place: KubernetesPlace) -> None:
    place.set("OTHERS", "text")
    place.server.rights.discard("create")
    await place.open().check()


async def test_a_namespace_that_is_not_there_is_told(place: KubernetesPlace) -> None:
    with pytest.raises(DestinationRefused, match=r'namespaces "lost" not found\. Make the namespace first'):
        await place.open(namespace="lost").write(a_parcel(), over=None)


async def test_an_immutable_secret_is_told(place: KubernetesPlace) -> None:
    place.set("OTHERS", "text")
    place.server.secrets[NAME].immutable = True
    with pytest.raises(DestinationRefused, match="immutable"):
        await place.open().write(a_parcel(), over=None)


async def test_a_token_that_is_replaced_in_its_file_is_read_again(place: KubernetesPlace) -> None:
    token = place.folder / "token"
    token.write_text(f"{TOKEN}\n")
    destination = place.open(kubeconfig=place.kubeconfig(user={"tokenFile": str(token)}))
    assert await destination.read() is None
    place.server.tokens = {"another"}
    with pytest.raises(DestinationRefused, match="answered 401"):
        await destination.read()
    token.write_text("another")
    assert await destination.read() is None
    await destination.close()


async def test_the_clusters_authority_alone_is_trusted(tmp_path: Path) -> None:
    place = KubernetesPlace(tmp_path, "kubernetes")
    place.server = Kubernetes()
    async with place.server.listening(authority().server_context()):
        pem = in_base64(authority().ca_file.read_text())
        for cluster in (
            {"certificate-authority-data": pem},
            {"certificate-authority": place.server.ca_file},
            {"certificate-authority-data": pem, "tls-server-name": "localhost"},
        ):
            kubeconfig = place.kubeconfig({"server": place.server.url, **cluster})
            assert await place.open(kubeconfig=kubeconfig).read() is None
        plain = place.kubeconfig({"server": place.server.url})
        assert await place.open(kubeconfig=plain, caFile=place.server.ca_file).read() is None
        with pytest.raises(DestinationUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await place.open(kubeconfig=plain).read()


async def test_a_client_certificate_proves_who_we_are(tmp_path: Path) -> None:
    place = KubernetesPlace(tmp_path, "kubernetes")
    place.server = Kubernetes()
    place.server.tokens.add("")
    certificate, key = a_certificate()
    context = authority().server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=certificate)
    async with place.server.listening(context):
        cluster = {"server": place.server.url, "certificate-authority": place.server.ca_file}
        user = {"client-certificate-data": in_base64(certificate), "client-key-data": in_base64(key)}
        assert await place.open(kubeconfig=place.kubeconfig(cluster, user)).read() is None
        with pytest.raises(DestinationUnavailable):
            await place.open(kubeconfig=place.kubeconfig(cluster)).read()
        wrong = {**user, "client-key-data": in_base64("no key")}
        with pytest.raises(DestinationRefused, match="certificate or key cannot be used"):
            await place.open(kubeconfig=place.kubeconfig(cluster, wrong)).read()


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def a_certificate() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rotator")])
    now = SystemClock().now()
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM).decode(), private.decode()


def test_a_pod_speaks_to_its_own_cluster(tmp_path: Path) -> None:
    for name, text in {"token": "abc\n", "ca.crt": "pem", "namespace": "payments"}.items():
        (tmp_path / name).write_text(text)
    environment = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "6443"}
    access = in_cluster(environment, tmp_path)
    assert (access.server, access.namespace, access.authority) == ("https://10.96.0.1:6443", "payments", "pem")
    token = access.token()
    assert token is not None
    assert token.reveal() == "abc"
    assert in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1"}, tmp_path).server == "https://[fd00::1]:443"
    (tmp_path / "token").unlink()
    with pytest.raises(AccessUnusable, match="token cannot be read"):
        access.token()


async def test_outside_a_pod_a_kubeconfig_is_asked_for(place: KubernetesPlace) -> None:
    with pytest.raises(DestinationRefused, match=r"KUBERNETES_SERVICE_HOST is not set\. Run in a pod"):
        await place.open(kubeconfig=None).read()


@pytest.mark.parametrize(
    ("cluster", "user", "told"),
    [
        ({"server": "https://x", "insecure-skip-tls-verify": True}, {}, "insecure-skip-tls-verify is not supported"),
        ({"server": "https://x", "proxy-url": "http://p"}, {}, "proxy-url is not supported. Use network.proxy"),
        ({"server": "https://x"}, {"exec": {"command": "kubelogin"}}, "exec is not supported. Use a token"),
        ({"server": "https://x"}, {"username": "a", "password": "b"}, "username is not supported"),
        ({"server": "x"}, {"token": "t"}, "cluster 'c' has no server"),
        ({"server": "https://x", "certificate-authority-data": "%"}, {"token": "t"}, "is not base64 of PEM"),
        ({"server": "https://x", "certificate-authority": "lost.pem"}, {"token": "t"}, "lost.pem cannot be read"),
    ],
)
def test_what_a_kubeconfig_asks_for_in_vain_is_refused(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], told: str
) -> None:
    path = KubernetesPlace(tmp_path, "kubernetes").kubeconfig(cluster, user or {"token": "t"})
    with pytest.raises(AccessUnusable, match=told):
        of_kubeconfig(Path(path))


def test_a_context_is_chosen_by_name(tmp_path: Path) -> None:
    path = Path(KubernetesPlace(tmp_path, "kubernetes").kubeconfig({"server": "https://x/"}))
    assert of_kubeconfig(path, "here") == of_kubeconfig(path)
    assert of_kubeconfig(path).server == "https://x"
    with pytest.raises(AccessUnusable, match=r"there is no context 'there'\. Name one with context"):
        of_kubeconfig(path, "there")
    for text, told in (("[", "is not a kubeconfig"), ("{}", "no context is chosen"), ("", "is not a kubeconfig")):
        path.write_text(text)
        with pytest.raises(AccessUnusable, match=told):
            of_kubeconfig(path)
    with pytest.raises(AccessUnusable, match="cannot be read: No such file"):
        of_kubeconfig(tmp_path / "lost")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "Field required"),
        ({"secret": "Billing"}, "a name such as billing-credentials"),
        ({"secret": "billing", "namespace": "a.b"}, "a namespace such as payments"),
        ({"secret": "billing", "token": "x"}, "Extra inputs"),
    ],
)
def test_options_that_cannot_work_are_refused_at_load(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        options_of("kubernetes").model_validate(options)


def test_names_a_secret_cannot_have_are_refused_at_load() -> None:
    options = options_of("kubernetes").model_validate({"secret": "billing", "namespace": "payments", "context": "prod"})
    assert options.name_problems({"clientSecret": "a b"})
    assert options.name_problems({"clientSecret": ".."})
    assert not options.name_problems({"clientSecret": "client-secret.txt"})
    assert options.place() == "kubernetes:prod/payments/billing"
