"""Does the destination `kubernetes` keep the contract at a real API server, with no more rights than its page tells?"""

from __future__ import annotations

import base64
import json
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from rotator.destinations.hooks import Runner
from rotator.domain.model import HookRule
from rotator.errors import DestinationRefused
from rotator.ports import HookResult
from tests.builders import KEY, a_credential, a_rotation
from tests.destinations.places import FIRST, NAMES, SECOND, a_parcel
from tests.destinations.servers.answering import authority
from tests.peers.building import GoProgram
from tests.peers.places import CONTRACT, PeerPlace
from tests.peers.serving import free_port, running

ADMIN, ROTATOR = "token-of-the-administrator", "token-of-rotator"
DOCS = Path(__file__).parents[2] / "docs"
PROGRAM = GoProgram("kubernetes", "k8s.io/kubernetes", "v1.36.3", local="v0.36.3")
SECRETS = "/api/v1/namespaces/payments/secrets"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/payments"
#: The contract of all destinations, by this module's `place`.
globals().update(CONTRACT)
_numbers = count()


@dataclass
class ApiServer:
    """As administrator."""

    address: str
    http: httpx.Client

    def make(self, path: str, body: dict[str, Any]) -> None:
        answer = self.http.post(path, json=body)
        assert answer.status_code in {201, 409}, answer.text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With a namespace `payments`, and RBAC."""
    folder = tmp_path_factory.mktemp("kubernetes")
    port, etcd = free_port(), free_port()
    address = f"https://127.0.0.1:{port}"
    command = [str(PROGRAM.built()), str(folder / "etcd"), f"http://127.0.0.1:{etcd}", *flags(folder, port)]
    trust = ssl.create_default_context(cafile=authority().ca_file)
    as_admin = {"Authorization": f"Bearer {ADMIN}"}
    http = httpx.Client(base_url=address, verify=trust, headers=as_admin, trust_env=False, timeout=30)
    with http, running(command, folder / "log", lambda: http.get("/readyz").status_code == 200):
        made = ApiServer(address, http)
        made.make("/api/v1/namespaces", {"metadata": {"name": "payments"}})
        yield made


def flags(folder: Path, port: int) -> list[str]:
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "accounts.key").write_bytes(private)
    (folder / "accounts.pub").write_bytes(public)
    (folder / "tokens.csv").write_text(f"{ADMIN},admin,1,system:masters\n{ROTATOR},rotator,2\n")
    server = authority().server_file
    given = {
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "tls-cert-file": server,
        "tls-private-key-file": server,
        "cert-dir": folder / "certificates",
        "token-auth-file": folder / "tokens.csv",
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": folder / "accounts.pub",
        "service-account-signing-key-file": folder / "accounts.key",
        "service-cluster-ip-range": "10.0.0.0/24",
        "endpoint-reconciler-type": "none",
    }
    return [f"--{name}={value}" for name, value in given.items()]


class KubernetesPlace(PeerPlace):
    """A Secret of its own for each test."""

    server: ApiServer
    token = ADMIN

    @property
    def secret(self) -> str:
        return str(self.__dict__.setdefault("_secret", f"billing-{next(_numbers)}"))

    def options(self) -> dict[str, Any]:
        return {"kubeconfig": self.kubeconfig(), "secret": self.secret}

    def kubeconfig(self) -> str:
        rows = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "payments"}}],
            "clusters": [
                {
                    "name": "c",
                    "cluster": {"server": self.server.address, "certificate-authority": str(authority().ca_file)},
                }
            ],
            "users": [{"name": "u", "user": {"token": self.token}}],
        }
        path = self.folder.parent / f"{self.folder.name}.kubeconfig"
        path.write_text(json.dumps(rows))
        return str(path)

    def there(self) -> dict[str, Any]:
        answer = self.server.http.get(f"{SECRETS}/{self.secret}")
        return dict(answer.json()) if answer.is_success else {}

    def shows(self) -> dict[str, str]:
        return {name: base64.b64decode(text).decode() for name, text in (self.there().get("data") or {}).items()}

    def set(self, name: str, text: str) -> None:
        self.edit({"data": {name: base64.b64encode(text.encode()).decode()}})

    def drop(self, name: str) -> None:
        self.edit({"data": {name: None}})

    def edit(self, change: dict[str, Any]) -> None:
        self.server.make(SECRETS, {"metadata": {"name": self.secret}})
        answer = self.server.http.patch(
            f"{SECRETS}/{self.secret}",
            content=json.dumps(change),
            headers={"Content-Type": "application/merge-patch+json"},
            params={"fieldManager": "kubectl-edit"},
        )
        assert answer.is_success, answer.text

    def leftovers(self) -> list[str]:
        return [str(self.there().get("metadata", {}).get("resourceVersion"))] if self.there() else []

    def allow(self, role: dict[str, Any]) -> None:
        """Bind it to rotator, as which the place is opened from now on."""
        name = f"rotator-{next(_numbers)}"
        self.server.make(f"{RBAC}/roles", {**role, "metadata": {"name": name}})
        subject = {"kind": "User", "name": "rotator", "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"kind": "Role", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
        self.server.make(
            f"{RBAC}/rolebindings", {"metadata": {"name": name}, "subjects": [subject], "roleRef": reference}
        )
        self.token = ROTATOR
        self.__dict__.setdefault("bound", []).append(name)

    def take_back(self) -> None:
        for name in self.__dict__.get("bound", []):
            self.server.http.delete(f"{RBAC}/rolebindings/{name}").raise_for_status()


@pytest.fixture
async def place(server: ApiServer, tmp_path: Path) -> AsyncIterator[KubernetesPlace]:
    made = KubernetesPlace(tmp_path, "kubernetes")
    made.server = server
    async with made.living():
        yield made
    made.take_back()


def role_of(page: str) -> dict[str, Any]:
    """The Role that a page of the documentation shows."""
    text = (DOCS / page).read_text("utf-8")
    blocks = [
        yaml.safe_load(block) for block in re.findall(r"^```yaml\n(apiVersion.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]
    return next(block for block in blocks if block["kind"] == "Role")


async def test_the_rights_of_the_page_are_enough(place: KubernetesPlace) -> None:
    place.allow(json.loads(json.dumps(role_of("destinations/kubernetes.md")).replace("billing-api", place.secret)))
    await place.open().check()
    first = await place.open().write(a_parcel(), over=None)
    second = await place.open().write(a_parcel(SECOND, "key-2"), over=first)
    place.set(NAMES["clientSecret"], "edited")
    drifted = await place.open().read()
    assert drifted is not None
    assert drifted.version != second.version
    healed = await place.open().write(a_parcel(FIRST, "key-3"), over=drifted)
    await place.open().remove(over=healed)
    assert place.there() == {}


async def test_check_names_the_verb_that_a_role_lacks(place: KubernetesPlace) -> None:
    place.allow(
        {"rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [place.secret], "verbs": ["get"]}]}
    )
    with pytest.raises(DestinationRefused, match="may not patch, create secrets"):
        await place.open().check()
    with pytest.raises(DestinationRefused, match="answered 403: Forbidden"):
        await place.open().write(a_parcel(), over=None)


async def test_a_change_by_anybody_is_seen_in_the_owners_of_fields(place: KubernetesPlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.edit({"metadata": {"labels": {"team": "payments"}}, "data": {"OTHERS": "dGV4dA=="}})
    assert await place.open().read() == written
    place.set(NAMES["clientSecret"], "edited")
    place.set(NAMES["clientSecret"], FIRST)
    assert await place.open().read() == written


async def test_an_immutable_secret_is_told(place: KubernetesPlace) -> None:
    place.edit({"data": {"OTHERS": "dGV4dA=="}, "immutable": True})
    with pytest.raises(DestinationRefused, match="immutable"):
        await place.open().write(a_parcel(), over=None)


async def test_a_namespace_that_is_not_there_is_told(place: KubernetesPlace) -> None:
    with pytest.raises(DestinationRefused, match=r'namespaces "lost" not found\. Make the namespace first'):
        await place.open(namespace="lost").write(a_parcel(), over=None)


async def test_a_workload_is_rolled_out_with_the_rights_of_the_page(place: KubernetesPlace) -> None:
    labels = {"matchLabels": {"app": "billing"}}
    pod = {"metadata": {"labels": {"app": "billing"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    workloads = "/apis/apps/v1/namespaces/payments/deployments"
    place.server.make(workloads, {"metadata": {"name": "billing-api"}, "spec": {"selector": labels, "template": pod}})
    place.allow(role_of("hooks.md"))
    rule = HookRule("it", "kubernetes", {"kubeconfig": place.kubeconfig(), "restart": ["deployment/billing-api"]})
    runner, rotation = Runner(place.surroundings()), a_rotation(hooks=(rule,))
    await runner.check(rotation, "it")
    generations = []
    for _ in range(2):
        assert await runner.run(rotation, "it", a_credential()) == HookResult("it", done=True)
        generations.append(place.server.http.get(f"{workloads}/billing-api").json()["metadata"]["generation"])
    assert generations == [2, 2]
    told = place.server.http.get(f"{workloads}/billing-api").json()["spec"]["template"]["metadata"]["annotations"]
    assert told == {"entra-rotator/rotation-1": KEY}
