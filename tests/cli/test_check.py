"""Does `rotator check` find what would refuse a rotation, before anything is touched?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.cli.workspace import Said, Tenant, Workspace


def failures(said: Said) -> dict[tuple[str, str], dict[str, Any]]:
    return {(each["subject"], each["check"]): each for each in said.json["checks"] if each["ok"] is False}


def test_all_is_well_and_nothing_is_changed(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application(displayName="Billing")
    workspace.add("billing", application)

    said = workspace.rotator("check")

    assert said.status == 0, said.out + said.err
    assert "all is well" in said.out
    assert tenant.credentials(application) == []
    assert not workspace.database.exists()


def test_each_thing_that_would_refuse_is_a_finding_with_a_hint(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("unowned", tenant.application(displayName="Unowned", owned=False))
    workspace.add("unknown", {"objectId": "00000000-0000-4000-8000-000000000000"})
    other, capped = tenant.application(), tenant.application(displayName="Capped")
    workspace.add("mixed", tenant.application())["parameters"]["clientId"] = other["clientId"]
    workspace.add("capped", capped)
    workspace.add("taken", tenant.application())
    workspace.file("taken").write_text("SOMEBODY_ELSES=1\n")
    itself = tenant.place["adminClientId"]
    object_id = next(e["objectId"] for e in tenant.control("GET", "applications") if e["clientId"] == itself)
    workspace.add("itself", {"objectId": object_id})
    restriction = {"restrictionType": "passwordLifetime", "maxLifetime": "P40D", "state": "enabled"}
    restriction["restrictForAppsCreatedAfterDateTime"] = "2014-01-01T00:00:00Z"
    tenant.control("POST", "policies", {"application": capped["objectId"], "restrictions": [restriction]})

    said = workspace.rotator("check", "--json")

    found = failures(said)
    assert said.status == 1
    assert "an owner of 'Unowned'" in found["unowned", "permission"]["hint"]
    assert ("unknown", "application") in found
    assert "belongs to client id" in found["mixed", "application"]["message"]
    assert "Lower rotationInterval to 18" in found["capped", "policy"]["hint"]
    assert "isAutoRotationEnabled" in found["itself", "own application"]["hint"]
    assert ("taken", f"file:{workspace.file('taken')}") not in found, "a shared dotenv file is joined, not taken"
    assert len(found) == 5


def test_a_connection_that_cannot_sign_in_is_one_finding(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("billing", tenant.application())

    said = workspace.rotator("check", ROTATOR_TEST_SECRET="wrong")

    assert said.status == 1
    assert "sign-in" in said.out
    assert "7000215" in said.out
    assert "not checked" in said.out


def test_only_what_is_named_is_checked(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("billing", tenant.application())
    workspace.add("unowned", tenant.application(owned=False))

    assert workspace.rotator("check", "billing").status == 0
    assert workspace.rotator("check", "biling").status == 2


def test_a_secret_of_the_connection_that_ends_within_a_week_fails_the_check(
    workspace: Workspace, tenant: Tenant
) -> None:
    client = tenant.application(displayName="Rotator 3")
    tenant.control("POST", "clients", {"clientId": client["clientId"], "grant": ["Application.ReadWrite.OwnedBy"]})
    tenant.control("POST", "owners", {"application": client["objectId"], "owner": client["clientId"]})
    workspace.document["connections"][0]["credentials"]["clientId"] = client["clientId"]

    for days, status in ((8, 0), (6, 1)):
        ends = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        wanted = {"passwordCredential": {"endDateTime": ends}}
        made = tenant.graph("POST", f"applications/{client['objectId']}/addPassword", wanted)
        said = workspace.rotator("check", ROTATOR_TEST_SECRET=made["secretText"])
        assert said.status == status, said.out + said.err
        assert "not ours, expires on" in " ".join(said.out.split())


def test_it_says_who_may_need_no_secret_and_fails_nothing_for_it(workspace: Workspace, tenant: Tenant) -> None:
    plain, pods = tenant.application(), tenant.application()
    workspace.add("plain", plain)
    auth = {"method": "token", "token": {"env": "NOBODYS"}}
    there = {"kind": "github-actions", "repository": "acme/api", "endpoint": "http://127.0.0.1:9", "auth": auth}
    workspace.add("pods", pods)["destinations"] = [{"kind": "embedded"}, there]

    said = workspace.rotator("check", "--json")

    [told] = said.json["advice"]
    assert told["rotation"] == "pods"
    assert '"subject": "repo:acme/api:ref:refs/heads/BRANCH"' in told["hint"]
    assert "plain may need" not in workspace.rotator("check", "plain").out
