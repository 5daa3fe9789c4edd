"""How is a credential delivered to Google Secret Manager? A secret for each name, its mark among the annotations."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from rotator.destinations import singles
from rotator.destinations.gcp_access import GcpAuth, Google
from rotator.destinations.gcp_notes import Note, noted
from rotator.destinations.marks import Mark, refuse_changed, refuse_stale, texts
from rotator.destinations.options import NetworkOptions
from rotator.destinations.several import Several
from rotator.destinations.sidecar import Seat
from rotator.destinations.singles import Single
from rotator.destinations.wire import open_wire
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.options import Flag, Rule, refuse

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Rotation, Secret
    from rotator.ports import Destination, Parcel, Placed

_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{0,62}")
_LOCATION = re.compile(r"[a-z]+-[a-z]+\d+")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_RIGHTS = ("get", "update", "versions.add", "versions.get")
_HINTS = {
    401: "Check the sign-in of this destination",
    403: "Grant roles/secretmanager.secretVersionAdder and roles/secretmanager.viewer, and secrets.update (the page "
    "of this kind lists the rights)",
    404: "Check project and location; enable the Secret Manager API there",
}


def _project(value: object) -> str:
    good = isinstance(value, str) and _PROJECT.fullmatch(value)
    return str(value) if good else refuse(value, "the id or number of a project, in quotes")


def _location(value: object) -> str:
    good = isinstance(value, str) and (not value or _LOCATION.fullmatch(value))
    return str(value) if good else refuse(value, "a location such as europe-north1")


class Options(NetworkOptions):
    """Which project, and whether old versions are disabled."""

    project: Annotated[str, Rule(_project, {"type": "string"})] = Field(description="Its id or number.")
    location: Annotated[str, Rule(_location, {"type": "string"})] = Field(
        default="", description="Of regional secrets, such as europe-north1; default: global secrets."
    )
    disable_old: Flag = Field(
        default=False, description="Disable versions of ours that are older than the current and the previous secret."
    )
    auth: GcpAuth = Field(default=GcpAuth(), description="How to sign in; default: Google's chain.")

    def place(self) -> str:
        return f"gcp-secret-manager:{self.project}{self.location and f'/{self.location}'}"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        wire = open_wire(self, self.place(), surroundings, hints=_HINTS)
        google = Google(self.auth, wire, self.place(), surroundings=surroundings, options=self)
        seat = Seat.of(self.place(), surroundings.installation, rotation.id, names)
        turn = surroundings.kept.get(("gcp-secret-manager", self.parent), asyncio.Lock)
        return GcpDestination(self, google, seat, names, turn=turn)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        bad = sorted({name for name in names.values() if not _NAME.fullmatch(name)})
        allowed = "1 to 255 letters, digits, '_' and '-'"
        return super().name_problems(names) + [f"names: {name!r} is not allowed there ({allowed})" for name in bad]

    @property
    def parent(self) -> str:
        """The address that secrets stand below."""
        service = f"secretmanager.{self.location}.rep" if self.location else "secretmanager"
        root = self.endpoint or f"https://{service}.googleapis.com"
        return f"{root}/v1/projects/{self.project}{self.location and f'/locations/{self.location}'}/secrets"


@dataclass(frozen=True, slots=True)
class _Found:
    """One name as it stands: what readers of `latest` get, and what our note says of it."""

    etag: str = ""
    annotations: Mapping[str, str] | None = None
    #: The number of the latest version, 0: there is none yet; and its state.
    number: int = 0
    state: str = ""
    note: Note = field(default_factory=Note)

    @property
    def latest(self) -> int:
        """The same, if readers can get it back; one that was destroyed is gone."""
        return 0 if self.state == "DESTROYED" else self.number

    @property
    def mark(self) -> Mark | None:
        """The mark of the latest version, if it is one that we made."""
        return self.note.mark_of(self.latest)

    @property
    def single(self) -> Single:
        """As `singles` compares it."""
        mark = self.mark
        text = self.note.text if mark is not None and self.note.version == self.latest else f"version {self.latest}"
        return Single(mark, f"{text} {self.state}")


class GcpDestination(Several[_Found]):
    """One rotation's secrets in one project.

    A note among the annotations says which version is ours. It is written before the version, with the etag of what was
    read, so that of two writers one is refused, and after it, when the number of the version is known.
    """

    def __init__(
        self, options: Options, google: Google, seat: Seat, names: Mapping[str, str], *, turn: asyncio.Lock
    ) -> None:
        super().__init__(seat, names.get("clientSecret", ""), place=seat.place, turn=turn)
        self._options = options
        self._google = google
        self._names = dict(names)

    async def check(self) -> None:
        """Asks which rights we have; where a secret is not there yet, whether its project answers."""
        for name in self._seat.names:
            rights = [f"secretmanager.secrets.{right}" for right in _RIGHTS[:2]]
            rights += [f"secretmanager.{right}" for right in _RIGHTS[2:]]
            url = f"{self._at(name)}:testIamPermissions"
            answer = await self._google.ask("check", "POST", url, wanted=(404,), json={"permissions": rights})
            held = answer.json.get("permissions", [])
            if answer.status != 404 and (missing := sorted(set(rights) - set(held))):
                raise DestinationRefused(self._place, "check", f"{name}: no right", hint=f"Grant {missing[0]}")
            if answer.status == 404:
                await self._google.ask("check", "GET", self._options.parent, params={"pageSize": "1"})

    async def close(self) -> None:
        """Let go of the connections."""
        await self._google.close()

    async def _write(self, parcel: Parcel, over: Placed | None) -> Placed:
        found = await self._look("write")
        now = self._placed(found)
        refuse_stale(now.marker if now else None, parcel.marker, destination=self._place)
        wanted = texts(parcel, self._names)
        mark = Mark(parcel.marker, self._seat.names)
        changes = [name for name in self._ordered(wanted) if self._differs(found.get(name), wanted[name], mark)]
        gone = singles.dropped(self._singles(found), self._seat)
        if (changes or gone) and not self._half_done(found, parcel.marker.key_id):
            refuse_changed(now, over, destination=self._place)
        for name in changes:
            await self._bring(name, found.get(name) or _Found(), wanted[name], mark)
        for name in gone:
            await self._take("write", name, found[name])
        placed = self._placed(await self._look("write"))
        if placed is None:
            raise DestinationUnavailable(self._place, "write", "what was written was taken away again at once")
        return placed

    def _at(self, name: str) -> str:
        return f"{self._options.parent}/{name}"

    async def _listed(self, names: Collection[str], operation: str) -> dict[str, _Found]:
        each = await asyncio.gather(*(self._one(name, operation) for name in names))
        return {name: found for name, found in zip(names, each, strict=True) if found is not None}

    async def _one(self, name: str, operation: str) -> _Found | None:
        secret = await self._google.ask(operation, "GET", self._at(name), wanted=(404,))
        if secret.status == 404:
            return None
        latest = await self._google.ask(operation, "GET", f"{self._at(name)}/versions/latest", wanted=(404,))
        etag, annotations = str(secret.json.get("etag", "")), secret.json.get("annotations") or {}
        number, state = (0, "") if latest.status == 404 else (_number(latest.json), str(latest.json.get("state", "")))
        return _Found(etag, annotations, number, state, noted(annotations))

    def _singles(self, found: Mapping[str, _Found]) -> dict[str, Single]:
        return {name: each.single for name, each in found.items() if each.latest}

    def _differs(self, found: _Found | None, text: Secret, mark: Mark) -> bool:
        return found is None or found.mark != mark or self._needs_text(found, text)

    def _needs_text(self, found: _Found, text: Secret) -> bool:
        ours = found.mark is not None and self._seat.owns(found.mark) and found.note.version == found.latest
        return not (ours and found.state == "ENABLED" and found.note.text == self._digest(text))

    def _half_done(self, found: Mapping[str, _Found], key_id: str) -> bool:
        """A write of this very credential that was cut off is finished, not taken for a stranger's."""
        marks = [each.mark or each.note.next for each in found.values()]
        ours = [mark is not None and self._seat.owns(mark) and mark.marker.key_id == key_id for mark in marks]
        return bool(ours) and all(ours) and any(each.note.next for each in found.values())

    async def _bring(self, name: str, found: _Found, text: Secret, mark: Mark) -> None:
        if not self._needs_text(found, text):
            await self._note(name, found, replace(found.note, mark=mark, next=None))
            return
        made = found.note.made if self._is_ours(found) else found.annotations is None
        found = await self._note(name, found, replace(found.note, next=mark, base=found.number, made=made))
        payload = {"payload": {"data": base64.b64encode(text.reveal().encode()).decode()}}
        url = f"{self._at(name)}:addVersion"
        number = _number((await self._google.ask("write", "POST", url, hide=(text,), json=payload)).json)
        note = found.note.after(number, mark, self._digest(text))
        outlived, note = note.outlived() if self._options.disable_old else ([], note)
        await self._note(name, found, note)
        for old in outlived:
            await self._end(name, old, "disable", operation="write")

    async def _note(self, name: str, found: _Found, note: Note) -> _Found:
        """Write the note if nothing has changed since it was read; a secret that is not there is made with it."""
        annotations = note.beside(found.annotations or {})
        if found.annotations is None:
            replication: dict[str, Any] = {} if self._options.location else {"replication": {"automatic": {}}}
            body, query = {**replication, "annotations": annotations}, {"secretId": name}
            answer = await self._google.ask(
                "write", "POST", self._options.parent, params=query, json=body, wanted=(409,)
            )
        else:
            body, query = {"annotations": annotations, "etag": found.etag}, {"updateMask": "annotations"}
            answer = await self._google.ask(
                "write", "PATCH", self._at(name), params=query, json=body, wanted=(409, 412)
            )
        if answer.status >= 400:
            detail = "it was changed by somebody else since it was read"
            raise DestinationUnavailable(self._place, "write", detail, hint="It is read again")
        return replace(found, etag=str(answer.json.get("etag", "")), annotations=annotations, note=note)

    async def _take(self, operation: str, name: str, found: _Found) -> None:
        """One that we made goes; of another our versions are destroyed."""
        if not self._is_ours(found):
            return
        if found.note.made:
            await self._google.ask(operation, "DELETE", self._at(name), params={"etag": found.etag}, wanted=(404,))
            return
        await self._note(name, found, Note())
        for version in dict.fromkeys([found.latest, *(number for number, _ in found.note.history)]):
            await self._end(name, version, "destroy", operation=operation)

    async def _end(self, name: str, version: int, how: str, *, operation: str) -> None:
        """Disable or destroy a version; one that somebody has destroyed already is no obstacle."""
        url = f"{self._at(name)}/versions/{version}:{how}"
        await self._google.ask(operation, "POST", url, json={}, wanted=(400, 404))

    def _is_ours(self, found: _Found) -> bool:
        return found.mark is not None and self._seat.owns(found.mark)


def _number(version: Mapping[str, Any]) -> int:
    """`projects/p/secrets/s/versions/7` is 7."""
    last = str(version.get("name", "")).rpartition("/")[2]
    return int(last) if last.isdecimal() else 0
