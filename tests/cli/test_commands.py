"""Do the commands beside `run` show, ask and switch what they say?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.workspace import PATIENCE, Tenant, Workspace


@pytest.fixture
def application(tenant: Tenant) -> dict[str, str]:
    return tenant.application(displayName="Billing")


@pytest.fixture
def rotated(workspace: Workspace, application: dict[str, str]) -> Workspace:
    """`billing` has rotated once; no daemon runs."""
    workspace.add("billing", application)
    said = workspace.rotator("run", "--once")
    assert said.status == 0, said.err
    return workspace


def shown(workspace: Workspace, name: str = "billing") -> dict[str, Any]:
    rotations = workspace.rotator("status", "--json").json["secretRotations"]
    found: dict[str, Any] = next(each for each in rotations if each["name"] == name)
    return found


def test_status_speaks_the_api(rotated: Workspace, application: dict[str, str], tenant: Tenant) -> None:
    found = shown(rotated)

    [held] = tenant.credentials(application)
    assert found["parameters"]["clientId"] == application["clientId"]
    assert found["rotationStatus"] == "success"
    assert found["isLastRotationManual"] is True
    assert found["rotateAtUtc"] == {"hours": 0, "minutes": 0}
    assert found["nextRotationAt"].endswith("00:00:00.000Z")
    assert [each["keyId"] for each in found["credentials"]] == [held["keyId"]]
    assert rotated.delivered("billing") not in json.dumps(found)


def test_status_shows_a_table_and_one_in_detail(rotated: Workspace) -> None:
    table = rotated.rotator("status").out
    detail = rotated.rotator("status", "billing").out

    assert table.splitlines()[1].split()[:2] == ["billing", "active"]
    assert "every 30 days at 00:00 UTC" in detail
    assert f"{rotated.file('billing')}: bears" in detail


def test_status_without_a_database_makes_none(workspace: Workspace, application: dict[str, str]) -> None:
    workspace.add("billing", application)

    said = workspace.rotator("status")

    assert said.status == 2
    assert "there is no state database" in said.err
    assert not workspace.database.exists()


def test_plan_needs_no_database_and_changes_nothing(
    workspace: Workspace, application: dict[str, str], tenant: Tenant
) -> None:
    workspace.add("billing", application)

    [planned] = workspace.rotator("plan", "--json").json["rotations"]

    assert planned["change"] == "add"
    assert [run["reason"] for run in planned["runs"]] == ["NEVER_ROTATED"] + 9 * ["INTERVAL_ELAPSED"]
    assert not workspace.database.exists()
    assert tenant.credentials(application) == []


def test_plan_tells_what_the_configuration_would_change(rotated: Workspace) -> None:
    rotated.document["rotations"][0]["rotationInterval"] = 10
    table = rotated.rotator("plan").out

    assert "(change)" in table
    assert "INTERVAL_ELAPSED" in table
    assert shown(rotated)["rotationInterval"] == 30


def test_rotate_works_here_when_no_daemon_runs(rotated: Workspace, application: dict[str, str], tenant: Tenant) -> None:
    before = rotated.delivered("billing")

    said = rotated.rotator("rotate", "billing")

    assert said.status == 0, said.err
    assert "billing  verify" in said.out
    assert rotated.delivered("billing") != before
    assert len(tenant.credentials(application)) == 2


def test_compromised_leaves_no_other_secret_of_ours(
    rotated: Workspace, application: dict[str, str], tenant: Tenant
) -> None:
    [before] = tenant.credentials(application)

    said = rotated.rotator("rotate", "--compromised", "--json", "billing")

    assert said.json["requests"][0]["result"] == "done", said.out
    [held] = tenant.credentials(application)
    assert held["keyId"] != before["keyId"]


def test_rotate_failed_takes_those_that_failed(
    workspace: Workspace, application: dict[str, str], tenant: Tenant
) -> None:
    workspace.add("billing", application)
    denied = tenant.application(displayName="Denied", owned=False)
    workspace.add("denied", denied)
    assert workspace.rotator("run", "--once").status == 1
    tenant.control("POST", "owners", {"application": denied["objectId"]})

    said = workspace.rotator("rotate", "--failed", "--json")

    assert [(each["rotation"], each["result"]) for each in said.json["requests"]] == [("denied", "done")]
    assert said.status == 0


def test_a_rotation_that_fails_ends_with_status_1(
    rotated: Workspace, application: dict[str, str], tenant: Tenant
) -> None:
    tenant.control("POST", "owners", {"application": application["objectId"], "remove": True})

    said = rotated.rotator("rotate", "billing")

    assert said.status == 1
    assert "billing: failed: " in said.out
    assert "Application.ReadWrite.OwnedBy" in said.out


def test_what_must_wait_says_for_what_and_ctrl_c_leaves_it_to_the_next_run(rotated: Workspace) -> None:
    rotated.document["daemon"] = {"limits": {"rotationsPerHour": 1}}
    rotated.write()
    command = subprocess.Popen(
        [sys.executable, "-m", "rotator", "rotate", "billing"],
        env=rotated.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    line = command.stdout.readline()
    command.send_signal(signal.SIGINT)
    rest, _ = command.communicate(timeout=PATIENCE)

    assert "waiting: STORM_LIMIT until" in line
    assert command.returncode == 130
    assert rest.splitlines()[-1] == "billing: open"
    rotated.document["daemon"]["limits"]["rotationsPerHour"] = 600
    before = rotated.delivered("billing")
    assert rotated.rotator("run", "--once").status == 0
    assert rotated.delivered("billing") != before


def test_history_shows_attempts_with_their_steps(rotated: Workspace) -> None:
    text = rotated.rotator("history", "billing").out
    [attempt] = rotated.rotator("history", "billing", "--json").json["attempts"]

    assert "NEVER_ROTATED: succeeded" in text
    assert [line.split()[1] for line in text.splitlines()[1:]][:2] == ["preflight", "issue"]
    assert attempt["outcome"] == "succeeded"
    assert rotated.delivered("billing") not in json.dumps(attempt)


def test_what_is_paused_refuses_to_rotate_until_it_is_resumed(rotated: Workspace) -> None:
    assert rotated.rotator("pause", "billing").out == "billing: paused\n"
    assert rotated.rotator("rotate", "billing").status == 1
    assert shown(rotated)["isPaused"] is True

    rotated.rotator("resume", "billing")

    assert rotated.rotator("rotate", "billing").status == 0


def test_revoke_ends_the_retiring_secret_now(rotated: Workspace, application: dict[str, str], tenant: Tenant) -> None:
    rotated.rotator("rotate", "billing")
    tenant.control("POST", "settings", {})

    said = rotated.rotator("revoke", "billing")

    # Too soon after the promotion a stopped node cannot be ruled out yet.
    assert said.status == 1
    assert "too recent" in said.out
    assert len(tenant.credentials(application)) == 2


def test_adopt_takes_a_key_by_its_id(workspace: Workspace, application: dict[str, str], tenant: Tenant) -> None:
    workspace.add("billing", application, initial="wait")
    workspace.rotator("run", "--once")
    assert workspace.rotator("adopt", "billing", str(uuid4())).status == 1

    said = workspace.rotator("adopt", "billing", "not-a-key-id")

    assert said.status == 2
    assert tenant.credentials(application) == []


def test_deliver_brings_the_current_secret_back(rotated: Workspace) -> None:
    before = rotated.delivered("billing")
    rotated.file("billing").unlink()

    assert rotated.rotator("deliver", "billing").status == 0
    assert rotated.delivered("billing") == before
    assert rotated.rotator("deliver", "billing", "--to", "nowhere").status == 1


def test_forget_lets_go_of_what_left_the_configuration(
    rotated: Workspace, application: dict[str, str], tenant: Tenant
) -> None:
    assert rotated.rotator("forget", "billing").status == 1
    rotated.document["rotations"].clear()

    said = rotated.rotator("forget", "billing", "--revoke", "--last")

    assert said.status == 0, said.out + said.err
    assert tenant.credentials(application) == []
    assert rotated.rotator("status", "--json").json == {"secretRotations": []}


def test_secret_get_prints_the_secret_and_nothing_else(rotated: Workspace, application: dict[str, str]) -> None:
    said = rotated.rotator("secret", "get", "default/prod/BILLING_SECRET")

    assert said.out == rotated.delivered("billing") + "\n"
    assert rotated.rotator("secret", "get", "default/prod/BILLING_ID").out.strip() == application["clientId"]
    assert rotated.rotator("secret", "get", "default/prod/NOTHING").status == 1
    assert rotated.rotator("secret", "get", "BILLING_SECRET").status == 2


def test_keys_rotate_puts_every_record_under_the_newest_key(rotated: Workspace) -> None:
    import base64

    old = (rotated.folder / "state.db.key").read_text().strip()
    (rotated.folder / "old").write_text(old)
    (rotated.folder / "new").write_text(base64.b64encode(bytes(range(32))).decode())
    rotated.document["state"]["encryptionKeys"] = [{"file": "new"}, {"file": "old"}]

    assert rotated.rotator("keys", "rotate", "--json").json["rewrapped"] > 0

    rotated.document["state"]["encryptionKeys"] = [{"file": "new"}]
    assert rotated.rotator("secret", "get", "default/prod/BILLING_SECRET").status == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("rotate",), "say which rotations"),
        (("rotate", "--all", "billing"), "one of the three"),
        (("rotate", "--key", "x", "billing"), "--compromised only"),
        (("rotate", "nobody"), "there is no rotation 'nobody'"),
        (("rotate", "--no-wait", "billing"), "no daemon is running"),
        (("forget", "--last", "billing"), "--last goes with --revoke"),
        (("simulate", "--listen", "nowhere"), "not an address"),
        (("history", "nobody"), "there is no rotation 'nobody'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_one_line_with_status_2(rotated: Workspace, words: tuple[str, ...], why: str) -> None:
    said = rotated.rotator(*words)

    assert said.status == 2
    assert why in said.err
    assert said.err.count("\n") == 1
