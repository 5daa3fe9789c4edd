"""Can the commands speak to a daemon elsewhere, and do they say plainly what they cannot do there?"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rotator.domain.access import Grant, Role
from tests.cli.workspace import Said
from tests.nursery import Child
from tests.web.house import House

Command = Callable[..., Awaitable[Said]]


@pytest.fixture
def remote(house: House, tmp_path: Path) -> Command:
    """Runs `rotator --server ... --token-file ...` with these words, as the admin."""
    file = tmp_path / "token"
    file.write_text(f"{house.admin}\n")

    async def run(*words: str) -> Said:
        command = ["--server", house.address, "--token-file", str(file), *words]
        return await asyncio.to_thread(ended, command, tmp_path)

    return run


def ended(command: list[str], folder: Path) -> Said:
    """What that process of its own has said, once it has ended."""
    environment = {**os.environ, "NO_PROXY": "*", "no_proxy": "*"}
    out, err = folder / "out", folder / "err"
    with out.open("wb") as told, err.open("wb") as complained:
        child = Child(command, environment=environment, out=told.fileno(), err=complained.fileno())
    return Said(child.wait(60), out.read_text("utf-8"), err.read_text("utf-8"))


async def test_status_history_pause_and_rotate_do_elsewhere_what_they_do_here(house: House, remote: Command) -> None:
    made = await house.rotation()
    assert (await remote("status", "--json")).json == {"secretRotations": [made]}
    shown = await remote("status")
    assert (shown.status, "billing-api" in shown.out, "payments" in shown.out) == (0, True, True), shown.err
    assert (await remote("pause", "billing-api")).out == "billing-api: paused\n"
    failed = await remote("rotate", "billing-api")
    assert (failed.status, "paused" in failed.out) == (1, True)
    assert (await remote("resume", "billing-api")).out == "billing-api: resumed\n"
    unasked = await remote("approve", "billing-api")
    assert (unasked.status, "waits for no approval" in unasked.err) == (1, True)
    rotated = await remote("rotate", "--all", "--json")
    assert (rotated.status, json.loads(rotated.out)["requests"][0]["result"]) == (0, "done")
    assert len(house.living()) == 2
    past = (await remote("history", "billing-api", "--json")).json["attempts"]
    assert [each["outcome"] for each in past] == ["succeeded", "succeeded"]
    assert "promote" in (await remote("history", "billing-api", "--limit", "1")).out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("history", "nobody"), 2, "there is no rotation 'nobody'"),
        (("rotate", "--all", "--compromised"), 2, "--compromised does not go with --server"),
        (("status", "--watch"), 2, "--watch does not go with --server"),
        (("plan",), 2, "--server"),
        (("status", "--server", "http://rotator.example.com"), 2, "in clear"),
        (("status", "--server", "nonsense"), 2, "is not an address"),
        (("status", "--server", "http://127.0.0.1:9"), 75, "does not answer"),
        (("status", "--token-file", "/nowhere/token"), 2, "cannot be read"),
    ],
)
async def test_what_cannot_be_is_one_clear_line(
    remote: Command, words: tuple[str, ...], status: int, said: str
) -> None:
    answer = await remote(*words)
    assert (answer.status, said in answer.err) == (status, True), answer.err
    assert "Traceback" not in answer.err


async def test_a_token_that_may_not_is_told_so(house: House, remote: Command, tmp_path: Path) -> None:
    await house.rotation()
    (tmp_path / "token").write_text(await house.token(Grant(Role.READER, "payments")))
    assert (await remote("status", "billing-api")).status == 0
    refused = await remote("pause", "billing-api")
    assert (refused.status, "is no operator" in refused.err) == (77, True), refused.err
    (tmp_path / "token").write_text("rotator_at_unknown")
    assert (await remote("status")).status == 77
