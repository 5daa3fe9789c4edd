"""What changes in the books when definitions change? Edits of rotations, as rotation.md section 7 tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rotator.domain.model import Rotation


@dataclass(frozen=True, slots=True)
class Add:
    """A rotation the books do not know."""

    rotation: Rotation


@dataclass(frozen=True, slots=True)
class Change:
    """A rotation the books know (by its id) is defined anew; a retired one comes back.

    `changed_at` is set when the change may move a due time: one that lands in the past waits for the next slot.
    """

    rotation: Rotation
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Retire:
    """The definition is gone: no more rotations, nothing revoked."""

    rotation_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Inherit:
    """A new name on a retired rotation's application and destinations: the old one goes on under the new definition.

    The books keep the id `from_id` whatever the rotation's, so that ledger, journal and marks stay its own.
    """

    rotation: Rotation
    from_id: str


Edit = Add | Change | Inherit | Retire
