"""How is the inventory of a tenant taken? What a connection sees, against what the books know, a page at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from rotator.domain.inventory import Ground, Item
from rotator.domain.stock import Look
from rotator.engine.inventory import Books, stock
from rotator.errors import PermissionDenied, RotatorError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from rotator.domain.model import Connection, Facts
    from rotator.entra.directory import EntraDirectory

#: So many rotations are read from the books at once.
_AT_ONCE = 50
#: So many applications at once where a daemon's loop is not to be held up.
IN_PASSING = 200


class Directories(Protocol):
    """Opens what a connection sees."""

    def connection(self, name: str) -> Connection:
        """Its facts."""

    async def open(self, name: str) -> EntraDirectory:
        """Its directory."""


class Ledgers(Books, Protocol):
    """What is asked of the store."""

    @property
    def installation(self) -> str:
        """Its id."""

    async def names(self) -> Sequence[str]:
        """Of all rotations that are not retired."""

    async def facts(self, names: Collection[str] | None = None) -> Sequence[Facts]:
        """Of the rotations so named, or of all."""


async def stocks_of(
    directories: Directories,
    books: Ledgers,
    connections: Sequence[str],
    *,
    now: datetime,
    page: int = 999,
    unused_after: timedelta | None = None,
) -> AsyncGenerator[Look, None]:
    """The inventory of these connections, a page at a time; what two of them see is given once.

    A connection that cannot be asked gives its problem, and the others go on. `unused_after`: ask for the last use of
    each too; where that is not told the problem is given, and the rest all the same.
    """
    ground = await ground_of(books, now)
    have: set[tuple[str, str]] = set()
    for name in connections:
        here = replace(ground, connection=name)
        try:
            if unused_after is not None:
                here, problem = await _with_usage(directories, here, unused_after)
                yield Look(name, problem=problem)
            async with aclosing(stock_of(directories, books, here, page=page)) as pages:
                async for seen, items in pages:
                    new = [each for each in items if _mark(each) not in have]
                    yield Look(name, seen, new)
                    have.update(map(_mark, new) if len(connections) > 1 else ())
        except RotatorError as problem:
            yield Look(name, problem=problem)


async def _with_usage(directories: Directories, ground: Ground, after: timedelta) -> tuple[Ground, RotatorError | None]:
    from rotator.entra.usage import last_uses

    directory = await directories.open(ground.connection)
    try:
        return replace(ground, used=await last_uses(directory), unused_after=after), None
    except RotatorError as problem:
        return ground, problem


async def ground_of(books: Ledgers, now: datetime) -> Ground:
    """What the ledgers hold; a few rotations are read at a time, so that the loop is not held up."""
    names = iter(await books.names())
    held: dict[str, str] = {}
    while some := list(islice(names, _AT_ONCE)):
        for each in await books.facts(some):
            held |= {credential.key_id: each.rotation.name for credential in each.credentials}
        await asyncio.sleep(0)
    return Ground("", now, held, f"rotator/{books.installation}/")


async def stock_of(
    directories: Directories, books: Books, ground: Ground, *, page: int = 999
) -> AsyncGenerator[tuple[int, list[Item]], None]:
    """For each page of applications, then of service principals, how many there were on it, and the lines.

    `page`: so many at once. Raises DirectoryError, ConfigError. What we may not list is left out: service principals,
    owners.
    """
    from rotator.entra.inventory import applications, ownerless, principals

    directory = await directories.open(ground.connection)
    ground = replace(ground, ownerless=await ownerless(directory))
    async with aclosing(stock(applications(directory, page), books, ground)) as lines:
        async for found in lines:
            yield found
    tenant = directories.connection(ground.connection).tenant_id
    try:
        async with aclosing(stock(principals(directory, tenant, page), books, ground)) as lines:
            async for found in lines:
                yield found
    except PermissionDenied:
        return


def _mark(item: Item) -> tuple[str, str]:
    return (item.holder.object_id, item.held.key_id)
