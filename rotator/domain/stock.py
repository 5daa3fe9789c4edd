"""Which lines of an inventory are wanted, and which of them come first? For commands, the API and pages alike."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rotator.domain.inventory import Finding, Item
from rotator.errors import RotatorError


@dataclass(frozen=True, slots=True)
class Look:
    """A page of what a connection sees, or why it does not see more: how many were on it, and the lines."""

    connection: str
    seen: int = 0
    items: Sequence[Item] = ()
    problem: RotatorError | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are chosen; what is empty is any."""

    #: Parts of names, or ids whole.
    names: Sequence[str] = ()
    #: What ends within that, or has.
    within: timedelta | None = None
    #: With one of these at least.
    findings: frozenset[str] = frozenset()
    #: Only what nobody rotates.
    unmanaged: bool = False

    def takes(self, item: Item, now: datetime) -> bool:
        """Is it one of them?"""
        return (
            self._names(item)
            and (self.within is None or item.expires_within(now, self.within))
            and (not self.findings or not self.findings.isdisjoint(item.findings))
            and not (self.unmanaged and item.rotation)
        )

    def _names(self, item: Item) -> bool:
        holder = item.holder
        ids = {holder.object_id, holder.client_id}
        return not self.names or any(
            part in ids or part in holder.name.lower() for part in (name.lower() for name in self.names)
        )


def by_end(item: Item) -> tuple[bool, datetime, str, str]:
    """The first to end comes first, what never ends last."""
    ends = item.held.expires_at
    return (ends is None, ends or datetime.max.replace(tzinfo=UTC), item.holder.name, item.held.key_id)


@dataclass(slots=True)
class Foremost:
    """The first to end of all that is wanted, and how much that is; no more than `most` is ever kept."""

    wanted: Wanted
    now: datetime
    most: int
    #: Applications and service principals.
    seen: int = 0
    total: int = 0
    #: Of the total, what nobody rotates.
    unmanaged: int = 0
    #: By the end.
    items: Sequence[Item] = ()
    problems: dict[str, RotatorError] = field(default_factory=dict)
    _counts: Counter[Finding] = field(default_factory=Counter)

    def take(self, look: Look) -> None:
        """Add what is wanted of it."""
        if look.problem is not None:
            self.problems[look.connection] = look.problem
        self.seen += look.seen
        chosen = [each for each in look.items if self.wanted.takes(each, self.now)]
        self.total += len(chosen)
        self.unmanaged += sum(not each.rotation for each in chosen)
        self._counts.update(finding for each in chosen for finding in each.findings)
        self.items = heapq.nsmallest(self.most, (*self.items, *chosen), key=by_end)

    @property
    def findings(self) -> dict[str, int]:
        """How many there are of each finding, those that occur, in the order of the findings."""
        return {finding.value: self._counts[finding] for finding in Finding if self._counts[finding]}
