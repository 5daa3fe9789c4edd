"""What does a format tell of a place, and what can it do there? The contract between `file` and its formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rotator.destinations.marks import Mark, digest
from rotator.ports import Placed

if TYPE_CHECKING:
    from rotator.destinations.formats.atomic import Access
    from rotator.destinations.formats.disk import Disk
    from rotator.domain.model import Secret


@dataclass(frozen=True, slots=True)
class Spot:
    """Where on the disk, for whom, under which names."""

    disk: Disk
    path: str
    access: Access
    installation: str
    rotation_id: str
    #: In the order of the fields, so that an exchange of two names shows.
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What is at a place now."""

    #: The mark of our rotation.
    mine: Mark | None
    #: Of our names those that exist -> whose mark covers them, None: nobody's.
    owners: Mapping[str, Mark | None]
    #: Every name that exists, ours and those our mark still lists -> its content as it stands.
    content: Mapping[str, bytes] = field(repr=False)
    #: Mode and owner as they stand, where the definition asks for some.
    access: tuple[int, ...] = ()
    #: The place itself exists.
    exists: bool = True
    #: All of it, where the format reads all at once.
    whole: bytes = field(default=b"", repr=False)

    @property
    def ours_or_there(self) -> bool:
        """There is a name or a mark of ours, so that there may be something to take out."""
        return self.mine is not None or bool(self.content)

    def placed(self, spot: Spot) -> Placed | None:
        """In the words of the port: None if no name exists; our marker only if nobody else has any of our names."""
        if not self.content:
            return None
        strangers = [owner for owner in self.owners.values() if owner is not self.mine or owner is None]
        mark = strangers[0] if None not in strangers and strangers else None if strangers else self.mine
        return Placed(mark.marker if mark else None, self._version(spot, mark))

    def _version(self, spot: Spot, mark: Mark | None) -> str:
        owner = [mark.marker.installation, mark.marker.rotation_id, mark.marker.key_id] if mark else []
        content = {name: text.hex() for name, text in self.content.items()}
        return digest(
            [spot.names, content, owner, self.access], key=f"{spot.installation}/{spot.rotation_id}/{spot.path}"
        )


class Layout(Protocol):
    """One format at one spot. Blocking; raises OSError, Unfit. All but `look` are called under the lock of the spot."""

    def lock_path(self) -> str:
        """The file whose lock guards the spot."""

    def check(self) -> None:
        """Could `put` succeed? Writes no secret and leaves nothing but the lock file."""

    def look(self) -> Found:
        """What is there. Not under the lock: finds a state that was true at one moment."""

    def holds(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> bool:
        """`put` would change nothing."""

    def settle(self) -> None:
        """Force what is there to the disk, in case whoever wrote it did not live to do so."""

    def put(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> None:
        """Make these texts and the mark true at once; names that our former mark lists beyond them go."""

    def take(self, found: Found) -> None:
        """Take our names and our mark out."""
