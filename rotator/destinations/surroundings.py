"""What may a destination need of the world around it? One value, handed to every kind alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rotator.destinations.formats.disk import Disk

if TYPE_CHECKING:
    from rotator.ports import Clock, MappedSecrets


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What destinations are opened with; each kind takes what it needs."""

    #: The embedded store.
    mapped: MappedSecrets
    #: Whose marks are ours; kept in the database.
    installation: str
    clock: Clock
    disk: Disk = field(default_factory=Disk)
    #: Do file work on the event loop instead of in a thread; for simulations that must replay.
    inline: bool = False
