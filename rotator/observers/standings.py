"""How does each rotation stand, for Prometheus? Its lines are kept as text, made anew only when it has changed.

Times are seconds since 1970 by the database's clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from rotator.domain.freeze import FreezeRule, thawed
from rotator.domain.model import Credential, Facts, Initial
from rotator.domain.next_time import first_slot, interval_slot, is_creation, is_unborn, near_expiry_at, next_rotation_at
from rotator.domain.overview import Tally
from rotator.observers.exposition import head, line

_EXPIRY = "rotator_credential_expiry_timestamp_seconds"
_SUCCESS = "rotator_last_success_timestamp_seconds"
_NEXT = "rotator_next_rotation_timestamp_seconds"
_OVERDUE = "rotator_overdue_seconds"
_FAMILIES = (
    (_EXPIRY, "When the secret expires; of several retiring ones the last."),
    (_SUCCESS, "When the rotation last succeeded."),
    (_NEXT, "When it comes next by itself, a retry included."),
)
#: So many lines are joined at once: a quarter of a megabyte.
_CHUNK = 3000
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class _Row:
    #: Lines of each of `_FAMILIES`.
    texts: tuple[str, ...]
    #: What its line of `rotator_overdue_seconds` begins with.
    overdue: str
    #: From then on it is overdue.
    due_since: float
    alarms: tuple[str, ...]
    status: str
    drifted: tuple[str, ...]
    retiring: int

    def is_in_need(self, now: float) -> bool:
        """Of attention."""
        return bool(self.alarms) or self.status == "failed" or self.due_since < now


class Standings:
    """What is known of the rotations. Above `per_rotation` of them only those that need attention have lines."""

    def __init__(self, per_rotation: int) -> None:
        self.per_rotation = per_rotation
        #: How all stand, where there are too many to know each; None: all are known.
        self.tally: Tally | None = None
        #: When nothing is rotated, and so nothing is overdue, unless expiry forces it.
        self.freeze: Callable[[], Sequence[FreezeRule]] = tuple
        self._rows: dict[str, _Row] = {}

    def learn(self, found: Iterable[Facts]) -> None:
        """Take these in place of what was known of them; retired ones are left out."""
        for facts in found:
            if facts.switches.retired_at is None:
                self._rows[facts.rotation.name] = _row(facts, self.freeze())

    def forget(self, names: Collection[str]) -> None:
        """They are gone, or are learned anew next."""
        for name in names:
            self._rows.pop(name, None)

    def names(self) -> list[str]:
        """Of those that are known."""
        return list(self._rows)

    def forget_all_but_in_need(self, now: float) -> None:
        """Where there are very many, nothing is kept of those that are well."""
        self._rows = {name: row for name, row in self._rows.items() if row.is_in_need(now)}

    def in_need(self, now: float) -> list[str]:
        """Of those that need attention, as far as is known."""
        return [name for name, row in self._rows.items() if row.is_in_need(now)]

    def text(self, now: float) -> Iterator[str]:
        """All families, in pieces of a bounded size."""
        yield from self._totals()
        few = self.tally is None and len(self._rows) <= self.per_rotation
        shown = [row for row in self._rows.values() if few or row.is_in_need(now)]
        for n, (name, about) in enumerate(_FAMILIES):
            yield head(name, "gauge", about)
            yield from _joined(row.texts[n] for row in shown)
        yield head(_OVERDUE, "gauge", "For how long the rotation should have happened already.")
        yield from _joined(
            f"{row.overdue}{max(0, int(now - row.due_since)) if row.due_since < now else 0}\n" for row in shown
        )
        yield head("rotator_alarm", "gauge", "1 while the alarm stands.")
        yield from _joined(text for row in shown for text in row.alarms)

    def _totals(self) -> Iterator[str]:
        tally = self.tally or self._counted()
        yield head("rotator_rotations", "gauge", "Rotations, by how they stand.")
        for status, count in sorted(tally.states.items()):
            yield line("rotator_rotations", count, {"status": status})
        yield head("rotator_pending_revocations", "gauge", "Replaced secrets that are still valid.")
        yield line("rotator_pending_revocations", tally.retiring)
        yield head("rotator_drift", "gauge", "Rotations that this destination does not bear as it should.")
        for destination, count in sorted(tally.drifted.items()):
            yield line("rotator_drift", count, {"destination": destination})

    def _counted(self) -> Tally:
        rows = self._rows.values()
        drifted = Counter(each for row in rows for each in row.drifted)
        return Tally(Counter(row.status for row in rows), sum(row.retiring for row in rows), drifted)


def _joined(texts: Iterator[str]) -> Iterator[str]:
    while piece := "".join(islice(texts, _CHUNK)):
        yield piece


def _row(facts: Facts, freeze: Sequence[FreezeRule]) -> _Row:
    name = facts.rotation.name
    by_name = {"rotation": name}
    standing = facts.standing
    expiries = {str(each.state): each for each in sorted(facts.credentials, key=_expires_at)}
    expiry = (line(_EXPIRY, _expires_at(each), {**by_name, "state": state}) for state, each in expiries.items())
    return _Row(
        texts=(
            "".join(expiry),
            _moment(_SUCCESS, name, standing.last_rotated_at),
            _moment(_NEXT, name, next_rotation_at(facts)),
        ),
        overdue=line(_OVERDUE, 0, by_name).removesuffix("0\n"),
        due_since=_due_since(facts, freeze),
        alarms=tuple(
            line("rotator_alarm", 1, {**by_name, "code": code}) for code in sorted({a.code for a in standing.alarms})
        ),
        status=str(standing.status or standing.state),
        drifted=tuple(row.destination for row in facts.deliveries if row.drifted and not row.removed),
        retiring=len(facts.retiring),
    )


def _moment(name: str, rotation: str, at: datetime | None) -> str:
    return line(name, at.timestamp(), {"rotation": rotation}) if at is not None else ""


def _expires_at(credential: Credential) -> float:
    return credential.expires_at.timestamp()


def _due_since(facts: Facts, freeze: Sequence[FreezeRule]) -> float:
    """The time it should have happened at, whatever retries are planned since; never while nothing comes by itself."""
    if facts.switches.paused or not (facts.rotation.auto or is_creation(facts)):
        return _NEVER
    if is_unborn(facts):
        slot = facts.switches.created_at if facts.rotation.initial is Initial.ROTATE else first_slot(facts)
    else:
        slot = interval_slot(facts)
    # A freeze puts off what the schedule wants, and not what nears its end.
    wanted = [thawed(freeze, slot) if slot is not None else None, near_expiry_at(facts)]
    return min((at.timestamp() for at in wanted if at is not None), default=_NEVER)
