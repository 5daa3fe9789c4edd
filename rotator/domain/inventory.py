"""What does a tenant hold that expires, and what is wrong with it? Each secret and certificate, judged by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

#: What Microsoft recommends at most for a secret: a year. https://learn.microsoft.com/entra/identity-platform/security-best-practices-for-app-registration
_LONG = timedelta(days=366)
#: Nobody means a date so far away; the portal once offered "never", which is 2299.
_NEVER = timedelta(days=365 * 20)
#: One in use and its successor.
_ENOUGH = 2
SOON = timedelta(days=30)
UNUSED_AFTER = timedelta(days=90)


class Finding(StrEnum):
    """What is worth a person's look; stable words."""

    EXPIRED = "expired"
    EXPIRING = "expiring"
    NEVER_EXPIRES = "never-expires"
    LONG_LIVED = "long-lived"
    TOO_MANY = "too-many"
    NO_OWNER = "no-owner"
    HIDDEN = "hidden"
    ORPHAN = "orphan"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Held:
    """One secret or certificate as Entra lists it."""

    key_id: str
    #: secret | certificate
    kind: str
    name: str
    starts_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Holder:
    """An application, or the service principal of one: that has secrets of its own, which the portal does not show."""

    object_id: str
    client_id: str
    name: str
    held: tuple[Held, ...] = ()
    is_principal: bool = False
    #: The application that a service principal belongs to is of another tenant.
    is_foreign: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the inventory; `rotation` is empty for what nobody rotates."""

    connection: str
    holder: Holder
    held: Held
    rotation: str = ""
    findings: tuple[Finding, ...] = ()
    #: When it last signed in, where that was asked and is known.
    used_at: datetime | None = None

    def expires_within(self, now: datetime, span: timedelta) -> bool:
        """Is it over by then, or already?"""
        return self.held.expires_at is not None and self.held.expires_at <= now + span


@dataclass(frozen=True, slots=True)
class Ground:
    """Against what a tenant is judged: the time, and what our books know of it."""

    connection: str
    now: datetime
    #: Key id -> the rotation whose ledger holds it.
    rotations: Mapping[str, str] = field(default_factory=dict)
    #: What the names of our own secrets begin with.
    prefix: str = ""
    #: Object ids of applications without an owner; None: that cannot be told.
    ownerless: Collection[str] | None = None
    #: What ends within that is expiring.
    soon: timedelta = SOON
    #: Key id -> when it last signed in; None: that is not known.
    used: Mapping[str, datetime] | None = None
    #: What has not signed in for that long is not used.
    unused_after: timedelta = UNUSED_AFTER


def judged(holder: Holder, ground: Ground) -> Iterator[Item]:
    """A line for each thing it holds."""
    about_holder = tuple(_of_holder(holder, ground))
    for held in holder.held:
        found = (*_of_time(held, ground), *about_holder)
        if is_stranger(held, ground):
            found = (*found, Finding.ORPHAN)
        if _is_unused(held, ground):
            found = (*found, Finding.UNUSED)
        used_at = (ground.used or {}).get(held.key_id)
        yield Item(ground.connection, holder, held, ground.rotations.get(held.key_id, ""), found, used_at)


def is_stranger(held: Held, ground: Ground) -> bool:
    """It bears a name of this installation, and no ledger holds it."""
    return bool(ground.prefix) and held.name.startswith(ground.prefix) and held.key_id not in ground.rotations


def _is_unused(held: Held, ground: Ground) -> bool:
    """What has ended cannot be used, and what is new has not had the time."""
    if ground.used is None or (held.expires_at is not None and held.expires_at <= ground.now):
        return False
    since = ground.now - ground.unused_after
    last = ground.used.get(held.key_id) or held.starts_at
    return last is not None and last < since


def counted(items: Sequence[Item]) -> dict[str, int]:
    """How many there are of each finding, those that occur, in the order of the findings."""
    counts = {finding.value: sum(finding in item.findings for item in items) for finding in Finding}
    return {finding: count for finding, count in counts.items() if count}


def _of_time(held: Held, ground: Ground) -> Iterator[Finding]:
    now = ground.now
    if held.expires_at is None or held.expires_at - now > _NEVER:
        yield Finding.NEVER_EXPIRES
        return
    if held.expires_at <= now:
        yield Finding.EXPIRED
    elif held.expires_at - now <= ground.soon:
        yield Finding.EXPIRING
    if held.starts_at is not None and held.expires_at - held.starts_at > _LONG:
        yield Finding.LONG_LIVED


def _of_holder(holder: Holder, ground: Ground) -> Iterator[Finding]:
    valid = [
        each
        for each in holder.held
        if each.kind == "secret" and (each.expires_at is None or each.expires_at > ground.now)
    ]
    if len(valid) > _ENOUGH:
        yield Finding.TOO_MANY
    if holder.is_principal:
        yield Finding.HIDDEN
    elif ground.ownerless is not None and holder.object_id in ground.ownerless:
        yield Finding.NO_OWNER
