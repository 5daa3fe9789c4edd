"""What changes in the books when definitions change? Edits of rotations, as rotation.md section 7 tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.domain.definition import Defined, definition_hash
from rotator.domain.model import Application, Rotation


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


def edits(
    known: Sequence[Defined], wanted: Sequence[Rotation], now: datetime, new_id: Callable[[], str]
) -> tuple[list[Edit], list[str]]:
    """What turns the known definitions into the wanted ones, and what stands against it, one line each.

    `known` holds the retired ones too, and those made through the API, which stay unless one of `wanted` takes over.
    With problems nothing should be changed at all. The same definitions again make no edits (law L9).
    """
    comparison = _Comparison(known, wanted, now, new_id)
    return comparison.edits(), comparison.problems


def sharing(rotations: Iterable[Rotation]) -> list[str]:
    """A line for each rotation whose application another one has already: allowed, and seldom meant."""
    first: dict[tuple[str, str], Rotation] = {}
    lines: list[str] = []
    for each in rotations:
        ids = (each.application.object_id, each.application.client_id)
        others = [first.setdefault((each.application.tenant_id.lower(), one.lower()), each) for one in ids if one]
        other = next((one for one in others if one is not each), None)
        if other:
            lines.append(
                f"{_where(each)}: the same application as {other.name} (one rotation an application is simpler)"
            )
    return lines


class _Comparison:
    """Finds the known rotation of each wanted one, first by name, then by what it delivers, and says what to do."""

    def __init__(
        self, known: Sequence[Defined], wanted: Sequence[Rotation], now: datetime, new_id: Callable[[], str]
    ) -> None:
        self.problems: list[str] = []
        self._known = known
        self._wanted = wanted
        self._names = {each.name for each in wanted}
        self._now = now
        self._new_id = new_id
        self._by_name: dict[str, list[Defined]] = {}
        # Those still in use first: of two with one name and application, the retired one is history.
        for each in sorted(known, key=lambda each: each.switches.retired_at is not None):
            self._by_name.setdefault(each.rotation.name, []).append(each)
        self._kept: set[str] = set()
        self._free: list[Defined] = []

    def edits(self) -> list[Edit]:
        matched = [(each, self._same(each)) for each in self._wanted]
        self._kept.update(found.rotation.id for _, found in matched if found)
        self._free = [each for each in self._known if each.rotation.name not in self._names and not _is_apis(each)]
        made = [self._edit(each, found) for each, found in matched]
        gone = [
            Retire(each.rotation.id, self._now)
            for each in self._known
            if each.rotation.id not in self._kept and each.switches.retired_at is None and not _is_apis(each)
        ]
        return [*gone, *(edit for edit in made if edit)]

    def _same(self, wanted: Rotation) -> Defined | None:
        """The known rotation of the same name and application."""
        named = self._by_name.get(wanted.name, [])
        return next((each for each in named if _one_application(each.rotation.application, wanted.application)), None)

    def _edit(self, wanted: Rotation, found: Defined | None) -> Edit | None:
        if wanted.replaces != wanted.name and wanted.replaces in self._names:
            self._refuse(wanted, f"replaces {wanted.replaces}, which is defined still (take that one out)")
        if found:
            return self._changed(wanted, found)
        moved = self._by_name.get(wanted.name)
        if moved and not wanted.own_connection and wanted.replaces != wanted.name:
            was, now = _shown(moved[0].rotation.application), _shown(wanted.application)
            self._kept.update(each.rotation.id for each in moved)
            self._refuse(
                wanted, f"its application was {was} and is now {now} (replaces: {wanted.name}, if that is meant)"
            )
            return None
        donor = self._donor(wanted)
        if donor is None:
            return Add(replace(wanted, id=self._new_id()))
        self._kept.add(donor.rotation.id)
        return Inherit(replace(wanted, id=donor.rotation.id), donor.rotation.id)

    def _changed(self, wanted: Rotation, found: Defined) -> Change | None:
        old, new = found.rotation, replace(wanted, id=found.rotation.id)
        back = found.switches.retired_at is not None
        if not back and definition_hash(new) == found.hash:
            return None
        moves = back or new.schedule != old.schedule or (new.auto and not old.auto)
        return Change(new, self._now if moves else None)

    def _donor(self, wanted: Rotation) -> Defined | None:
        """A rotation without a definition, on the same application, that delivers to one of the same places."""
        for each in self._free:
            old = each.rotation
            if (
                old.id not in self._kept
                and _one_application(old.application, wanted.application)
                and _one_place(old, wanted)
            ):
                return each
        return None

    def _refuse(self, wanted: Rotation, why: str) -> None:
        self.problems.append(f"{_where(wanted)}: {why}")


def _is_apis(known: Defined) -> bool:
    """Its definition stands in the books themselves: nothing else is missing it."""
    return known.rotation.api_made and known.switches.retired_at is None


def _one_application(one: Application, other: Application) -> bool:
    """The ids that both know are the same; a definition may know only one of them."""
    pairs = ((one.object_id, other.object_id), (one.client_id, other.client_id))
    return one.tenant_id.lower() == other.tenant_id.lower() and all(a.lower() == b.lower() for a, b in pairs if a and b)


def _one_place(one: Rotation, other: Rotation) -> bool:
    if one.own_connection or other.own_connection:
        return bool(one.own_connection and other.own_connection)
    return not _places(one).isdisjoint(_places(other))


def _places(rotation: Rotation) -> set[tuple[object, ...]]:
    """Where it delivers to: a place of its own, or names within the folder of the embedded store."""
    places: set[tuple[object, ...]] = set()
    for rule in rotation.destinations:
        if rule.name != "embedded":
            places.add((rule.name,))
        else:
            places.update((rule.name, rotation.folder, name) for name in (rule.names or rotation.mapping).values())
    return places


def _shown(application: Application) -> str:
    return f"{application.object_id or application.client_id} in tenant {application.tenant_id}"


def _where(rotation: Rotation) -> str:
    return f"{rotation.defined_at}: {rotation.name}" if rotation.defined_at else rotation.name
