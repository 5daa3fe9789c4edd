"""What is there in a tenant beside what we rotate? Its lists, a page at a time, judged against our books."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from dataclasses import replace
from typing import Protocol

from rotator.domain.inventory import Finding, Ground, Holder, Item, is_stranger, judged
from rotator.domain.model import Application
from rotator.ports import Listed, Recognised


class Books(Protocol):
    """What is asked of the store."""

    async def recognise(self, application: Application, listed: Sequence[Listed]) -> Recognised:
        """Which of these the books know."""


async def stock(
    pages: AsyncIterable[Sequence[Holder]], books: Books, ground: Ground
) -> AsyncGenerator[tuple[int, list[Item]], None]:
    """For each page how many were on it, and its lines. Nothing is kept of a page that has been given."""
    async for page in pages:
        lines = [item for holder in page for item in judged(holder, ground)]
        yield len(page), [await _accounted(item, books, ground) for item in lines]


async def _accounted(item: Item, books: Books, ground: Ground) -> Item:
    """Revoked a moment ago, or of an issue that is still to be reclaimed, it is no orphan: the engine is at it."""
    if not is_stranger(item.held, ground):
        return item
    holder, held = item.holder, item.held
    listed = Listed(held.key_id, held.name, held.starts_at, held.expires_at)
    found = await books.recognise(Application("", holder.object_id, holder.client_id, holder.name), [listed])
    intent = found.intents.get(held.name)
    if held.key_id in found.ledger or (intent is not None and not intent.outcome):
        return replace(item, findings=tuple(each for each in item.findings if each is not Finding.ORPHAN))
    return item
