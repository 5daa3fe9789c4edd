"""How does version 2 of Vault's KV engine keep a secret, and our marks beside it?

Marks stand in the secret's custom metadata, two entries for each rotation: the fact, written after a version and naming
it, and the intent, written before, so that a crash in between leaves nothing unexplained. Both hold a keyed digest of
the texts. While the newest version is the one that the fact names, nothing was changed and no text needs fetching.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rotator.destinations.marks import Mark, refuse_changed
from rotator.destinations.sidecar import Seat, Shared, differs_in_token_alone
from rotator.destinations.vault import Found
from rotator.destinations.wire import said
from rotator.domain.model import Secret
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.ports import Placed

if TYPE_CHECKING:
    from rotator.destinations.vault_session import Session

_PREFIX, _INTENT = "rotator.", ".next"
_MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A mark, the digest of its texts in it, and the version of which it was so."""

    mark: Mark
    at: int

    def to_text(self) -> str:
        """As a value of the metadata; the rotation is in its name."""
        plain = {key: value for key, value in self.mark.to_json().items() if key != "rotation"}
        return json.dumps({**plain, "at": self.at}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, rotation_id: str, text: object) -> Entry | None:
        """None when that is not one of ours."""
        try:
            plain = json.loads(text) if isinstance(text, str) else None
        except ValueError:
            return None
        if not isinstance(plain, dict) or not isinstance(plain.get("at"), int):
            return None
        mark = Mark.from_json({**plain, "rotation": rotation_id})
        return cls(mark, plain["at"]) if mark is not None else None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What stands beside the versions."""

    exists: bool = False
    current: int = 0
    #: The newest version was neither deleted nor destroyed.
    alive: bool = False
    facts: Mapping[str, Entry] = field(default_factory=dict)
    intents: Mapping[str, Entry] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Metadata:
        """Of the answer to a question for the metadata."""
        current = data.get("current_version")
        current = current if isinstance(current, int) else 0
        version = (data.get("versions") or {}).get(str(current)) or {}
        alive = current > 0 and not version.get("deletion_time") and not version.get("destroyed")
        entries = _entries(data.get("custom_metadata") or {})
        facts = {name: entry for name, entry in entries.items() if not name.endswith(_INTENT)}
        intents = {name.removesuffix(_INTENT): entry for name, entry in entries.items() if name.endswith(_INTENT)}
        return cls(True, current, alive, facts, intents)

    def marks(self, content: Mapping[str, object], place: str) -> Iterable[Mark]:
        """The mark of each rotation: its intent if that is what was written, else its fact."""
        for rotation_id in {**self.facts, **self.intents}:
            fact, intent = self.facts.get(rotation_id), self.intents.get(rotation_id)
            if intent is not None and intent.mark.digest == _digest(intent.mark, content, place):
                yield replace(intent.mark, digest="")
            elif fact is not None:
                yield replace(fact.mark, digest="")


class KvTwo:
    """Each change is a new version that follows the one we read, or is refused by Vault."""

    version = 2

    def __init__(self, mount: str, path: str, *, seat: Seat, session: Session) -> None:
        self._data = f"{mount}/data/{path}"
        self._beside = f"{mount}/metadata/{path}"
        self._seat = seat
        self._session = session
        self.needs = {self._data: ("read", "create", "update"), self._beside: ("read", "create", "patch")}

    async def read(self) -> Placed | None:
        """Without the texts, unless something was written since our mark was."""
        beside = await self._metadata("read")
        if not beside.alive:
            return None
        fact = beside.facts.get(self._seat.rotation_id)
        if fact is not None and fact.at == beside.current and self._is_whole(fact.mark):
            return Placed(fact.mark.marker, fact.mark.digest)
        return (await self._found("read", beside)).shared.placed(self._seat)

    async def find(self, operation: str) -> Found:
        """Metadata first, then the very version that it names."""
        return await self._found(operation, await self._metadata(operation))

    async def put(self, found: Found, wanted: Shared) -> None:
        """Intent, version, fact; only the fact when the version is there already."""
        mine = wanted.mine(self._seat)
        if mine is None or (wanted == found.shared and found.is_told):
            return
        at = found.current
        if not differs_in_token_alone(found.shared, wanted):
            intent = Entry(replace(mine, digest=_digest(mine, wanted.content, self._seat.place)), at + 1)
            await self._tell("write", {f"{self._seat.rotation_id}{_INTENT}": intent})
            at = await self._post("write", wanted, at)
        await self._tell("write", self._changes(found.shared.marks, wanted, at))

    async def take(self, found: Found, mine: Mark) -> None:
        """What is left is one more version; nothing left in a secret that we made: all its versions go."""
        left = found.shared.without(mine)
        at = await self._post("remove", left, found.current)
        await self._tell("remove", {self._seat.rotation_id: None, f"{self._seat.rotation_id}{_INTENT}": None})
        if mine.made and not left.content and not left.marks:
            beside = await self._metadata("remove")
            if beside.current == at:
                await self._session.ask("remove", "DELETE", self._beside)

    def _is_whole(self, mark: Mark) -> bool:
        return self._seat.owns(mark) and mark.names == self._seat.names

    def _changes(self, before: Iterable[Mark], wanted: Shared, at: int) -> dict[str, Entry | None]:
        """Our fact, and those of rotations whose names we took over."""
        after = {mark.marker.rotation_id: mark for mark in wanted.marks}
        changes: dict[str, Entry | None] = {}
        for mark in before:
            left = after.get(mark.marker.rotation_id)
            if left is None:
                changes |= {mark.marker.rotation_id: None, f"{mark.marker.rotation_id}{_INTENT}": None}
            elif left != mark:
                changes[mark.marker.rotation_id] = Entry(left, at)
        mine = after[self._seat.rotation_id]
        changes[self._seat.rotation_id] = Entry(mine, at)
        place = self._seat.place
        return {
            name: entry and replace(entry, mark=replace(entry.mark, digest=_digest(entry.mark, wanted.content, place)))
            for name, entry in changes.items()
        }

    async def _metadata(self, operation: str) -> Metadata:
        answer = await self._session.ask(operation, "GET", self._beside, wanted={404})
        if answer.status == 404:
            self._session.refuse_missing_mount(operation, answer)
            return Metadata()
        return Metadata.of(answer.json.get("data") or {})

    async def _found(self, operation: str, beside: Metadata) -> Found:
        content: dict[str, object] = {}
        if beside.alive:
            version = {"version": str(beside.current)}
            answer = await self._session.ask(operation, "GET", self._data, wanted={404}, params=version)
            data = answer.json.get("data")
            content = (data.get("data") or {}) if answer.status == 200 and isinstance(data, dict) else {}
        marks = tuple(beside.marks(content, self._seat.place))
        fact = beside.facts.get(self._seat.rotation_id)
        is_told = fact is not None and fact.at == beside.current and replace(fact.mark, digest="") in marks
        return Found(Shared(content, marks), beside.exists, beside.current, is_told)

    async def _tell(self, operation: str, changes: Mapping[str, Entry | None]) -> None:
        texts = {f"{_PREFIX}{name}": entry.to_text() if entry else None for name, entry in changes.items()}
        body = json.dumps({"custom_metadata": texts})
        answer = await self._session.ask(operation, "PATCH", self._beside, wanted={404}, content=body, headers=_MERGE)
        if answer.status == 404:
            given = {name: text for name, text in texts.items() if text is not None}
            await self._session.ask(operation, "POST", self._beside, json={"custom_metadata": given})

    async def _post(self, operation: str, shared: Shared, current: int) -> int:
        hide = [Secret(text) for text in shared.content.values() if isinstance(text, str) and text]
        body = {"options": {"cas": current}, "data": dict(shared.content)}
        answer = await self._session.ask(operation, "POST", self._data, wanted={400}, json=body, hide=hide)
        if answer.status == 400:
            if b"check-and-set" in answer.content:
                refuse_changed(None, Placed(None, "another"), destination=self._seat.place, operation=operation)
            detail = f"Vault answered 400{said(answer.content, hide)}"
            raise DestinationRefused(self._seat.place, operation, detail)
        version = (answer.json.get("data") or {}).get("version")
        if not isinstance(version, int):
            detail = "Vault did not say which version it wrote"
            raise DestinationUnavailable(self._seat.place, operation, detail, hint="It is read again")
        return version


def _entries(custom: Mapping[str, object]) -> dict[str, Entry]:
    """By name without prefix: the rotation's id, for intents with a suffix."""
    named = {name.removeprefix(_PREFIX): text for name, text in custom.items() if name.startswith(_PREFIX)}
    found = {name: Entry.from_text(name.removesuffix(_INTENT), text) for name, text in named.items()}
    return {name: entry for name, entry in found.items() if entry is not None}


def _digest(mark: Mark, content: Mapping[str, object], place: str) -> str:
    """What the mark's rotation sees as its version when that is the content."""
    seat = Seat(place, mark.marker.installation, mark.marker.rotation_id, mark.names)
    return seat.version({name: content[name] for name in mark.names if name in content}, mark)
