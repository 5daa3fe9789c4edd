"""Does the daemon tell its numbers on the listener of the configuration, true after a rotation and a reload?"""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.cli.workspace import PATIENCE, SECRET, Workspace
from tests.observers.reading import Samples
from tests.web.asking import NOBODY


def test_a_daemon_tells_its_rotations_its_requests_to_graph_and_its_reloads(workspace: Workspace) -> None:
    workspace.add("billing", workspace.tenant.application())
    workspace.document["metrics"] = {"listen": "127.0.0.1:0"}
    daemon = workspace.daemon()
    try:
        address = daemon.wait_for_log("the numbers are told")["address"]

        told = _until(address, "rotator_last_success_timestamp_seconds", 1)

        assert told.value("rotator_rotations_total", result="success") == 1
        # A text that begins with '-' is made once more.
        assert told.value("rotator_graph_requests_total", operation="addPassword", status="200") in {1, 2, 3}
        assert told.value("rotator_config_last_reload_successful") == 1
        assert _got(f"{address}/readyz").json() == {"status": "ok"}

        workspace.config.write_text("rotations: nonsense\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("reload refused")
        assert Samples([_got(f"{address}/metrics").text]).value("rotator_config_last_reload_successful") == 0

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


def _got(address: str) -> httpx.Response:
    return httpx.get(address, verify=NOBODY, trust_env=False)


def _until(address: str, name: str, count: int) -> Samples:
    """The first scrape with so many samples of that name."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        told = Samples([_got(f"{address}/metrics").text])
        if len(told.of(name)) == count:
            return told
        time.sleep(0.2)
    raise AssertionError(f"never told {name}")


def test_a_daemon_sends_each_attempt_as_one_trace(workspace: Workspace) -> None:
    got: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    with collecting(got) as endpoint:
        workspace.add("billing", workspace.tenant.application())
        workspace.document["traces"] = {"endpoint": endpoint, "headers": {"x-key": {"env": SECRET}}}
        daemon = workspace.daemon()
        try:
            daemon.wait_for_log("attempt ended")
            daemon.signal(signal.SIGTERM)
            assert daemon.end() == 0
        finally:
            daemon.close()

    spans = []
    while not got.empty():
        spans += got.get()["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert {"preflight", "issue", "verify", "promote", "rotate billing"} <= {span["name"] for span in spans}
    assert len({span["traceId"] for span in spans}) == 1


@contextlib.contextmanager
def collecting(got: queue.SimpleQueue[dict[str, Any]]) -> Iterator[str]:
    """A collector on loopback."""

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_secrets_that_nobody_rotates_are_counted_where_that_is_wanted(workspace: Workspace) -> None:
    application = workspace.tenant.application(displayName="Nobodys")
    made = workspace.tenant.graph("POST", f"applications/{application['objectId']}/addPassword", {})
    workspace.document["metrics"] = {"listen": "127.0.0.1:0", "inventory": "24h"}
    daemon = workspace.daemon()
    try:
        address = daemon.wait_for_log("the numbers are told")["address"]

        told = _until(address, "rotator_inventory_timestamp_seconds", 1)

        assert (told.value("rotator_unmanaged_credentials", connection="contoso", kind="secret") or 0) >= 1
        assert made["keyId"]
    finally:
        daemon.close()
