"""Can a rotation work as it is defined? What the books and Entra say to it, before anything is made or changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING, Protocol

from rotator.config.from_api import places_of
from rotator.domain.lifetime import allowed_lifetime
from rotator.domain.model import Folder, Rotation
from rotator.domain.resources import Checked
from rotator.errors import PolicyRefused, RotatorError
from rotator.redaction import redact_text
from rotator.web.refusals import BadRequest

if TYPE_CHECKING:
    from rotator.entra.directory import EntraDirectory
    from rotator.store.store import SqlStore

#: What is looked at, in this order: for people.
NAMES = "the names are free"
APPLICATION = "the application can be read"
RIGHT = "its secrets may be changed"
LIFETIME = "the tenant's policy allows the lifetime"
_ENTRA = (APPLICATION, RIGHT, LIFETIME)


class Directories(Protocol):
    """Opens what a connection sees."""

    async def open(self, name: str) -> EntraDirectory:
        """Its directory."""


async def refuse_taken(store: SqlStore, rotation: Rotation) -> None:
    """No two rotations write one place, and none writes over what one that is gone has left. Raises BadRequest."""
    wanted = places_of(rotation)
    others: list[Rotation] = []

    def look(other: Rotation) -> None:
        if other.id != rotation.id and not others and not wanted.isdisjoint(places_of(other)):
            others.append(other)

    await store.pass_by(rotation.folder, look)
    if any(rule.name != "embedded" for rule in rotation.destinations):
        await store.pass_by(None, look)
    for other in others:
        who = _told(other) if other.folder == rotation.folder else ""
        raise BadRequest(f"A name in secretsMapping is in use in {_shown(rotation.folder)}{who}")
    names = {name for rule in rotation.destinations for name in (rule.names or rotation.mapping).values()}
    left = sorted(await held_by_others(store, rotation.folder, names, rotation_id=rotation.id))
    if left:
        hint = "Delete that secret first, or choose another name."
        raise BadRequest(f"{left[0]} is in use in {_shown(rotation.folder)}", hint=hint)


async def held_by_others(
    store: SqlStore, folder: Folder, names: Collection[str], *, rotation_id: str
) -> dict[str, str]:
    """Those of the names that show a secret of another rotation -> its id."""
    held = await store.mapped(folder, names)
    return {each.name: each.rotation_id for each in held.values() if each.rotation_id not in {"", rotation_id}}


async def refuse_unfit(directories: Directories, rotation: Rotation) -> None:
    """Everything of Entra's that can be known before something is made. Raises DirectoryError, BadRequest."""
    async for _ in _looked_at(directories, rotation):
        pass


async def checked(store: SqlStore, directories: Directories, rotation: Rotation) -> list[Checked]:
    """The same, one by one, for who wants to see it; what comes after a refusal of Entra's is not asked."""
    found = []
    try:
        await refuse_taken(store, rotation)
        found.append(Checked(NAMES, ok=True, by_entra=False))
    except RotatorError as problem:
        found.append(Checked(NAMES, ok=False, said=_said(problem), by_entra=False))
    passed: list[str] = []
    said = ""
    try:
        async for each in _looked_at(directories, rotation):
            passed.append(each)  # noqa: PERF401 - those before a refusal are to be kept
    except RotatorError as problem:
        said = _said(problem)
    for n, what in enumerate(_ENTRA):
        is_first = n == len(passed)
        found.append(Checked(what, ok=True if what in passed else False if is_first else None, said=said * is_first))
    return found


async def _looked_at(directories: Directories, rotation: Rotation) -> AsyncIterator[str]:
    directory = await directories.open(rotation.connection)
    found = (await directory.registration(rotation.application)).application
    asked = rotation.application
    for said, held in ((asked.object_id, found.object_id), (asked.client_id, found.client_id)):
        if said and said.lower() != held.lower():
            raise BadRequest(f"parameters: the application {found.object_id} has the client id {found.client_id}")
    yield APPLICATION
    await directory.confirm_right(found.object_id)
    yield RIGHT
    cap = await directory.longest_lifetime(found.object_id)
    if allowed_lifetime(rotation, cap) is None:
        days = cap.days if cap else 0
        raise PolicyRefused("preflight", f"the tenant's policy allows secrets of at most {days} days")
    yield LIFETIME


def _said(problem: RotatorError) -> str:
    return redact_text(" ".join(str(problem).split()))


def _told(rotation: Rotation) -> str:
    """For who may see that folder, and so the rotation too."""
    where = f", defined at {rotation.defined_at}" if rotation.defined_at else ""
    return f" by {rotation.name}{where}"


def _shown(folder: Folder) -> str:
    return f"{folder.project}/{folder.environment}{folder.path}"
