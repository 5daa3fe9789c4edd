"""What was found when the inventory was last taken? One for all who look, kept for a while, in memory alone."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from rotator.domain.adopting import is_adoptable
from rotator.domain.inventory import Item
from rotator.domain.stock import Look, by_end
from rotator.redaction import redact_text

if TYPE_CHECKING:
    from rotator.ports import Clock

#: Lines that are kept, the first to end; and for how long, in seconds.
MOST = 20_000
KEPT_FOR = 15 * 60.0

_log = structlog.get_logger("rotator.inventory")


@dataclass(slots=True)
class Taken:
    """An inventory, while it is taken and when it has been."""

    begun_at: datetime
    by: str
    ended_at: datetime | None = None
    #: Applications and service principals.
    seen: int = 0
    #: Secrets and certificates, kept or not.
    total: int = 0
    #: In their order once it has ended.
    items: list[Item] = field(default_factory=list)
    #: Connection -> why it could not be asked, or not to the end.
    problems: dict[str, str] = field(default_factory=dict)
    #: Client ids that are not to be adopted from: what we sign in with, and what has a secret that is rotated.
    ours: set[str] = field(default_factory=set)

    def add(self, look: Look) -> None:
        """A page of it."""
        if look.problem is not None:
            self.problems[look.connection] = redact_text(str(look.problem))
        self.seen += look.seen
        self.total += len(look.items)
        self.ours.update(each.holder.client_id for each in look.items if each.rotation)
        self.items += look.items
        if len(self.items) > 2 * MOST:
            self.items = heapq.nsmallest(MOST, self.items, key=by_end)

    def end(self, at: datetime) -> None:
        """There is no more of it."""
        self.items = heapq.nsmallest(MOST, self.items, key=by_end)
        self.ended_at = at

    def may_be_adopted(self, item: Item) -> bool:
        """Is it a valid secret of an application that nothing rotates?"""
        return item.holder.client_id not in self.ours and is_adoptable(item, self.begun_at)


class Stock:
    """The inventory that people look at."""

    def __init__(self) -> None:
        self.taken: Taken | None = None
        self._work: asyncio.Task[None] | None = None

    @property
    def is_under_way(self) -> bool:
        """Is one being taken now?"""
        return self.taken is not None and self.taken.ended_at is None

    def take(self, looks: AsyncGenerator[Look, None], clock: Clock, *, by: str, ours: Iterable[str]) -> None:
        """Begin, in the place of the one before; `ours`: the client ids that we sign in with."""
        self.close()
        self.taken = Taken(clock.now(), by, ours=set(ours))
        self._work = asyncio.create_task(self._take(looks, self.taken, clock))

    def close(self) -> None:
        """Nothing is taken or kept any more."""
        if self._work is not None:
            self._work.cancel()
        self._work = self.taken = None

    async def _take(self, looks: AsyncGenerator[Look, None], taken: Taken, clock: Clock) -> None:
        try:
            async with aclosing(looks):
                async for look in looks:
                    taken.add(look)
        except Exception:  # noqa: BLE001 - told loudly, and on the page; nobody else waits for this
            _log.exception("the inventory could not be taken")
            taken.problems["inventory"] = "it broke off; the log says why"
        taken.end(clock.now())
        await clock.sleep(KEPT_FOR)
        self.taken = None
