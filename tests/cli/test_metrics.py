"""Does the daemon tell its numbers on the listener of the configuration, true after a rotation and a reload?"""

from __future__ import annotations

import signal
import time

import httpx

from tests.cli.workspace import PATIENCE, Workspace
from tests.observers.reading import Samples


def test_a_daemon_tells_its_rotations_its_requests_to_graph_and_its_reloads(workspace: Workspace) -> None:
    workspace.add("billing", workspace.tenant.application())
    workspace.document["metrics"] = {"listen": "127.0.0.1:0"}
    daemon = workspace.daemon()
    try:
        address = daemon.wait_for_log("the numbers are told")["address"]

        told = _until(address, "rotator_last_success_timestamp_seconds", 1)

        assert told.value("rotator_rotations_total", result="success") == 1
        assert told.value("rotator_graph_requests_total", operation="addPassword", status="200") == 1
        assert told.value("rotator_config_last_reload_successful") == 1
        assert httpx.get(f"{address}/readyz").json() == {"status": "ok"}

        workspace.config.write_text("rotations: nonsense\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("reload refused")
        assert Samples([httpx.get(f"{address}/metrics").text]).value("rotator_config_last_reload_successful") == 0

        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0
    finally:
        daemon.close()


def test_a_listener_that_is_taken_is_told_by_its_option(workspace: Workspace) -> None:
    workspace.document["metrics"] = {"listen": "127.0.0.1:0"}
    daemon = workspace.daemon()
    try:
        address = str(daemon.wait_for_log("the numbers are told")["address"]).removeprefix("http://")
        workspace.document["state"] = {"url": f"sqlite:///{workspace.folder / 'other.db'}"}
        workspace.document["metrics"] = {"listen": address}

        refused = workspace.process("run")

        assert refused.status == 75
        assert f"another process listens on {address}" in refused.err
        assert "metrics.listen" in refused.err
    finally:
        daemon.close()


def _until(address: str, name: str, count: int) -> Samples:
    """The first scrape with so many samples of that name."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        told = Samples([httpx.get(f"{address}/metrics").text])
        if len(told.of(name)) == count:
            return told
        time.sleep(0.2)
    raise AssertionError(f"never told {name}")
