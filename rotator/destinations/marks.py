"""How do we know our own work again, and may a write go ahead? The same answers for every kind of destination.

A mark says whose credential stands at a place: installation, rotation, key id, fencing token, and our names there.
It never holds the text.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING

from rotator.domain.model import Secret
from rotator.errors import DestinationUnavailable, NotOurs
from rotator.ports import Marker, Placed

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotator.ports import Parcel


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker with what a place of several names needs beside it."""

    marker: Marker
    #: The names we keep there.
    names: tuple[str, ...]
    #: We made the place itself, and may take it away when it is empty.
    made: bool = False
    #: Of the content this mark belongs to, where mark and content cannot be written as one.
    digest: str = ""

    def belongs_to(self, installation: str, rotation_id: str) -> bool:
        """It is that rotation's mark."""
        return (self.marker.installation, self.marker.rotation_id) == (installation, rotation_id)

    def without(self, names: Collection[str]) -> Mark:
        """The same, after somebody else took over these names."""
        return replace(self, names=tuple(name for name in self.names if name not in names))

    def to_json(self) -> dict[str, object]:
        """As plain values, `from_json` reversed."""
        marker = self.marker
        plain: dict[str, object] = {"installation": marker.installation, "rotation": marker.rotation_id}
        plain |= {"key": marker.key_id, "token": marker.token, "names": list(self.names)}
        return plain | ({"made": True} if self.made else {}) | ({"digest": self.digest} if self.digest else {})

    @classmethod
    def from_json(cls, plain: object) -> Mark | None:
        """None when that is not a mark."""
        if not isinstance(plain, dict):
            return None
        match [plain.get(key) for key in ("installation", "rotation", "key", "token", "names")]:
            case [str(installation), str(rotation), str(key), int(token), [*names]]:
                marker = Marker(installation, rotation, key, token)
                known = tuple(name for name in names if isinstance(name, str))
                return cls(marker, known, made=plain.get("made") is True, digest=str(plain.get("digest", "")))
        return None


def texts(parcel: Parcel, names: Mapping[str, str]) -> dict[str, Secret]:
    """What is written under each name; all of it wrapped, so that no later line can show a secret by accident."""
    expires = parcel.expires_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = {
        "clientId": Secret(parcel.client_id),
        "clientSecret": parcel.secret,
        "keyId": Secret(parcel.marker.key_id),
        "tenantId": Secret(parcel.tenant_id),
        "expiresAt": Secret(expires),
    }
    return {names[field]: text for field, text in fields.items() if field in names}


def digest(content: object, *, key: str) -> str:
    """A fingerprint of JSON-like content. Keyed so that equal texts at two places do not look equal."""
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(key.encode(), plain.encode(), hashlib.sha256).hexdigest()[:32]


def refuse_stale(there: Marker | None, ours: Marker, *, destination: str) -> None:
    """Raise DestinationUnavailable if the same rotation's marker bears a higher fencing token (law L8)."""
    same = there is not None and (there.installation, there.rotation_id) == (ours.installation, ours.rotation_id)
    if there is not None and same and there.token > ours.token:
        detail = f"a newer holder (fencing token {there.token}, ours is {ours.token}) has written it"
        raise DestinationUnavailable(destination, "write", detail, hint="Nothing was changed; it is read again")


def refuse_changed(now: Placed | None, over: Placed | None, *, destination: str, operation: str = "write") -> None:
    """Raise DestinationUnavailable if something else is there than what was read."""
    if (now.version if now else "") != (over.version if over else ""):
        detail = "it was changed by somebody else since it was read"
        raise DestinationUnavailable(destination, operation, detail, hint="Nothing was changed; it is read again")


def refuse_foreign(over: Placed, installation: str, rotation_id: str, *, destination: str) -> None:
    """Raise NotOurs if what was read does not bear that rotation's marker."""
    marker = over.marker
    if marker is None or (marker.installation, marker.rotation_id) != (installation, rotation_id):
        hint = "It was left alone; take it out by hand if it is no longer needed"
        raise NotOurs(destination, "remove", "it does not bear the marker of this rotation", hint=hint)
