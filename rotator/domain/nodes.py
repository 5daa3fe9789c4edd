"""Which engines work on one database, and which of them live?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

#: A node shows itself this often.
BEAT = timedelta(seconds=10)
#: One that has not shown itself for so long is taken for dead; its leases end by themselves.
SILENT = timedelta(seconds=45)


@dataclass(frozen=True, slots=True)
class Node:
    """An engine at work, as it last showed itself: `holder` in leases, `name` to people."""

    holder: str
    name: str
    version: str
    #: Of the definitions that its configuration holds; empty while it has read none.
    digest: str = ""
    visits: int = 0
    draining: bool = False
    started_at: datetime | None = None
    seen_at: datetime | None = None

    def lives(self, now: datetime) -> bool:
        """Has it shown itself lately?"""
        return self.seen_at is not None and now - self.seen_at < SILENT

    def state(self, now: datetime) -> str:
        """In one word: at work, draining or silent."""
        if not self.lives(now):
            return "silent"
        return "draining" if self.draining else "at work"


class Age(Enum):
    """How definitions that a node has read stand to those in the books."""

    NEWS = "news"
    IN_FORCE = "in force"
    #: The other nodes have left them behind.
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Reading:
    """The definitions that a node has read from its files."""

    #: Its name, which stays the same when it starts again.
    node: str
    digest: str


def differing(nodes: Iterable[Node], now: datetime) -> bool:
    """Have living nodes read different definitions?"""
    return len({node.digest for node in nodes if node.lives(now)}) > 1


def working(nodes: Iterable[Node], now: datetime) -> list[Node]:
    """Those that live and take on work."""
    return [node for node in nodes if node.lives(now) and not node.draining]
