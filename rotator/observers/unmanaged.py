"""What is Prometheus told of secrets that nobody rotates? Counts, and the ends that come next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotator.domain.inventory import Item
from rotator.observers.exposition import head, line

#: Ends that are told one by one: those to come, and those that somebody may still be looking for.
_AHEAD, _BEHIND = timedelta(days=60), timedelta(days=7)
_MOST = 500


@dataclass(slots=True)
class Taken:
    """One inventory of one connection, as it is being taken; nothing is kept of what is well and far from its end."""

    at: datetime
    held: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    ends: list[Item] = field(default_factory=list)

    def add(self, item: Item) -> None:
        """One line of it; those that somebody rotates do not count."""
        if item.rotation:
            return
        self.held[item.held.kind] += 1
        self.findings.update(item.findings)
        ends = item.held.expires_at
        if ends is not None and self.at - _BEHIND <= ends <= self.at + _AHEAD:
            self.ends.append(item)


class Unmanaged:
    """The latest inventory of each connection, as text."""

    def __init__(self) -> None:
        self._taken: dict[str, Taken] = {}

    def learn(self, connection: str, taken: Taken) -> None:
        """It takes the place of the one before."""
        self._taken[connection] = taken

    def text(self) -> Iterator[str]:
        """The families; nothing before the first inventory."""
        if not self._taken:
            return
        name = "rotator_inventory_timestamp_seconds"
        yield head(name, "gauge", "When the inventory was last taken.")
        for connection, taken in self._taken.items():
            yield line(name, taken.at.timestamp(), {"connection": connection})
        name = "rotator_unmanaged_credentials"
        yield head(name, "gauge", "Secrets and certificates that nobody rotates.")
        for connection, taken in self._taken.items():
            yield from (
                line(name, n, {"connection": connection, "kind": kind}) for kind, n in sorted(taken.held.items())
            )
        name = "rotator_unmanaged_findings"
        yield head(name, "gauge", "What is wrong with them.")
        for connection, taken in self._taken.items():
            counts = sorted(taken.findings.items())
            yield from (line(name, n, {"connection": connection, "finding": each}) for each, n in counts)
        yield from self._ends()

    def _ends(self) -> Iterator[str]:
        name = "rotator_unmanaged_credential_expiry_timestamp_seconds"
        yield head(name, "gauge", "When those end that end within 60 days, or did in the past 7; the first 500.")
        ends = [(item.held.expires_at, item) for taken in self._taken.values() for item in taken.ends]
        known = [(at, item) for at, item in ends if at is not None]
        for at, item in sorted(known, key=lambda each: each[0])[:_MOST]:
            about = {"connection": item.connection, "application": item.holder.name, "key_id": item.held.key_id}
            yield line(name, at.timestamp(), {**about, "kind": item.held.kind})
