"""Are consumers told what they may know, and does whatever goes wrong become a result?"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.destinations import Surroundings
from rotator.destinations.hooks import Runner
from rotator.domain.model import HookRule, Rotation
from rotator.errors import RotatorError
from rotator.ports import HookResult
from tests.builders import CLIENT, KEY, a_credential, a_rotation
from tests.destinations.fakes import FakeMapped
from tests.destinations.places import INSTALLATION
from tests.destinations.places_handed import KEY as SIGNING_KEY
from tests.destinations.places_handed import Receiver
from tests.destinations.servers.answering import Fault, Reply
from tests.fakes import ManualClock


class Consumers:
    """Hooks of one rotation, on a machine whose programs are in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {"PATH": f"{folder}:{os.environ['PATH']}", "VAULT_TOKEN": "hidden"}
        self.clock = ManualClock()
        self.runner = Runner(Surroundings(FakeMapped(), INSTALLATION, self.clock, environment=environment))

    def program(self, name: str, script: str) -> str:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\ncd {self.folder}\n{script}\n")
        path.chmod(0o755)
        return str(path)

    async def told(self, kind: str, **options: Any) -> HookResult:
        rotation = self.rotation(kind, **options)
        return await self.runner.run(rotation, self.runner.names(rotation)[0], a_credential())

    async def check(self, kind: str, **options: Any) -> None:
        await self.runner.check(self.rotation(kind, **options), "it")

    def rotation(self, kind: str, **options: Any) -> Rotation:
        return a_rotation(hooks=(HookRule("it", kind, options),))

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def consumers(tmp_path: Path) -> Consumers:
    return Consumers(tmp_path)


@pytest.fixture
async def receiver(consumers: Consumers) -> AsyncIterator[Receiver]:
    server = Receiver(now=consumers.clock.now().timestamp())
    (consumers.folder / "hmac").write_text(f"whsec_{SIGNING_KEY}")
    async with server.listening():
        yield server


class TestPrograms:
    async def test_a_program_reads_what_happened_and_no_secret(self, consumers: Consumers) -> None:
        command = [consumers.program("after", "cat > fed; env > environment")]
        assert await consumers.told("exec", command=command) == HookResult("it", done=True)
        told = json.loads(consumers.read("fed"))
        assert (told["operation"], told["rotation"], told["keyId"], told["clientId"]) == (
            "promoted",
            "billing-api",
            KEY,
            CLIENT,
        )
        assert "secrets" not in told
        assert f"ROTATOR_KEY_ID={KEY}" in consumers.read("environment")
        assert "VAULT_TOKEN" not in consumers.read("environment")

    @pytest.mark.parametrize(
        ("script", "told"),
        [
            ("echo no such service >&2; exit 5", "exec:{0}: hook: exit status 5: no such service"),
            ("exec sleep 60", "exec:{0}: hook: it did not end within 1 s, and was ended"),
        ],
    )
    async def test_what_goes_wrong_is_the_result(self, consumers: Consumers, script: str, told: str) -> None:
        command = [consumers.program("after", script)]
        result = await consumers.told("exec", command=command, timeout="1s")
        assert result == HookResult("it", done=False, message=told.format(*command))

    async def test_one_that_is_not_there_fails_its_check(self, consumers: Consumers) -> None:
        with pytest.raises(RotatorError, match="cannot be run"):
            await consumers.check("exec", command=["/nowhere/after"])
        assert not (await consumers.told("exec", command=["/nowhere/after"])).done
        await consumers.check("exec", command=[consumers.program("after", "touch ran")])
        assert not (consumers.folder / "ran").exists()


class TestUnits:
    async def test_systemd_is_asked_for_that_unit_and_never_for_a_password(self, consumers: Consumers) -> None:
        consumers.program("systemctl", 'echo "$@" > asked')
        assert (await consumers.told("systemd", unit="billing@1.service", action="restart")).done
        assert consumers.read("asked") == "--no-ask-password --no-pager restart -- billing@1.service\n"
        assert (await consumers.told("systemd", unit="billing.service", user=True)).done
        assert (
            consumers.read("asked") == "--no-ask-password --no-pager --user try-reload-or-restart -- billing.service\n"
        )

    async def test_what_systemd_says_is_told(self, consumers: Consumers) -> None:
        consumers.program("systemctl", "echo Interactive authentication required. >&2; exit 1")
        result = await consumers.told("systemd", unit="billing.service")
        assert not result.done
        assert "exit status 1: Interactive authentication required." in result.message

    async def test_check_asks_whether_the_unit_is_known(self, consumers: Consumers) -> None:
        consumers.program("systemctl", 'echo "$@" > asked; echo loaded')
        await consumers.check("systemd", unit="billing.service")
        assert "show --property=LoadState --value -- billing.service" in consumers.read("asked")
        consumers.program("systemctl", "echo not-found")
        with pytest.raises(RotatorError, match=r"does not know billing.service"):
            await consumers.check("systemd", unit="billing.service")

    async def test_a_machine_without_systemd_says_so(self, tmp_path: Path) -> None:
        around = Surroundings(FakeMapped(), INSTALLATION, ManualClock(), environment={"PATH": str(tmp_path)})
        rotation = a_rotation(hooks=(HookRule("it", "systemd", {"unit": "billing.service"}),))
        result = await Runner(around).run(rotation, "it", a_credential())
        assert "there is no systemctl here" in result.message


class TestReceivers:
    def options(self, consumers: Consumers, receiver: Receiver) -> dict[str, Any]:
        return {"url": f"{receiver.url}/after", "secret": {"file": str(consumers.folder / "hmac")}}

    async def test_a_receiver_gets_a_signed_message_without_the_secret(
        self, consumers: Consumers, receiver: Receiver
    ) -> None:
        receiver.faults = [Fault(reply=Reply(204))]
        assert (await consumers.told("webhook", **self.options(consumers, receiver))).done
        (request,) = receiver.requests
        assert receiver.genuine(request)
        assert (request.json["type"], request.json["data"]["keyId"]) == ("credential.promoted", KEY)
        assert request.headers["webhook-id"] == f"promoted-{KEY}"

    async def test_an_answer_that_is_none_is_the_result(self, consumers: Consumers, receiver: Receiver) -> None:
        options = self.options(consumers, receiver)
        for fault, told in (
            (Fault(reply=Reply(503, {"message": "later"})), "503: later"),
            (Fault(hang=True), "no answer in time"),
            (Fault(reset=True), "closed|broke"),
        ):
            receiver.faults = [fault]
            result = await consumers.told("webhook", **options, timeout="1s")
            assert not result.done
            assert any(each in result.message for each in told.split("|"))

    async def test_check_posts_nothing(self, consumers: Consumers, receiver: Receiver) -> None:
        await consumers.check("webhook", **self.options(consumers, receiver))
        assert [method for method, _ in receiver.asked] == ["OPTIONS"]


async def test_what_a_database_holds_of_another_version_is_a_result_too(consumers: Consumers) -> None:
    assert "does not know the kind 'carrier-pigeon'" in (await consumers.told("carrier-pigeon")).message
    assert "command" in (await consumers.told("exec", timeout="5s")).message
    gone = await consumers.runner.run(a_rotation(), "it", a_credential())
    assert "no longer in the definition" in gone.message


def test_patience_follows_the_timeout(consumers: Consumers) -> None:
    rotation = consumers.rotation("exec", command=["/bin/x"], timeout="5m")
    assert consumers.runner.patience(rotation, "it") > timedelta(minutes=5)
    assert consumers.runner.patience(consumers.rotation("exec"), "it") == timedelta(0)
