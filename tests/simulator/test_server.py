"""Does the simulator stand on a real socket, with real TLS, as it does in process?"""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from rotator.simulator.server import Ready, Running, serve, simulate
from rotator.simulator.simulation import SimulatorOptions
from tests.fakes import ManualClock
from tests.simulator.caller import Caller


async def test_the_ready_line_names_everything(running: Running) -> None:
    line = json.loads(running.ready.line())
    assert list(line) == [
        "authority", "graph", "scope", "imds", "control", "caFile", "tenantId", "adminClientId", "adminClientSecret",
        "applications",
    ]  # fmt: skip
    assert line["graph"] == f"{line['authority']}/v1.0"
    assert [set(one) for one in line["applications"]] == [{"objectId", "clientId", "displayName"}] * 3


async def test_a_whole_life_of_a_secret_over_https(remote: Caller) -> None:
    added = await remote.add_password(displayName="mine")
    assert await remote.signs_in(added["secretText"])
    assert await remote.listed() == [added["keyId"]]
    assert (await remote.remove_password(added["keyId"])).status_code == 204
    assert not await remote.signs_in(added["secretText"])


async def test_nobody_trusts_the_authority_without_its_file(running: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get(running.ready.authority)


async def test_the_certificate_also_holds_for_the_address(running: Running) -> None:
    context = ssl.create_default_context(cafile=running.ready.caFile)
    async with httpx.AsyncClient(verify=context, trust_env=False) as http:
        address = running.ready.control.replace("localhost", "127.0.0.1")
        assert (await http.get(f"{address}/truth")).status_code == 200


async def test_a_hanging_request_is_never_answered_and_harms_no_other(remote: Caller) -> None:
    await remote.sign_in()
    await remote.control("POST", "faults", {"match": "addPassword", "when": "after", "hang": True, "times": 1})
    with pytest.raises(httpx.ReadTimeout):
        await remote.http.post(
            f"{remote.base}/v1.0/applications/{remote.application}/addPassword",
            json={},
            headers=remote.headers,
            timeout=0.1,
        )
    assert len(await remote.listed()) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_reset_tears_the_connection_down(remote: Caller, when: str) -> None:
    await remote.sign_in()
    await remote.control("POST", "faults", {"match": "addPassword", "when": when, "reset": True, "times": 1})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await remote.graph("POST", f"applications/{remote.application}/addPassword", {})
    assert len(await remote.listed()) == (when == "after")


async def test_answers_can_be_held_back(remote: Caller) -> None:
    await remote.control("POST", "settings", {"latency": 0.05})
    await remote.sign_in()
    loop = asyncio.get_running_loop()
    before = loop.time()
    await asyncio.gather(*(remote.listed() for _ in range(8)))
    assert 0.05 <= loop.time() - before < 2


async def test_one_connection_carries_requests_that_arrive_together_or_in_pieces(running: Running) -> None:
    host, port = running.ready.imds.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = b"GET /_sim/clock HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    writer.write(request + request[:20])
    await writer.drain()
    assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    body = b"4\r\nclie\r\n6\r\nnt_id=\r\n0\r\n\r\n"
    writer.write(request[20:] + b"POST /t/oauth2/v2.0/token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    writer.write(b"nonsense\r\n\r\n")
    writer.write_eof()
    rest = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert [part[:3] for part in rest.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400", b"400"]


async def test_time_passes_faster_on_request(clock: ManualClock) -> None:
    async with serve(SimulatorOptions(time_scale=8640), real_now=clock.now) as fast:
        tenant = fast.simulation.entra.tenant
        start = tenant.now()
        clock.advance(10)
        assert tenant.now() - start == timedelta(days=1)


async def test_the_tenant_survives_a_restart(tmp_path: Path) -> None:
    options = SimulatorOptions(state_dir=tmp_path / "state", seed=5)
    async with serve(options) as first:
        context = ssl.create_default_context(cafile=first.ready.caFile)
        async with httpx.AsyncClient(verify=context, trust_env=False) as http:
            caller = Caller(http, first.simulation, base=first.ready.authority)
            added = await caller.add_password(displayName="kept")
            gone = await caller.add_password()
            await caller.remove_password(gone["keyId"])
            await caller.control("POST", "clock", {"advance": 86400})
            await caller.control("POST", "propagation", {"delay": [1, 2]})
            before = asdict(first.ready)
            truth = first.simulation.entra.tenant.truth()
    async with serve(options) as second:
        after = asdict(second.ready)
        kept = {"tenantId", "adminClientId", "adminClientSecret", "applications", "caFile"}
        assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
        assert second.simulation.entra.tenant.truth() == truth
        assert second.simulation.entra.tenant.now() - first.simulation.entra.tenant.now() < timedelta(seconds=1)
        assert second.simulation.entra.tenant.propagation.delay == (1.0, 2.0)
        async with httpx.AsyncClient(verify=context, trust_env=False) as http:
            caller = Caller(http, second.simulation, base=second.ready.authority, headers=caller.headers)
            assert await caller.listed() == [added["keyId"]]
            assert await caller.signs_in(added["secretText"])
            assert (await caller.add_password())["keyId"] not in {added["keyId"], gone["keyId"]}


def modes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}


async def test_what_is_kept_is_for_its_owner_only(tmp_path: Path) -> None:
    async with serve(SimulatorOptions(state_dir=tmp_path)):
        pass
    assert modes(tmp_path) == {
        "ca.pem": 0o600,
        "server.pem": 0o600,
        "signing-key.pem": 0o600,
        "tenant.json": 0o600,
    }


async def test_a_foreign_state_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tenant.json").write_text("{}", "utf-8")
    with pytest.raises(ValueError, match=r"tenant\.json is no state"):
        async with serve(SimulatorOptions(state_dir=tmp_path)):
            pass
    assert (tmp_path / "tenant.json").read_text("utf-8") == "{}"


async def test_simulate_says_when_it_listens_and_runs_until_cancelled() -> None:
    said: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(simulate(SimulatorOptions(applications=2), said.set_result))
    ready = await said
    assert len(ready.applications) == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(FileNotFoundError):
        ssl.create_default_context(cafile=ready.caFile)


async def test_the_control_address_says_what_it_knows(remote: Caller) -> None:
    answer = await remote.control("POST", "nothing")
    assert answer.status_code == 404
    assert "POST /_sim/faults" in answer.json()["error"]
    assert (await remote.control("POST", "owners", {"application": "nobody"})).status_code == 400
    made = (await remote.control("POST", "applications", {"displayName": "late", "count": 2})).json()
    assert [one["displayName"] for one in made] == ["late", "late 2"]
    shown = (await remote.control("GET", "applications")).json()
    assert made == shown[-2:]
    assert (await remote.control("DELETE", "applications", {"application": "late"})).status_code == 204
    assert len((await remote.control("GET", "applications")).json()) == len(shown) - 1
