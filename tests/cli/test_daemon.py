"""Does the daemon answer its signals, its service manager and the commands beside it?"""

from __future__ import annotations

import re
import signal

import pytest

from tests.cli.workspace import Daemon, Tenant, Workspace


def test_it_says_when_it_is_ready_and_when_it_stops(daemon: Daemon) -> None:
    daemon.signal(signal.SIGTERM)

    assert daemon.wait_for("STOPPING=1")
    assert daemon.end() == 0
    assert "READY=1" in "\n".join(daemon.datagrams)
    assert "WATCHDOG=1" in "\n".join(daemon.datagrams)


def test_an_interrupt_stops_it_too(workspace: Workspace) -> None:
    daemon = workspace.daemon(forked=False)
    try:
        daemon.signal(signal.SIGINT)
        assert daemon.end() == 0
    finally:
        daemon.close()


def test_a_reload_is_told_with_its_time_in_one_datagram(workspace: Workspace, daemon: Daemon, tenant: Tenant) -> None:
    workspace.add("orders", tenant.application(displayName="Orders"))
    workspace.write()

    daemon.signal(signal.SIGHUP)

    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", daemon.wait_for("RELOADING=1"))
    assert daemon.wait_for("READY=1")
    assert daemon.wait_for_log("configuration reloaded")["changed"] == "add 1"
    daemon.wait_for_log('"rotation": "orders"')


def test_a_bad_file_keeps_the_old_configuration_and_says_so(workspace: Workspace, daemon: Daemon) -> None:
    workspace.document["rotations"][0]["rotationInterval"] = 0
    workspace.write()

    daemon.signal(signal.SIGHUP)

    assert "rotationInterval" in daemon.wait_for_log("reload refused")["problem"]
    assert "STATUS=reload refused" in daemon.wait_for("READY=1")
    workspace.document["rotations"][0]["rotationInterval"] = 30
    assert workspace.rotator("status", "--json").json["secretRotations"][0]["rotationInterval"] == 30


def test_usr1_rotates_what_the_configuration_says(daemon: Daemon) -> None:
    daemon.signal(signal.SIGUSR1)

    assert daemon.wait_for_log("asked for by SIGUSR1")["count"] == 1
    daemon.wait_for_log('"reason": "REQUESTED"')


def test_usr2_logs_the_state_without_secrets(workspace: Workspace, daemon: Daemon) -> None:
    daemon.signal(signal.SIGUSR2)

    state = daemon.wait_for_log('"event": "state"')
    assert (state["rotations"], state["by_status"]) == (1, {"success": 1})
    assert workspace.delivered("billing") not in daemon.log()


def test_a_command_beside_it_is_served_at_once_and_followed(workspace: Workspace, daemon: Daemon) -> None:
    said = workspace.rotator("rotate", "billing")

    assert said.status == 0, said.err
    assert "promote" in said.out
    assert "billing: done: New secret" in said.out
    assert daemon.wait_for_log('"reason": "REQUESTED"')


def test_a_request_can_be_left_to_it(workspace: Workspace, daemon: Daemon) -> None:
    said = workspace.rotator("rotate", "--no-wait", "--json", "billing")

    assert said.status == 0
    assert said.json["requests"][0]["rotation"] == "billing"
    daemon.wait_for_log('"reason": "REQUESTED"')


def test_the_healthcheck_knows_whether_it_lives(workspace: Workspace, daemon: Daemon) -> None:
    assert workspace.rotator("healthcheck").status == 0

    daemon.signal(signal.SIGTERM)
    daemon.end()

    said = workspace.rotator("healthcheck")
    assert said.status == 1
    assert "is ready" in said.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_the_next_one_starts(workspace: Workspace, daemon: Daemon, number: signal.Signals) -> None:
    daemon.signal(number)
    daemon.end()
    (workspace.folder / "notify").unlink()

    again = workspace.daemon("--rotate", "billing")
    try:
        assert again.wait_for_log('"reason": "REQUESTED"')
    finally:
        again.close()
