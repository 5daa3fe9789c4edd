"""What does a program get to see, and what comes of what it does?"""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from rotator.destinations import Opener, Surroundings, parse_options
from rotator.domain.model import Delivery, DestinationRule
from rotator.errors import ConfigError, DestinationError, DestinationRefused, DestinationUnavailable
from rotator.ports import Destination
from tests.builders import CLIENT, a_rotation
from tests.destinations.fakes import FakeMapped
from tests.destinations.places import FIRST, INSTALLATION, NAMES, SECOND, a_parcel
from tests.fakes import ManualClock


class Programs:
    """Shell scripts in a folder, and what they wrote down; the books as the engine keeps them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.books: dict[str, Delivery] = {}
        self.environment = {"PATH": os.environ["PATH"], "VAULT_TOKEN": "hidden", "KUBECONFIG": "/etc/kube"}

    def open(self, script: str, **options: Any) -> Destination:
        path = self.folder / "deliver"
        path.write_text(f"#!/bin/sh\ncd {self.folder}\n{script}\n")
        path.chmod(0o755)
        options = {"command": [str(path), "--quiet"], **options}

        async def delivery(_rotation_id: str, destination: str) -> Delivery | None:
            return self.books.get(destination)

        around = Surroundings(
            FakeMapped(), INSTALLATION, ManualClock(), environment=self.environment, delivery=delivery
        )
        rule = DestinationRule("here", "exec", names=dict(NAMES), options=options)
        return Opener(around).open(a_rotation(), rule)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def wrote(self, name: str) -> bool:
        return (self.folder / name).exists()


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


async def test_the_secret_is_read_from_standard_input_and_stands_nowhere_else(programs: Programs) -> None:
    script = 'cat > fed; env > environment; echo "$0 $@" > arguments; tr "\\0" " " < /proc/$$/cmdline >> arguments'
    await programs.open(script).write(a_parcel(), over=None)
    told = json.loads(programs.read("fed"))
    assert told["secrets"] == {NAMES["clientId"]: CLIENT, NAMES["clientSecret"]: FIRST}
    assert (told["operation"], told["rotation"], told["keyId"]) == ("write", "billing-api", "key-1")
    assert FIRST not in programs.read("environment") + programs.read("arguments")
    assert programs.read("arguments").startswith(f"{programs.folder}/deliver --quiet")


async def test_it_gets_no_variable_of_ours_but_those_it_is_given(programs: Programs) -> None:
    await programs.open("env > environment", environment=["KUBECONFIG"]).write(a_parcel(), over=None)
    found = dict(line.split("=", 1) for line in programs.read("environment").splitlines())
    assert found["KUBECONFIG"] == "/etc/kube"
    assert "VAULT_TOKEN" not in found
    assert (found["ROTATOR_OPERATION"], found["ROTATOR_ROTATION"], found["ROTATOR_KEY_ID"]) == (
        "write",
        "billing-api",
        "key-1",
    )


async def test_lines_of_dotenv_are_read_where_the_definition_says_so(programs: Programs) -> None:
    await programs.open("cat > fed", input="dotenv").write(a_parcel(), over=None)
    assert programs.read("fed") == f"BILLING_CLIENT_ID={CLIENT}\nBILLING_CLIENT_SECRET={FIRST}\n"


async def test_a_descriptor_can_be_read_instead_of_standard_input(programs: Programs) -> None:
    script = 'cat > nothing; cat "/dev/fd/$ROTATOR_FD" > fed'
    await programs.open(script, input="dotenv", via="descriptor").write(a_parcel(), over=None)
    assert FIRST in programs.read("fed")
    assert programs.read("nothing") == ""


async def test_what_was_handed_over_is_read_back_at_once_and_from_the_books_later(programs: Programs) -> None:
    opened = programs.open("cat > fed")
    assert await opened.read() is None
    written = await opened.write(a_parcel(), over=None)
    assert await opened.read() == written
    programs.books[f"exec:{programs.folder}/deliver --quiet"] = Delivery(
        "rotation-1", "here", "exec", key_id="key-1", version=written.version, token=5
    )
    assert await programs.open("touch ran").read() == written
    assert not programs.wrote("ran")
    await programs.open("cat > fed").write(a_parcel(SECOND, "key-2"), over=written)
    assert SECOND in programs.read("fed")


async def test_other_names_are_handed_over_again(programs: Programs) -> None:
    written = await programs.open("true").write(a_parcel(), over=None)
    place = f"exec:{programs.folder}/deliver --quiet"
    programs.books[place] = Delivery("rotation-1", place, "exec", key_id="key-1", version=written.version, token=5)
    renamed = DestinationRule("here", "exec", names={"clientSecret": "OTHER"}, options={"command": ["/bin/true"]})
    around = Surroundings(FakeMapped(), INSTALLATION, ManualClock())
    other = await Opener(around).open(a_rotation(), renamed).write(a_parcel(), over=None)
    assert other.version != written.version


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (1, DestinationUnavailable),
        (75, DestinationUnavailable),
        (64, DestinationRefused),
        (77, DestinationRefused),
        (78, DestinationRefused),
        (127, DestinationRefused),
    ],
)
async def test_an_exit_status_says_whether_waiting_may_help(
    programs: Programs, status: int, error: type[DestinationError]
) -> None:
    with pytest.raises(error, match=f"exit status {status}: the safe is shut"):
        await programs.open(f"echo first; echo the safe is shut >&2; exit {status}").write(a_parcel(), over=None)


async def test_what_a_program_says_of_the_secret_is_not_repeated(programs: Programs) -> None:
    with pytest.raises(DestinationUnavailable) as caught:
        await programs.open("cat >&2; exit 1").write(a_parcel("other~text"), over=None)
    assert "other~text" not in str(caught.value)
    assert CLIENT not in str(caught.value)


async def test_one_that_does_not_end_is_ended_with_all_that_it_started(programs: Programs) -> None:
    script = "sleep 600 & echo $! > child; trap '' TERM; wait; sleep 600"
    with pytest.raises(DestinationUnavailable, match="did not end within 1 s"):
        await programs.open(script, timeout="1s").write(a_parcel(), over=None)
    child = int(programs.read("child"))
    assert not is_alive(child)


def is_alive(process: int) -> bool:
    """Neither gone nor a zombie; a killed one may take a moment."""
    for _ in range(200):
        status = Path(f"/proc/{process}/stat")
        if not status.exists() or status.read_text().split()[2] == "Z":
            return False
        time.sleep(0.01)
    return True


async def test_one_ended_by_a_signal_says_so(programs: Programs) -> None:
    with pytest.raises(DestinationUnavailable, match="ended by SIGKILL"):
        await programs.open("kill -9 $$").write(a_parcel(), over=None)


async def test_what_a_program_leaves_running_with_its_output_open_holds_up_nobody(programs: Programs) -> None:
    """A script that starts a service does not mean to wait for it."""
    began = time.monotonic()
    await programs.open("sleep 60 & echo $! > child; echo done").write(a_parcel(), over=None)
    assert time.monotonic() - began < 30
    child = int(programs.read("child"))
    os.kill(child, signal.SIGKILL)


async def test_one_that_reads_nothing_may(programs: Programs) -> None:
    written = await programs.open("exit 0").write(a_parcel("x" * 500_000), over=None)
    assert written.marker == a_parcel().marker


async def test_one_that_says_very_much_is_heard_out(programs: Programs) -> None:
    loud = programs.open("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; touch ended")
    await loud.write(a_parcel(), over=None)
    assert programs.wrote("ended")


async def test_check_runs_nothing(programs: Programs) -> None:
    await programs.open("touch ran").check()
    assert not programs.wrote("ran")


@pytest.mark.parametrize("mode", [0, stat.S_IRUSR])
async def test_check_says_that_a_program_cannot_be_run(programs: Programs, mode: int) -> None:
    destination = programs.open("true", command=[f"{programs.folder}/other"])
    if mode:
        (programs.folder / "other").write_text("#!/bin/sh\n")
        (programs.folder / "other").chmod(mode)
    with pytest.raises(DestinationRefused, match="cannot be run"):
        await destination.check()
    with pytest.raises(DestinationRefused, match="cannot be started"):
        await destination.write(a_parcel(), over=None)


async def test_an_answer_that_says_nothing_is_told(programs: Programs) -> None:
    for answer in ("no json", "[]", '{"mark": null}', '{"mark": null, "version": 3}'):
        with pytest.raises(DestinationUnavailable, match="does not say what is there"):
            await programs.open(f"echo '{answer}'", readBack=True).read()


@pytest.mark.parametrize(
    "options",
    [
        {"command": []},
        {"command": "deliver"},
        {"command": ["deliver"]},
        {"command": ["/bin/x", 3]},
        {"command": ["/bin/x", ""]},
        {"command": ["/bin/x"], "environment": ["A=B"]},
        {"command": ["/bin/x"], "environment": "PATH"},
        {"command": ["/bin/x"], "timeout": "1h"},
        {"command": ["/bin/x"], "input": "yaml"},
    ],
)
def test_what_cannot_be_run_is_refused_at_load(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        parse_options("exec", options, where="here")
