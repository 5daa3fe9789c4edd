"""What is particular to files: who may read them, what is refused, and how a refusal is told?"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import grp
import os
import pwd
import stat
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rotator.destinations import options_of
from rotator.destinations.formats.disk import Disk
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.ports import Placed
from tests.builders import a_rotation
from tests.destinations.fakes import MeddlingDisk, PowerCut, RefusingDisk, StoppingDisk
from tests.destinations.places import FILES, FIRST, SECOND, Place, a_parcel, a_place, at_once
from tests.fakes import ManualClock

ROOT = os.geteuid() == 0


@pytest.fixture(params=FILES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return a_place(request.param, tmp_path)


@pytest.fixture(params=("dotenv", "json"))
def one_file(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return a_place(request.param, tmp_path)


def text_files(place: Place) -> list[Path]:
    """Those that hold a text of ours."""
    files = [path for path in place.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if any(text in path.read_text() for text in (FIRST, SECOND))]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_new_file_is_ours_alone(place: Place) -> None:
    before = os.umask(0)
    try:
        await place.open().write(a_parcel(), over=None)
    finally:
        os.umask(before)
    assert {mode(path) for path in text_files(place)} == {0o600}


async def test_the_text_is_readable_to_nobody_else_at_any_step(place: Place) -> None:
    for stop in range(60):
        place.disk = Disk()
        over = await place.open(mode="0600").read()
        place.disk = disk = StoppingDisk(stop)
        with suppress(PowerCut):
            await place.open(mode="0600").write(a_parcel(), over=over)
        disk.die()
        assert all(mode(path) == 0o600 for path in text_files(place))
    assert text_files(place)


async def test_the_mode_asked_for_is_given_whatever_the_umask(place: Place) -> None:
    before = os.umask(0o077)
    try:
        await place.open(mode="0640").write(a_parcel(), over=None)
    finally:
        os.umask(before)
    assert {mode(path) for path in text_files(place)} == {0o640}


async def test_the_mode_of_a_file_that_is_there_is_kept(one_file: Place) -> None:
    one_file.set("OTHERS", "text")
    (path,) = (path for path in one_file.folder.iterdir() if path.is_file())
    path.chmod(0o664)
    await one_file.open().write(a_parcel(), over=None)
    assert mode(path) == 0o664


async def test_an_adopted_file_of_a_directory_keeps_its_mode(tmp_path: Path) -> None:
    place = a_place("directory", tmp_path)
    place.set("BILLING_CLIENT_SECRET", "foreign")
    (tmp_path / "billing" / "BILLING_CLIENT_SECRET").chmod(0o644)
    await place.open().write(a_parcel(), over=await place.open().read())
    path = (tmp_path / "billing" / "BILLING_CLIENT_SECRET").resolve()
    assert (mode(path), mode(path.parent)) == (0o644, 0o755)


async def test_a_mode_that_was_changed_is_drift_and_is_put_back(place: Place) -> None:
    written = await place.open(mode="0600").write(a_parcel(), over=None)
    for path in text_files(place):
        path.chmod(0o644)
    found = await place.open(mode="0600").read()
    assert found is not None
    assert found.version != written.version
    assert await place.open(mode="0600").write(a_parcel(), over=found) == written
    assert {mode(path) for path in text_files(place)} == {0o600}


@pytest.mark.skipif(not ROOT, reason="only root may give files away")
@pytest.mark.parametrize("by_name", [True, False])
async def test_owner_and_group_are_given_by_name_or_number(place: Place, *, by_name: bool) -> None:
    owner, group = pwd.getpwnam("daemon"), grp.getgrgid(1)
    accounts: dict[str, Any] = (
        {"owner": owner.pw_name, "group": group.gr_name} if by_name else {"owner": owner.pw_uid, "group": "1"}
    )
    await place.open(**accounts, mode="0640").write(a_parcel(), over=None)
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in text_files(place)}
    assert owners == {(owner.pw_uid, 1)}


@pytest.mark.skipif(not ROOT, reason="only root may give files away")
async def test_the_owner_of_a_file_that_is_there_is_kept(one_file: Place) -> None:
    one_file.set("OTHERS", "text")
    (path,) = (path for path in one_file.folder.iterdir() if path.is_file())
    os.chown(path, 1, 1)
    await one_file.open().write(a_parcel(), over=None)
    assert (path.stat().st_uid, path.stat().st_gid) == (1, 1)


@pytest.mark.skipif(not ROOT, reason="only root may give files away")
async def test_readers_of_a_directory_may_pass_to_its_files(tmp_path: Path) -> None:
    place = a_place("directory", tmp_path)
    await place.open(mode="0640", group=1).write(a_parcel(), over=None)
    data = (tmp_path / "billing" / "BILLING_CLIENT_SECRET").resolve().parent
    assert (mode(data), data.stat().st_gid) == (0o750, 1)


async def test_an_owner_that_may_not_be_given_is_refused_before_anything_is_written(place: Place) -> None:
    place.disk = RefusingDisk("fchown", errno.EPERM)
    for act in (place.open(owner=12345).check(), place.open(owner=12345).write(a_parcel(), over=None)):
        with pytest.raises(DestinationRefused, match=r"may not be given to user 12345.*Run as a user who may"):
            await act
    assert text_files(place) == []
    assert place.shows() == {}


@pytest.mark.parametrize("account", ["owner", "group"])
async def test_an_unknown_account_is_named(place: Place, account: str) -> None:
    options: dict[str, Any] = {account: "no-such-account"}
    with pytest.raises(DestinationRefused, match="'no-such-account' on this machine"):
        await place.open(**options).check()


async def test_a_link_at_the_place_is_neither_followed_nor_replaced(place: Place) -> None:
    target = place.folder / "target"
    target.write_text("A=1\n")
    path = place.path
    path.symlink_to(target)
    for act in (place.open().read(), place.open().check(), place.open().write(a_parcel(), over=None)):
        with pytest.raises(DestinationRefused, match=r"symbolic link|not a directory"):
            await act
    assert path.is_symlink()
    assert target.read_text() == "A=1\n"


async def test_a_pipe_or_a_directory_is_no_file_and_nobody_waits_for_it(one_file: Place) -> None:
    path = one_file.path
    os.mkfifo(path)
    with pytest.raises(DestinationRefused, match="not a regular file"):
        await one_file.open().read()
    path.unlink()
    path.mkdir()
    with pytest.raises(DestinationRefused, match="a directory"):
        await one_file.open().read()


async def test_a_missing_directory_is_nothing_to_read_and_a_refusal_to_write(place: Place) -> None:
    rule: dict[str, Any] = {"path": str(place.folder / "missing" / "x")}
    assert await place.open(**rule).read() is None
    for act in (place.open(**rule).check(), place.open(**rule).write(a_parcel(), over=None)):
        with pytest.raises(DestinationRefused, match=r"No such file or directory.*Make the directory first"):
            await act


@pytest.mark.parametrize(
    ("call", "error", "expected", "hint"),
    [
        ("create", errno.EACCES, DestinationRefused, "Let the user that rotator runs as write"),
        ("open_lock", errno.EROFS, DestinationRefused, "ReadWritePaths="),
        ("write", errno.ENOSPC, DestinationRefused, "make room"),
        ("fsync", errno.EDQUOT, DestinationRefused, "make room"),
        ("fsync", errno.EIO, DestinationUnavailable, ""),
        ("lstat", errno.ENOTDIR, DestinationRefused, "correct the path"),
        ("create", errno.EMFILE, DestinationUnavailable, ""),
    ],
)
async def test_what_the_system_refuses_is_told_with_a_hint(
    place: Place, call: str, error: int, *, expected: type[Exception], hint: str
) -> None:
    place.set("OTHERS", "text")
    place.disk = RefusingDisk(call, error)
    with pytest.raises(expected) as caught:
        await place.open().write(a_parcel(), over=None)
    told = "".join(traceback.format_exception(caught.value))
    assert os.strerror(error) in str(caught.value)
    assert hint in str(caught.value)
    assert FIRST not in told
    assert place.shows() == {"OTHERS": "text"}
    assert text_files(place) == []


@pytest.mark.parametrize("content", [b"[1, 2]", b'{"A": hidden', b'{"A": "hidden"} hidden', b"hidden", b"\xff\xfe{}"])
async def test_what_is_no_json_object_is_refused_and_untouched(tmp_path: Path, content: bytes) -> None:
    place = a_place("json", tmp_path)
    path = tmp_path / "billing.json"
    path.write_bytes(content)
    for act in (place.open().read(), place.open().check(), place.open().write(a_parcel(), over=None)):
        with pytest.raises(DestinationRefused, match="left as it is") as caught:
            await act
        assert "hidden" not in "".join(traceback.format_exception(caught.value))
    assert path.read_bytes() == content


async def test_a_file_of_many_megabytes_is_not_read(one_file: Place) -> None:
    one_file.path.write_bytes(b"#" * (5 << 20))
    with pytest.raises(DestinationRefused, match="4 MiB"):
        await one_file.open().read()


async def test_marks_that_cannot_be_read_are_told_not_guessed(tmp_path: Path) -> None:
    place = a_place("json", tmp_path)
    await place.open().write(a_parcel(), over=None)
    (tmp_path / ".billing.json.rotator-marks").write_text("{")
    with pytest.raises(DestinationRefused, match=r"Delete .*rotator-marks"):
        await place.open().read()


async def test_a_lock_that_is_held_is_waited_for_and_then_told(place: Place) -> None:
    clock = ManualClock()
    place.clock = clock
    await place.open().write(a_parcel(), over=None)
    (lock,) = place.folder.rglob("*rotator-lock")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = asyncio.ensure_future(place.open().write(a_parcel(token=6), over=None))
        while not waiting.done():
            await asyncio.sleep(0)
            clock.advance(1)
    with pytest.raises(DestinationUnavailable, match="another process has held its lock"):
        await waiting


async def until_it_sleeps(clock: ManualClock) -> None:
    for _ in range(100):
        await asyncio.sleep(0)
        if clock.next_wake is not None:
            return
    pytest.fail("nobody waits")


async def test_a_lock_let_go_lets_the_waiting_writer_go_on(place: Place) -> None:
    clock = ManualClock()
    place.clock = clock
    first = await place.open().write(a_parcel(), over=None)
    (lock,) = place.folder.rglob("*rotator-lock")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = asyncio.ensure_future(place.open().write(a_parcel(token=6), over=first))
        await until_it_sleeps(clock)
    clock.advance(1)
    written = await waiting
    assert written.marker == a_parcel(token=6).marker


async def test_a_lock_file_that_was_taken_away_meanwhile_guards_nothing(place: Place) -> None:
    """Whoever removed the last of it let go of a lock that the next writer had already opened."""
    clock = ManualClock()
    place.clock = clock
    first = await place.open().write(a_parcel(), over=None)
    (lock,) = place.folder.rglob("*rotator-lock")
    place.disk = MeddlingDisk("open_lock", "rotator-lock", lock.unlink)
    waiting = asyncio.ensure_future(place.open().write(a_parcel(token=6), over=first))
    await until_it_sleeps(clock)
    clock.advance(1)
    written = await waiting
    assert written.marker == a_parcel(token=6).marker
    assert lock.exists()


@pytest.mark.parametrize(("kind", "call", "path"), [("json", "read", "rotator-marks"), ("directory", "readlink", "..")])
async def test_a_write_while_we_look_is_seen_whole(tmp_path: Path, kind: str, call: str, path: str) -> None:
    place = a_place(kind, tmp_path)
    first = await place.open().write(a_parcel(), over=None)
    other = a_place(kind, tmp_path)
    written: list[Placed] = []
    second = a_parcel(SECOND, "key-2", token=6)
    place.disk = MeddlingDisk(call, path, lambda: written.append(at_once(other.open().write(second, over=first))))
    assert await place.open().read() in written


async def test_a_link_led_astray_is_neither_read_through_nor_emptied(tmp_path: Path) -> None:
    place = a_place("directory", tmp_path)
    await place.open().write(a_parcel(), over=None)
    (link,) = (path for path in place.path.iterdir() if path.is_symlink() and path.name.startswith(".."))
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("text")
    link.unlink()
    link.symlink_to("../precious")
    (place.path / f"{link.name}.77").symlink_to(precious)
    assert await place.open().read() is None
    written = await place.open().write(a_parcel(), over=None)
    await place.open().remove(over=written)
    assert (precious / "file").read_text() == "text"
    assert place.shows() == {}


async def test_check_finds_what_write_would_meet_and_leaves_no_file(place: Place) -> None:
    place.set("OTHERS", "text")
    before = place.leftovers()
    await place.open(mode="0640").check()
    assert [name for name in place.leftovers() if name not in before] in (
        [".billing.env.rotator-lock"],
        [".billing.json.rotator-lock"],
        ["..rotator-lock"],
    )
    place.disk = RefusingDisk("write", errno.ENOSPC)
    with pytest.raises(DestinationRefused, match="make room"):
        await place.open().check()


async def test_the_marks_hold_no_text(place: Place) -> None:
    await place.open().write(a_parcel(), over=None)
    marks = [path for path in place.folder.rglob("*mark*") if path.is_file()]
    lines = [line for path in place.folder.rglob("*.env") for line in path.read_text().splitlines() if line[0] == "#"]
    told = [path.read_text() for path in marks] + lines
    assert any("key-1" in text for text in told)
    assert not any(FIRST in text for text in told)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"path": "relative.env"}, "an absolute path"),
        ({"path": "/run/../etc/x"}, "without '..'"),
        ({"path": "/"}, "an absolute path"),
        ({"path": "/run/x\n"}, "an absolute path"),
        ({"path": "/run/x", "mode": 416}, 'in quotes, such as "0640"'),
        ({"path": "/run/x", "mode": "4755"}, "an octal mode"),
        ({"path": "/run/x", "mode": "rw"}, "an octal mode"),
        ({"path": "/run/x", "owner": -1}, "by name or number"),
        ({"path": "/run/x", "group": "a b"}, "by name or number"),
        ({"path": "/run/x", "format": "toml"}, "dotenv | json | directory"),
        ({"path": "/run/x", "colour": "red"}, "colour"),
        ({}, "path"),
    ],
)
def test_options_that_cannot_be_are_refused_with_what_is_allowed(options: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        options_of("file").model_validate(options)
    assert told in str(caught.value)


def test_one_file_has_one_name_however_it_is_written() -> None:
    names = {options_of("file").model_validate({"path": path}).place() for path in ("/run/x", "//run/./x", "/run//x/")}
    assert names == {"file:/run/x"}


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("dotenv", "A_1", ["1A", "A-B", "A B", "", "A=B", "Ä"]),
        ("json", "any text", ["", "a\nb"]),
        ("directory", "tls.key", [".hidden", "..", "a/b", "", "a\nb"]),
    ],
)
def test_names_are_those_that_the_format_can_hold(form: str, good: str, bad: list[str]) -> None:
    options = options_of("file").model_validate({"path": "/run/x", "format": form})
    assert options.name_problems({"clientSecret": good}) == []
    assert all(options.name_problems({"clientSecret": name}) for name in bad)
    assert options.name_problems({"clientId": good, "clientSecret": good}) == [
        f"names: {good!r} is used twice (each field its own name)"
    ]


def test_two_rotations_may_share_a_file_but_no_name() -> None:
    options = options_of("file").model_validate({"path": "/run/x"})
    folder = a_rotation().folder
    assert not options.claims(folder, ["A"]) & options.claims(folder, ["B"])
    assert options.claims(folder, ["A"]) == options.claims(folder, ["A"])
