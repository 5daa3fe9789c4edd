"""Does the daemon open its API, and do the commands make those who may use it?"""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from collections.abc import Iterator

import httpx
import pytest

from tests.cli.workspace import Daemon, Workspace
from tests.web.asking import NOBODY


@pytest.fixture
def served(workspace: Workspace) -> Iterator[tuple[Workspace, str, Daemon]]:
    """A daemon without rotations, and where its API is."""
    workspace.document["api"] = {"listen": "127.0.0.1:0"}
    started = workspace.daemon()
    try:
        yield workspace, started.wait_for_log("the API listens")["address"], started
    finally:
        started.close()


def get(address: str, path: str, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"{address}{path}", headers=headers, verify=NOBODY, trust_env=False, timeout=20)


def test_the_first_admin_is_made_on_the_host_and_gets_in(served: tuple[Workspace, str, Daemon]) -> None:
    workspace, address, _ = served
    assert get(address, "/api/v1/identities").status_code == 401
    assert workspace.rotator("identity", "create", "root", "--role", "admin").status == 0
    made = workspace.rotator("identity", "token", "root")
    (token,) = made.out.split()
    assert get(address, "/api/v1/identities", token).json()["identities"][0]["name"] == "root"
    assert workspace.rotator("identity", "delete", "root").status == 0
    assert get(address, "/api/v1/identities", token).status_code == 403


def test_a_client_secret_made_on_the_host_signs_in(served: tuple[Workspace, str, Daemon]) -> None:
    workspace, address, _ = served
    workspace.rotator("identity", "create", "billing", "--role", "reader", "--project", "payments")
    known = json.loads(workspace.rotator("identity", "universal-auth", "billing", "--json").out)
    answer = httpx.post(
        f"{address}/api/v1/auth/universal-auth/login", json=known, verify=NOBODY, trust_env=False, timeout=20
    )
    token = answer.json()["accessToken"]
    shown = get(address, "/api/v1/auth/token/whoami", token).json()["identity"]
    assert shown["grants"] == [{"role": "reader", "project": "payments", "environment": "", "path": ""}]
    listed = json.loads(workspace.rotator("identity", "list", "--json").out)
    assert [each["grants"] for each in listed["identities"]] == [["reader payments"]]


def test_azure_auth_made_on_the_host_is_that_of_the_api(served: tuple[Workspace, str, Daemon]) -> None:
    workspace, address, _ = served
    workspace.rotator("identity", "create", "root", "--role", "admin")
    token = workspace.rotator("identity", "token", "root").out.strip()
    tenant, principal = workspace.tenant.place["tenantId"], "22222222-2222-4222-8222-222222222222"
    words = ("--tenant", tenant, "--resource", "https://management.azure.com", "--allow", principal)
    assert workspace.rotator("identity", "azure-auth", "root", *words).status == 0
    (identity,) = get(address, "/api/v1/identities", token).json()["identities"]
    shown = get(address, f"/api/v1/auth/azure-auth/identities/{identity['id']}", token).json()["identityAzureAuth"]
    assert (shown["tenantId"], shown["allowedServicePrincipalIds"]) == (tenant, principal)


def test_the_record_holds_until_somebody_changes_it(served: tuple[Workspace, str, Daemon]) -> None:
    workspace, _, _ = served
    workspace.rotator("identity", "create", "root", "--role", "admin")
    workspace.rotator("identity", "token", "root")
    (chain,) = json.loads(workspace.rotator("audit", "verify", "--json").out)["chains"]
    assert (chain["rows"], chain["broken"]) == (2, "")
    tampered = sqlite3.connect(workspace.database)
    tampered.execute("DROP TRIGGER audit_refuses_update")
    tampered.execute("UPDATE audit SET actor = 'nobody' WHERE n = 1")
    tampered.commit()
    tampered.close()
    found = workspace.rotator("audit", "verify")
    assert found.status == 1
    assert "row 1 has been changed" in found.out


def test_the_daemon_is_ready_until_it_is_told_to_stop(served: tuple[Workspace, str, Daemon]) -> None:
    _, address, daemon = served
    assert get(address, "/readyz").json() == {"status": "ok"}
    assert get(address, "/healthz").json() == {"status": "ok"}
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(60) == 0


def test_a_port_that_is_taken_is_told_in_one_line(workspace: Workspace) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        workspace.document["api"] = {"listen": f"127.0.0.1:{port}"}
        said = workspace.process("run")
    assert said.status == 75
    (line,) = [line for line in said.err.splitlines() if line.startswith("rotator:")]
    assert f"another process listens on 127.0.0.1:{port}" in line
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "x", "--role", "king"), "there is no role 'king'"),
        (("create", "x", "--role", "reader", "--environment", "prod"), "an environment --project"),
        (("create", "root", "--role", "reader"), "there is an identity 'root' already"),
        (("token", "nobody"), "there is no identity 'nobody'"),
        (("azure-auth", "root", "--tenant", "x", "--resource", "y", "--allow", "z"), "not the id of a tenant"),
        (("azure-auth", "root", "--tenant", "x", "--resource", "y"), "nobody could sign in"),
    ],
)
def test_what_goes_not_together_is_told_in_one_line(workspace: Workspace, words: tuple[str, ...], said: str) -> None:
    workspace.rotator("run", "--once")
    workspace.rotator("identity", "create", "root", "--role", "admin")
    answer = workspace.rotator("identity", *words)
    assert answer.status == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1
