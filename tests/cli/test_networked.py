"""Is one rotation delivered to places of a network by the program as people run it, seen by check, and healed?"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.workspace import Tenant, Workspace
from tests.destinations.places_kubernetes import KubernetesPlace
from tests.destinations.servers.github import TOKEN, GitHub
from tests.destinations.servers.kubernetes import Kubernetes
from tests.destinations.servers.vault import ROLE_ID, SECRET_ID, Vault

NAMES = {"clientId": "APP_ID", "clientSecret": "APP_SECRET"}


@dataclass
class Consumers:
    """What stands where, as its consumers find it."""

    vault: Vault
    kubernetes: Kubernetes
    github: GitHub

    def secrets(self) -> set[str]:
        secret = self.kubernetes.secrets["billing-api"].fields["data", "APP_SECRET"]
        return {
            self.vault.current("apps/billing-api")["APP_SECRET"],
            base64.b64decode(secret).decode(),
            self.github.repository.secrets["APP_SECRET"][0],
        }


@pytest.fixture
def consumers() -> Iterator[Consumers]:
    made = Consumers(Vault(), Kubernetes(), GitHub())
    servers = (made.vault, made.kubernetes, made.github)
    for each in servers:
        each.start()
    yield made
    for each in servers:
        each.close()


def destinations(consumers: Consumers, folder: Path) -> list[dict[str, Any]]:
    cluster = KubernetesPlace(folder / "cluster", "kubernetes")
    cluster.server = consumers.kubernetes
    (folder / "secret-id").write_text(SECRET_ID)
    auth = {"method": "approle", "roleId": ROLE_ID, "secretId": {"file": str(folder / "secret-id")}}
    token = {"method": "token", "token": {"env": "OUR_GITHUB_TOKEN"}}
    rows: list[dict[str, Any]] = [
        {"kind": "vault", "endpoint": consumers.vault.url, "path": "apps/{rotation.name}", "auth": auth},
        {"kind": "kubernetes", "kubeconfig": cluster.kubeconfig(), "secret": "{rotation.name}"},
        {"kind": "github-actions", "endpoint": consumers.github.url, "repository": "example/billing", "auth": token},
    ]
    return [{**row, "names": NAMES} for row in rows]


def test_a_rotation_reaches_places_of_a_network_and_keeps_them_right(
    workspace: Workspace, tenant: Tenant, consumers: Consumers
) -> None:
    application = tenant.application(displayName="Billing")
    workspace.add("billing-api", application, destinations=destinations(consumers, workspace.folder))
    told = {"OUR_GITHUB_TOKEN": TOKEN}

    assert workspace.rotator("check", **told).status == 0
    ended = workspace.process("run", "--once", **told)
    assert ended.status == 0, ended.err
    assert len(consumers.secrets()) == 1
    assert not any(text in ended.out + ended.err for text in (*consumers.secrets(), TOKEN, SECRET_ID))

    consumers.vault.put("apps/billing-api", {"APP_ID": "x", "APP_SECRET": "edited"})
    assert workspace.rotator("deliver", "billing-api", **told).status == 0
    assert len(consumers.secrets()) == 1

    del consumers.vault.tokens["hvs.fetched-1"]
    assert workspace.rotator("rotate", "billing-api", **told).status == 0
    assert len(consumers.secrets()) == 1
    assert len(tenant.credentials(application)) == 2
