"""How much may all nodes together ask of one connection: attempts in an hour, and writes below Graph's quotas?

A bucket holds `burst` writes and gains one `every` so often; what was taken stands as one instant, until which it is
spent. So in any span of time at most `burst + span / every` writes leave it, over any number of nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.domain.model import Connection

#: Longer than this nobody is left alone: the time of a `Retry-After` that seems to be further off is not believed.
LONGEST_QUIET = timedelta(hours=1)
#: Of each quota three tenths are there at once and six tenths come over its span: one tenth is left to others.
_AT_ONCE, _OVER_TIME = 0.3, 0.6
# Writes in a span, by https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
_OF_APPLICATION_IN_TENANT = (3_000, timedelta(seconds=150))
_OF_APPLICATION = (70_000, timedelta(minutes=5))
_OF_TENANT = (18_000, timedelta(minutes=5))


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is taken from, one write at a time."""

    name: str
    #: It gains one write in that time; zero: it is empty until its instant, and open afterwards.
    every: timedelta
    burst: int

    @property
    def furthest(self) -> timedelta:
        """No honest clock puts its instant further off than this."""
        return 2 * self.burst * self.every or LONGEST_QUIET


@dataclass(frozen=True, slots=True)
class Beginning:
    """An attempt that begins, and how many of its connection may begin in an hour."""

    connection: str
    at: datetime
    per_hour: int


@dataclass(frozen=True, slots=True)
class Toll:
    """What a transaction takes of what all nodes share; where there is not enough nothing of it becomes true."""

    beginning: Beginning | None = None
    #: One write is taken from each.
    buckets: tuple[Bucket, ...] = ()
    #: It takes what it needs all the same, and others wait the longer.
    pressing: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Those who wait for the same thing: they wake one after the other, not all at once."""

    name: str
    every: timedelta
    #: Whoever would wake later than this begins anew at the front, where something may have become free unnoticed.
    longest: timedelta


def writes(connection: Connection) -> tuple[Bucket, ...]:
    """What a write to Graph is taken from; always in this order, in which they are locked."""
    tenant, application = connection.tenant_id.lower(), connection.client_id.lower()
    signed_in = application or f"connection {connection.name}"
    by_quota = [
        _bucket(f"writes of {signed_in} in {tenant}", *_OF_APPLICATION_IN_TENANT),
        _bucket(f"writes of {signed_in}", *_OF_APPLICATION),
        _bucket(f"writes in {tenant}", *_OF_TENANT),
    ]
    return (Bucket(quiet(connection.name), timedelta(0), 0), *by_quota)


def quiet(connection: str) -> str:
    """The name of the bucket that is empty while Graph wants to be left alone by that connection."""
    return f"quiet {connection}"


def line_for_writes(connection: str) -> Line:
    """Those of a connection who wait to write to Graph."""
    every = _bucket("", *_OF_APPLICATION_IN_TENANT).every
    return Line(f"line for writes of {connection}", every, timedelta(minutes=5))


def line_for_places(connection: str, per_hour: int) -> Line:
    """Those of a connection who wait to begin an attempt."""
    hour = timedelta(hours=1)
    return Line(f"line for attempts of {connection}", hour / per_hour, hour)


def _bucket(name: str, quota: int, span: timedelta) -> Bucket:
    return Bucket(name, span / (quota * _OVER_TIME), int(quota * _AT_ONCE))
