"""What does a tenant list: its applications and service principals, with whatever of theirs expires?"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from rotator.domain.inventory import Held, Holder
from rotator.entra.answers import time_of
from rotator.errors import DirectoryError, DirectoryThrottled, DirectoryUnavailable

if TYPE_CHECKING:
    from rotator.entra.directory import EntraDirectory

#: 999 is the most that Graph gives at once. `keyCredentials` may be asked for 150 times a minute: enough for 149,850.
_APPLICATIONS = "applications?$select=id,appId,displayName,passwordCredentials,keyCredentials&$top={page}"
#: For who picks one: Graph is asked as often as he types, so without what it limits.
_PICKED = "applications?$select=id,appId,displayName,passwordCredentials&$top=999"
_PRINCIPALS = (
    "servicePrincipals?$select=id,appId,displayName,servicePrincipalType,appOwnerOrganizationId,"
    "passwordCredentials,keyCredentials&$top={page}"
)
#: https://learn.microsoft.com/graph/aad-advanced-queries
_OWNERLESS = "applications?$filter=owners/$count%20eq%200&$count=true&$select=id&$top=999"
#: How often a page is asked for that Graph throttles: an inventory has time.
_TRIES = 5
#: Azure itself renews what these hold.
_MANAGED = "ManagedIdentity"
_KINDS = (("passwordCredentials", "secret"), ("keyCredentials", "certificate"))

Pages = AsyncGenerator[Sequence[Holder], None]


async def applications(directory: EntraDirectory, page: int = 999) -> Pages:
    """All applications that the connection may see, those without secrets too, a page at a time."""
    async with aclosing(
        directory.pages("listing the applications", _APPLICATIONS.format(page=page), tries=_TRIES)
    ) as pages:
        async for rows in pages:
            yield [_holder(row) for row in rows]


async def applications_with_secrets(directory: EntraDirectory) -> Pages:
    """The same without certificates, for which Graph may be asked as often as for any list."""
    async with aclosing(directory.pages("listing the applications", _PICKED)) as pages:
        async for rows in pages:
            yield [_holder(row) for row in rows]


async def principals(directory: EntraDirectory, tenant_id: str, page: int = 999) -> Pages:
    """The service principals that hold something of their own, managed identities left out."""
    async with aclosing(
        directory.pages("listing the service principals", _PRINCIPALS.format(page=page), tries=_TRIES)
    ) as pages:
        async for rows in pages:
            own = (row for row in rows if row.get("servicePrincipalType") != _MANAGED)
            found = (_holder(row, principal_in=tenant_id) for row in own)
            yield [each for each in found if each.held]


async def ownerless(directory: EntraDirectory) -> frozenset[str] | None:
    """The object ids of applications without an owner; None where Graph does not tell."""
    found: set[str] = set()
    try:
        async with aclosing(directory.pages("counting owners", _OWNERLESS, eventual=True, tries=_TRIES)) as pages:
            async for page in pages:
                found |= {str(row.get("id", "")) for row in page}
    except (DirectoryThrottled, DirectoryUnavailable):
        raise
    except DirectoryError:
        return None
    return frozenset(found)


def _holder(row: Mapping[str, Any], *, principal_in: str = "") -> Holder:
    held = tuple(_held(each, kind) for field, kind in _KINDS for each in _list(row.get(field)))
    return Holder(
        object_id=str(row.get("id", "")),
        client_id=str(row.get("appId") or ""),
        name=str(row.get("displayName") or ""),
        held=held,
        is_principal=bool(principal_in),
        is_foreign=bool(principal_in) and str(row.get("appOwnerOrganizationId") or "").lower() != principal_in.lower(),
    )


def _list(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _held(row: Mapping[str, Any], kind: str) -> Held:
    ends = (time_of(row.get("startDateTime")), time_of(row.get("endDateTime")))
    return Held(str(row.get("keyId", "")), kind, str(row.get("displayName") or ""), *ends)
