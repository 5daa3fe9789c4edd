"""Does what a caller defines reach only what the operator lets it, when it is defined and when it is carried out?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from rotator.simulator.server import Running
from tests.web.house import ROTATIONS, House, open_house

RATES = {"logins": 100_000, "changes": 100_000, "reads": 1_000_000}


def allowing(**allow: Any) -> dict[str, Any]:
    """A configuration with that leave."""
    return {"api": {"listen": "127.0.0.1:0", "rates": RATES, "allow": allow}}


async def made(house: House, destination: dict[str, Any]) -> Any:
    connection = await house.connection()
    body = house.rotation_body(connection["id"], destinations=[destination])
    return await house.ask("POST", ROTATIONS, json=body)


async def test_a_file_is_written_only_where_the_operator_lets_it(tmp_path: Path, running: Running) -> None:
    below = tmp_path / "below"
    await asyncio.to_thread(below.mkdir)
    document = allowing(kinds=["file"], paths=[str(below)])
    async with open_house(tmp_path, running, document=document) as house:
        elsewhere = {"kind": "file", "path": str(tmp_path / "x.env"), "format": "dotenv"}
        refused = await made(house, elsewhere)
        assert refused.status_code == 422
        assert "api.allow.paths" in refused.text
        connection = (await house.get("/api/v1/app-connections/azure-client-secrets"))["appConnections"][0]
        body = house.rotation_body(connection["id"], destinations=[{**elsewhere, "path": str(below / "x.env")}])
        answer = await house.post(ROTATIONS, body)
        assert answer["secretRotation"]["rotationStatus"] == "success"
        text = (below / "x.env").read_text()
        assert "BILLING_SECRET" in text


async def test_a_kind_that_the_operator_does_not_list_is_422(house: House) -> None:
    for destination in (
        {"kind": "file", "path": "/run/x.env", "format": "dotenv"},
        {"kind": "exec", "command": ["/x"]},
    ):
        connections = (await house.get("/api/v1/app-connections/azure-client-secrets"))["appConnections"]
        connection = connections[0] if connections else await house.connection()
        body = house.rotation_body(connection["id"], destinations=[destination])
        refused = await house.ask("POST", ROTATIONS, json=body)
        assert (refused.status_code, "api.allow.kinds" in refused.text) == (422, True)


async def test_a_hook_runs_only_where_the_operator_lists_its_kind(tmp_path: Path, running: Running) -> None:
    program, sign = tmp_path / "program", tmp_path / "sign"
    await asyncio.to_thread(program.write_text, f"#!/bin/sh\ncat > {sign}\n")
    await asyncio.to_thread(program.chmod, 0o700)
    hooks = [{"kind": "exec", "command": [str(program)]}]
    async with open_house(tmp_path, running) as house:
        body = house.rotation_body((await house.connection())["id"], hooks=hooks)
        refused = await house.ask("POST", ROTATIONS, json=body)
        assert (refused.status_code, "api.allow.kinds" in refused.text) == (422, True)
    async with open_house(tmp_path, running, document=allowing(kinds=["exec"])) as house:
        made = await house.post(ROTATIONS, body)
        assert made["secretRotation"]["rotationStatus"] == "success"
        text = await asyncio.to_thread(sign.read_text)
        assert "promoted" in text


class Listener:
    """Somebody on this machine who is not to be reached; counts who tries."""

    def __init__(self) -> None:
        self.reached = 0

    async def __call__(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached += 1
        writer.close()


async def test_a_name_of_this_machine_is_not_connected_to(tmp_path: Path, running: Running) -> None:
    listener = Listener()
    server = await asyncio.start_server(listener, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    key = tmp_path / "key"
    await asyncio.to_thread(key.write_text, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    document = allowing(paths=[str(key)])
    hook = {"kind": "webhook", "url": f"http://localhost:{port}/x", "secret": {"file": str(key)}}
    async with server, open_house(tmp_path, running, document=document) as house:
        answer = await made(house, hook)
        assert answer.status_code == 200, answer.text
        rotation = answer.json()["secretRotation"]
        assert rotation["rotationStatus"] == "failed"
        assert "api.allow.hosts does not list" in rotation["lastRotationMessage"]
    assert listener.reached == 0
