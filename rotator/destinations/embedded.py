"""How is a credential delivered to our own store? Names are made to show it, all at once when it is promoted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rotator.destinations.marks import digest, refuse_changed, refuse_foreign, refuse_stale
from rotator.destinations.options import KindOptions
from rotator.domain.mapped import MappedName
from rotator.ports import Marker, Placed

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Folder, Rotation
    from rotator.ports import Destination, Parcel


_ALLOWED = re.compile(r"[^:/\x00-\x1f\x7f]{1,256}")


class Options(KindOptions):
    """Nothing to choose: project, environment and path are the rotation's."""

    def place(self) -> str:
        return "embedded"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        return EmbeddedDestination(rotation, names, surroundings)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        bad = sorted(name for name in set(names.values()) if not _ALLOWED.fullmatch(name))
        allowed = "1 to 256 characters on one line, no ':' and no '/'"
        return super().name_problems(names) + [f"names: {name!r} is not allowed ({allowed})" for name in bad]

    def claims(self, folder: Folder, names: Collection[str]) -> set[str]:
        where = f"{folder.project}/{folder.environment}{folder.path.rstrip('/')}"
        return {f"{self.place()}:{where}:{name}" for name in names}


class EmbeddedDestination:
    """The mapped secrets of one rotation. A name holds no text: it shows one field of a credential of the ledger."""

    def __init__(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> None:
        self._folder = rotation.folder
        self._rotation_id = rotation.id
        self._names = dict(names)
        self._installation = surroundings.installation
        self._mapped = surroundings.mapped
        self._place = "embedded"

    async def check(self) -> None:
        """Nothing could refuse: whoever asks has the store open, and `read` follows."""

    async def read(self) -> Placed | None:
        """The marker is that of the credential that the names show once it is promoted."""
        rows = await self._mapped.mapped(self._folder, self._names.values())
        return self._placed(rows) if rows else None

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """Have the names show the parcel's credential: at once if it is current, else from its promotion on."""

        def may(rows: Mapping[str, MappedName]) -> bool:
            now = self._placed(rows) if rows else None
            if now is not None:
                refuse_stale(now.marker, parcel.marker, destination=self._place)
            if self._shows(rows, parcel.marker):
                return False
            refuse_changed(now, over, destination=self._place)
            return True

        return self._placed(await self._mapped.stage(self._folder, self._names, parcel.marker, may=may))

    async def remove(self, *, over: Placed) -> None:
        """Names that are gone already are success."""
        refuse_foreign(over, self._installation, self._rotation_id, destination=self._place)
        rows = await self._mapped.mapped(self._folder, self._names.values())
        if not rows:
            return
        refuse_changed(self._placed(rows), over, destination=self._place, operation="remove")
        await self._mapped.unmap(self._folder, tuple(rows), self._rotation_id)

    async def close(self) -> None:
        """Nothing is held."""

    def _placed(self, rows: Mapping[str, MappedName]) -> Placed:
        """The version stands still when the staged credential is promoted: it tells what was delivered."""
        content = sorted([row.name, row.field, row.installation, row.rotation_id, _shown(row)] for row in rows.values())
        version = digest([sorted(self._names.items()), content], key=f"{self._installation}/{self._rotation_id}")
        return Placed(self._marker(rows), version)

    def _marker(self, rows: Mapping[str, MappedName]) -> Marker | None:
        """Ours only if every name that exists is; else that of the first who is not us."""
        owners = sorted({(row.installation, row.rotation_id) for row in rows.values()})
        strangers = [owner for owner in owners if owner != (self._installation, self._rotation_id)]
        installation, rotation_id = strangers[0] if strangers else owners[0]
        if not rotation_id:
            return None
        theirs = [row for row in rows.values() if (row.installation, row.rotation_id) == (installation, rotation_id)]
        keys = {_shown(row) for row in theirs}
        return Marker(installation, rotation_id, keys.pop() if len(keys) == 1 else "", max(row.token for row in theirs))

    def _shows(self, rows: Mapping[str, MappedName], marker: Marker) -> bool:
        """Each name shows the right field of that credential, under that very token."""
        wanted = {(name, field, marker) for field, name in self._names.items()}
        return wanted == {(row.name, row.field, _marker(row)) for row in rows.values()}


def _marker(row: MappedName) -> Marker:
    return Marker(row.installation, row.rotation_id, _shown(row), row.token)


def _shown(row: MappedName) -> str:
    return row.staged_key_id or row.key_id
