"""Does a channel hear of what a run does, and does a channel that fails leave the run alone?"""

from __future__ import annotations

import json
import signal
import socket
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

from tests.cli.workspace import Daemon, Tenant, Workspace
from tests.observers.test_channels import Receiver

KEY = "0123456789abcdef0123456789abcdef"


def channel(receiver: Receiver, **more: object) -> dict[str, object]:
    return {"kind": "webhook", "url": receiver.address, "secret": {"env": "NOTICE_KEY"}, **more}


def test_a_failed_rotation_is_told_once_and_its_recovery_too(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application(displayName="Told", owned=False)
    workspace.add("told", application, labels={"owner": "team-billing"})
    with closing(Receiver()) as receiver:
        workspace.document["notifications"] = [channel(receiver), channel(receiver, labels={"owner": "others"})]

        assert workspace.rotator("run", "--once", NOTICE_KEY=KEY).status == 1
        assert workspace.rotator("run", "--once", "--rotate", "told", NOTICE_KEY=KEY).status == 1
        tenant.control("POST", "owners", {"application": application["objectId"]})
        assert workspace.rotator("run", "--once", "--rotate", "told", NOTICE_KEY=KEY).status == 0

    told = [notice for _, _, body in receiver.bodies for notice in json.loads(body)["notices"]]
    assert [(each["kind"], each["rotation"]) for each in told] == [("failure", "told"), ("recovery", "told")]
    assert "an owner of 'Told'" in told[0]["message"]
    assert all("webhook-signature" in {name.lower() for name in headers} for _, headers, _ in receiver.bodies)


def test_a_channel_that_fails_changes_nothing(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("quiet", tenant.application())
    with closing(Receiver(500)) as receiver:
        workspace.document["notifications"] = [channel(receiver, events=["success"])]

        assert workspace.rotator("run", "--once", NOTICE_KEY=KEY).status == 0
    assert len(receiver.bodies) == 1


def test_channels_that_hang_refuse_or_redirect_touch_no_rotation_and_no_end(
    workspace: Workspace, tenant: Tenant
) -> None:
    application = tenant.application(displayName="Untouched")
    workspace.add("quiet", application)
    silent = socket.create_server(("127.0.0.1", 0))
    with closing(silent), closing(Receiver(500)) as bad, closing(Receiver(302, location="http://10.0.0.1/")) as away:
        mail = {"kind": "email", "server": f"127.0.0.1:{silent.getsockname()[1]}", "security": "none"}
        workspace.document["notifications"] = [
            {**mail, "from": "a@example.com", "to": ["b@example.com"], "events": ["success"]},
            channel(bad, events=["success"]),
            channel(away, events=["success"]),
        ]
        began = time.monotonic()

        said = workspace.process("run", "--once", NOTICE_KEY=KEY)

    assert said.status == 0
    assert (len(tenant.credentials(application)), len(bad.bodies), len(away.bodies)) == (1, 1, 1)
    assert "it redirects, which is not followed" in said.err
    assert time.monotonic() - began < 14, "the thread at the mail server is waited for by nobody"


def test_apprise_tells_each_service_by_itself_and_shows_no_address_however_much_is_logged(
    workspace: Workspace, tenant: Tenant
) -> None:
    workspace.add("quiet", tenant.application())
    with closing(Receiver(500)) as bad, closing(Receiver()) as good:
        urls = {
            name: each.address.replace("http://", "json://me:hidden-word@") for name, each in (("B", bad), ("G", good))
        }
        workspace.document["notifications"] = [
            {"kind": "apprise", "urls": [{"env": "B"}, {"env": "G"}], "events": ["success"]}
        ]

        said = workspace.rotator("run", "--once", "--log-level", "debug", **urls)

    assert said.status == 0
    assert (len(bad.bodies), len(good.bodies)) == (1, 1)
    assert b"quiet: rotated" in good.bodies[0][2]
    assert "notifications[0] (apprise) urls[0]" in said.err
    for word in ("hidden-word", "secret-path"):
        assert word not in said.err + said.out


def test_a_channel_whose_secret_is_not_there_is_a_mistake_of_the_configuration(workspace: Workspace) -> None:
    with closing(Receiver()) as receiver:
        workspace.document["notifications"] = [channel(receiver)]
        said = workspace.rotator("run", "--once")

    assert said.status == 78
    assert "notifications[0].secret: variable NOTICE_KEY is not set" in said.err


def test_a_reload_brings_channels_in_and_a_freeze_with_them(
    workspace: Workspace, tenant: Tenant, daemon: Daemon
) -> None:
    today = datetime.now(UTC)
    begin, end = (f"{today + days * timedelta(days=1):%Y-%m-%d}" for days in (-10, 10))
    with closing(Receiver()) as receiver:
        workspace.document["notifications"] = [channel(receiver, secret={"file": str(workspace.folder / "key")})]
        (workspace.folder / "key").write_text(KEY)
        workspace.document["freeze"] = [{"from": begin, "to": end}]
        workspace.add("fresh", tenant.application(owned=False), requiresApproval=True)
        workspace.write()
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("configuration reloaded")

        said = workspace.rotator("rotate", "billing")
        assert "changes are frozen until" in said.out
        assert workspace.rotator("rotate", "fresh", "--emergency", "INC-1").status == 1
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0

    told = [notice for _, _, body in receiver.bodies for notice in json.loads(body)["notices"]]
    assert ("failure", "fresh") in {(each["kind"], each["rotation"]) for each in told}
