"""Does a connection that rotates its own secret go on signing in, whatever becomes of the configured one?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.cli.workspace import SECRET, Said, Tenant, Workspace

NAME = "connection-contoso"


@dataclass(frozen=True, slots=True)
class Client:
    """A client of its own that owns itself and another application."""

    tenant: Tenant
    itself: dict[str, str]
    other: dict[str, str]

    def new_secret(self) -> tuple[str, str]:
        """Made in the portal, so to speak: key id and text."""
        made = self.tenant.graph(
            "POST", f"applications/{self.itself['objectId']}/addPassword", {"passwordCredential": {}}
        )
        return made["keyId"], made["secretText"]

    def held(self) -> set[str]:
        return {each["keyId"] for each in self.tenant.credentials(self.itself)}


@pytest.fixture
def client(tenant: Tenant) -> Client:
    itself, other = tenant.application(displayName="Rotator 2"), tenant.application(displayName="Payroll")
    tenant.control("POST", "clients", {"clientId": itself["clientId"], "grant": ["Application.ReadWrite.OwnedBy"]})
    for owned in (itself, other):
        tenant.control("POST", "owners", {"application": owned["objectId"], "owner": itself["clientId"]})
    return Client(tenant, itself, other)


# A connection's own secret is proved three times, five seconds apart.
pytestmark = pytest.mark.slow


def prepare(workspace: Workspace, client: Client, **rotation: Any) -> None:
    connection = workspace.document["connections"][0]
    connection["credentials"]["clientId"] = client.itself["clientId"]
    connection["isAutoRotationEnabled"] = True
    connection["rotation"] = {"rotationInterval": 60, **rotation}
    workspace.add("payroll", client.other)


def test_it_signs_in_with_the_rotated_secret_when_the_configured_one_is_gone(
    workspace: Workspace, client: Client
) -> None:
    key_id, configured = client.new_secret()
    prepare(workspace, client, adopt=key_id)
    said = workspace.rotator("rotate", "--compromised", NAME, **{SECRET: configured})
    assert said.status == 0, said.out + said.err
    assert key_id not in client.held()

    said = workspace.rotator("rotate", "payroll", **{SECRET: configured})

    assert said.status == 0, said.out + said.err


def test_what_the_operator_configures_anew_wins_only_when_it_works(workspace: Workspace, client: Client) -> None:
    _, configured = client.new_secret()
    prepare(workspace, client)
    assert workspace.rotator("run", "--once", **{SECRET: configured}).status == 0
    before = client.held()
    _, anew = client.new_secret()

    for value in ("wrong", anew):
        said = workspace.rotator("rotate", "payroll", **{SECRET: value})
        assert said.status == 0, said.out + said.err
    for each in before:
        client.tenant.graph("POST", f"applications/{client.itself['objectId']}/removePassword", {"keyId": each})

    again = workspace.rotator("rotate", "payroll", **{SECRET: anew})
    assert again.status == 0, again.out + again.err


def test_the_typed_secret_is_adopted_untouched_and_is_ours_from_then_on(workspace: Workspace, client: Client) -> None:
    key_id, configured = client.new_secret()
    prepare(workspace, client)
    typed = workspace.rotator("check", "--json", **{SECRET: configured})
    assert "not ours, expires on" in credential(typed)

    workspace.document["connections"][0]["rotation"]["adopt"] = key_id
    said = workspace.rotator("run", "--once", **{SECRET: configured})

    assert said.status == 0, said.out + said.err
    assert client.held() == {key_id}, "adopted, not rotated"
    assert "rotated by us, expires on" in credential(workspace.rotator("check", "--json", **{SECRET: configured}))
    assert workspace.rotator("rotate", NAME, **{SECRET: configured}).status == 0
    assert "rotated by us, expires on" in credential(workspace.rotator("check", "--json", **{SECRET: configured}))
    assert len(client.held()) == 2, "the adopted one retires"


def credential(said: Said) -> str:
    """What the check says of the connection's own."""
    found: list[str] = [each["message"] for each in said.json["checks"] if each["check"] == "credential"]
    return found[0]
