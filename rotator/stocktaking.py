"""How is the inventory of a tenant taken? What a connection sees, against what the books know, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from rotator.domain.inventory import Ground, Item
from rotator.engine.inventory import Books, stock
from rotator.errors import PermissionDenied

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.domain.model import Connection, Facts
    from rotator.entra.directory import EntraDirectory


class Directories(Protocol):
    """Opens what a connection sees."""

    def connection(self, name: str) -> Connection:
        """Its facts."""

    async def open(self, name: str) -> EntraDirectory:
        """Its directory."""


def ground_of(facts: Sequence[Facts], *, connection: str, installation: str, now: datetime) -> Ground:
    """What the ledgers of these rotations hold."""
    held = {credential.key_id: each.rotation.name for each in facts for credential in each.credentials}
    return Ground(connection, now, held, f"rotator/{installation}/")


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
