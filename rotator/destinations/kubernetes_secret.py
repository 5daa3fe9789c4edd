"""What does a Secret of Kubernetes tell of our names in it, with its data or without, and how do we ask for changes?

Each rotation applies its names as a field manager of its own. While the API server still names it as the owner of all
of them, nobody has changed them, and the mark in our annotation says what they are: no text needs fetching.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rotator.destinations.marks import Mark
from rotator.destinations.sidecar import Seat, Shared
from rotator.ports import Placed

if TYPE_CHECKING:
    from rotator.ports import Parcel

#: Before all labels and annotations of ours; each rotation's mark is the annotation with its id.
PREFIX = "entra-rotator/"
_MANAGER = "entra-rotator-"
_LABELS = {f"{PREFIX}delivered": "true"}
_BINARY = "base64:"


@dataclass(frozen=True, slots=True)
class Seen:
    """A Secret, or only its metadata."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Seen:
        """Of the API server's answer."""
        return cls(plain.get("metadata") or {}, plain.get("data") or {})

    @property
    def version(self) -> str:
        """Of the whole object; the next change names it."""
        return str(self.metadata.get("resourceVersion") or "")

    def untouched(self, seat: Seat) -> Placed | None:
        """What is there if nobody but us has written our names since we did; None: the data must be looked at."""
        mark = self._marks().get(seat.rotation_id)
        name = f"{PREFIX}{seat.rotation_id}"
        owned = self._owned().get(seat.rotation_id, frozenset())
        if mark is None or not seat.owns(mark) or mark.names != seat.names:
            return None
        whole = owned >= {("data", each) for each in seat.names} and ("annotations", name) in owned
        return Placed(mark.marker, mark.digest) if whole and mark.digest else None

    def shared(self) -> Shared:
        """Texts and marks; a name that another rotation has taken over is no longer in the former one's mark."""
        owned = self._owned()
        marks = []
        for rotation_id, mark in self._marks().items():
            own = {name for kind, name in owned.get(rotation_id, ()) if kind == "data"}
            others = {
                n for other, names in owned.items() if other != rotation_id for kind, n in names if kind == "data"
            }
            kept = tuple(name for name in mark.names if name in own or name not in others)
            marks.append(replace(mark, names=kept, digest=""))
        return Shared({name: _decoded(text) for name, text in self.data.items()}, tuple(m for m in marks if m.names))

    def _marks(self) -> dict[str, Mark]:
        annotations = self.metadata.get("annotations") or {}
        named = {key.removeprefix(PREFIX): text for key, text in annotations.items() if key.startswith(PREFIX)}
        found = {rotation_id: _mark(rotation_id, text) for rotation_id, text in named.items()}
        return {rotation_id: mark for rotation_id, mark in found.items() if mark is not None}

    def _owned(self) -> dict[str, frozenset[tuple[str, str]]]:
        """Rotation -> which names of data and annotations the API server says are as it applied them."""
        return {
            str(row["manager"]).removeprefix(_MANAGER): frozenset(_fields(row.get("fieldsV1") or {}))
            for row in self.metadata.get("managedFields") or []
            if row.get("operation") == "Apply" and str(row.get("manager")).startswith(_MANAGER)
        }


def manager_of(rotation_id: str) -> str:
    """The field manager of one rotation."""
    return f"{_MANAGER}{rotation_id}"


def applied(shared: Shared, mark: Mark, parcel: Parcel, *, seat: Seat, name: str, version: str) -> dict[str, Any]:
    """The whole of what we want in the Secret: what we applied before and leave out now goes."""
    content = {each: shared.content[each] for each in mark.names}
    told = {**mark.to_json(), "digest": seat.version(content, mark)}
    del told["rotation"]
    told |= {"name": parcel.rotation_name, "expires": parcel.expires_at.isoformat()}
    annotations = {f"{PREFIX}{seat.rotation_id}": json.dumps(told, ensure_ascii=False, separators=(",", ":"))}
    metadata = {"name": name, "resourceVersion": version, "labels": _LABELS, "annotations": annotations}
    data = {each: base64.b64encode(str(text).encode()).decode() for each, text in content.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def without(mark: Mark, seen: Seen) -> dict[str, Any]:
    """The merge patch that takes a rotation's names and its mark out, whoever owns them by now."""
    annotations = {f"{PREFIX}{mark.marker.rotation_id}": None}
    metadata: dict[str, Any] = {"resourceVersion": seen.version, "annotations": annotations}
    if len(seen.shared().marks) == 1:
        metadata["labels"] = dict.fromkeys(_LABELS)
    return {"metadata": metadata, "data": {name: None for name in mark.names if name in seen.data}}


def _mark(rotation_id: str, text: object) -> Mark | None:
    try:
        plain = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return Mark.from_json({**plain, "rotation": rotation_id}) if isinstance(plain, dict) else None


def _fields(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    annotations = (fields.get("f:metadata") or {}).get("f:annotations") or {}
    for kind, names in (("data", fields.get("f:data") or {}), ("annotations", annotations)):
        yield from ((kind, name.removeprefix("f:")) for name in names)


def _decoded(text: object) -> str:
    """As text where it is one; binary data of others only has to be told apart."""
    try:
        return base64.b64decode(str(text)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return f"{_BINARY}{text}"
