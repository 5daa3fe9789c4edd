"""Does a place stay whole when the machine stops between any two steps, and does the next writer put it right?"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders import CLIENT, a_rotation
from tests.destinations.fakes import PowerCut, QuickDisk, StoppingDisk
from tests.destinations.places import FILES, FIRST, NAMES, SECOND, Place, a_parcel, a_place

ID, SECRET = NAMES["clientId"], NAMES["clientSecret"]
MOVED = {"clientId": ID, "clientSecret": "NEW_SECRET"}
FIRST_THERE = {ID: CLIENT, SECRET: FIRST}
SECOND_THERE = {ID: CLIENT, SECRET: SECOND}
OTHERS = {"OTHERS": "text"}


async def nothing(place: Place) -> None:
    await place.open().read()


async def others_text(place: Place) -> None:
    place.set("OTHERS", "text")


async def the_first(place: Place) -> None:
    place.set("OTHERS", "text")
    await place.open().write(a_parcel(), over=None)


async def a_foreign_secret(place: Place) -> None:
    place.set(ID, CLIENT)
    place.set(SECRET, "foreign")


async def half_foreign(place: Place) -> None:
    await place.open(names={"clientId": ID}).write(a_parcel(), over=None)
    place.set(SECRET, "foreign")


async def another_rotations(place: Place) -> None:
    rotation = a_rotation(id="rotation-2", mapping=dict(NAMES))
    await place.open(rotation).write(a_parcel(rotation="rotation-2"), over=None)


async def an_edited_one(place: Place) -> None:
    await place.open().write(a_parcel(), over=None)
    place.set(SECRET, "edited")


@dataclass(frozen=True)
class Case:
    """A state to begin with, what consumers may see before and after the second parcel, and its names."""

    name: str
    begin: Callable[[Place], Awaitable[None]]
    before: dict[str, str]
    after: dict[str, str]
    names: dict[str, str] | None = None


CASES = [
    Case("first", nothing, {}, SECOND_THERE),
    Case("beside others", others_text, OTHERS, OTHERS | SECOND_THERE),
    Case("replace", the_first, OTHERS | FIRST_THERE, OTHERS | SECOND_THERE),
    Case("adopt", a_foreign_secret, {ID: CLIENT, SECRET: "foreign"}, SECOND_THERE),
    Case("adopt a part", half_foreign, {ID: CLIENT, SECRET: "foreign"}, SECOND_THERE),
    Case("take over", another_rotations, FIRST_THERE, SECOND_THERE),
    Case("heal", an_edited_one, {ID: CLIENT, SECRET: "edited"}, SECOND_THERE),
    Case("move", the_first, OTHERS | FIRST_THERE, OTHERS | {ID: CLIENT, "NEW_SECRET": SECOND}, MOVED),
]


#: A template's file is one rotation's, so nothing of others is in it.
FEWER = {"template": {"first", "adopt", "take over", "heal"}}
EACH = [(kind, case) for kind in (*FILES, *FEWER) for case in CASES if case.name in FEWER.get(kind, {case.name})]


@pytest.mark.parametrize(("kind", "case"), EACH, ids=lambda value: getattr(value, "name", value))
async def test_a_write_stopped_anywhere_leaves_old_or_new_and_is_repeatable(
    kind: str, case: Case, tmp_path: Path
) -> None:
    for stop in range(200):
        folder = tmp_path / str(stop)
        folder.mkdir()
        if await _write_until(stop, case, a_place(kind, folder)):
            assert stop > 10
            return
    pytest.fail("a write takes more than 200 steps")


async def _write_until(stop: int, case: Case, place: Place) -> bool:
    """Whether the write came to its end; what is left is looked at, and put right, either way."""
    await case.begin(place)
    over = await place.open(names=case.names).read()
    assert place.shows() == case.before
    disk = StoppingDisk(stop)
    place.disk = disk
    try:
        await place.open(names=case.names).write(a_parcel(SECOND, "key-2", token=6), over=over)
        ended = True
    except PowerCut:
        ended = False
    disk.die()
    place.disk = QuickDisk()
    _is_whole(place.shows(), case, stop)
    await _knows_itself(place, case)
    await _put_right(place, case)
    return ended


def _is_whole(shown: dict[str, str], case: Case, stop: int) -> None:
    """For the names that are written now. Names mapped no longer may go a moment later."""
    wanted = {name: text for name, text in shown.items() if name in case.after or name not in case.before}
    before = {name: text for name, text in case.before.items() if name in case.after}
    assert wanted in (before, case.after), f"neither old nor new after {stop} steps"


async def _knows_itself(place: Place, case: Case) -> None:
    """Our own work is never taken for somebody else's, nor the other way round."""
    found = await place.open(names=case.names).read()
    shown = place.shows()
    if case.after.items() <= shown.items():
        assert found is not None
        assert found.marker == a_parcel(SECOND, "key-2", token=6).marker
    elif "adopt" in case.name:
        assert found is not None
        assert found.marker is None


async def _put_right(place: Place, case: Case) -> None:
    found = await place.open(names=case.names).read()
    written = await place.open(names=case.names).write(a_parcel(SECOND, "key-2", token=6), over=found)
    assert written.marker == a_parcel(SECOND, "key-2", token=6).marker
    assert place.shows() == case.after
    left = [name for name in place.leftovers() if name.endswith("new")]
    assert left == []
    folders = [name for name in place.leftovers() if re.fullmatch(r"\.\.rotator-[0-9a-f]+\.\d+", name)]
    assert len(folders) <= (2 if case.name == "take over" else 1), "ours, and that of the rotation taken over from"
    assert not [path for path in place.folder.rglob("*") if not path.exists()], "a link leads nowhere"


@pytest.mark.parametrize("kind", [*FILES, *FEWER])
async def test_a_removal_stopped_anywhere_is_repeatable_and_leaves_no_text(kind: str, tmp_path: Path) -> None:
    for stop in range(200):
        folder = tmp_path / str(stop)
        folder.mkdir()
        if await _remove_until(stop, a_place(kind, folder)):
            assert stop > 3
            return
    pytest.fail("a removal takes more than 200 steps")


async def _remove_until(stop: int, place: Place) -> bool:
    over = await place.open().write(a_parcel(), over=None)
    disk = StoppingDisk(stop)
    place.disk = disk
    try:
        await place.open().remove(over=over)
        ended = True
    except PowerCut:
        ended = False
    disk.die()
    place.disk = QuickDisk()
    if found := await place.open().read():
        await place.open().remove(over=found)
    assert await place.open().read() is None
    assert place.shows() == {}
    assert not [path for path in place.folder.rglob("*") if path.is_file() and FIRST in path.read_text()]
    return ended


@pytest.mark.parametrize("kind", [*FILES, *FEWER, "credentials"])
async def test_text_is_on_the_disk_before_it_gets_its_name_and_the_name_after_it(kind: str, tmp_path: Path) -> None:
    place = a_place(kind, tmp_path)
    disk = StoppingDisk()
    place.disk = disk
    await place.open().write(a_parcel(), over=None)
    for at, step in enumerate(disk.steps):
        if step == "rename":
            assert "fsync" in disk.steps[:at]
            assert disk.steps[at + 1 : at + 3] == ["open_folder", "fsync"]
        if step == "write":
            assert disk.steps[at + 1] in {"write", "fsync"}


@pytest.mark.parametrize("kind", [*FILES, *FEWER, "credentials"])
async def test_a_repeated_write_forces_to_the_disk_what_is_there_and_writes_nothing(kind: str, tmp_path: Path) -> None:
    place = a_place(kind, tmp_path)
    await place.open().write(a_parcel(), over=None)
    disk = StoppingDisk()
    place.disk = disk
    await place.open().write(a_parcel(), over=None)
    assert "fsync" in disk.steps
    assert not {"write", "rename", "create", "unlink", "symlink"} & set(disk.steps)


@pytest.mark.parametrize("kind", [*FILES, *FEWER])
async def test_what_a_stopped_writer_left_goes_with_the_removal(kind: str, tmp_path: Path) -> None:
    place = a_place(kind, tmp_path)
    over = await place.open().write(a_parcel(), over=None)
    for stop in range(60):
        place.disk = disk = StoppingDisk(stop)
        with suppress(PowerCut):
            await place.open().write(a_parcel(SECOND, "key-2", token=6), over=over)
        disk.die()
        place.disk = QuickDisk()
        left = await place.open().read()
        assert left is not None
        await place.open().remove(over=left)
        texts = [path.read_text() for path in place.folder.rglob("*") if path.is_file()]
        assert not any(text in content for text in (FIRST, SECOND) for content in texts)
        if not disk.stopped:
            return
        over = await place.open().write(a_parcel(), over=None)
    pytest.fail("a write takes more than 60 steps")
