"""How long does a credential have to live, and does the tenant allow it (law L10)?"""

from __future__ import annotations

from datetime import timedelta

from rotator.domain.model import Rotation

_DAY = timedelta(days=1)
_LEAST_MARGIN = timedelta(days=3)


def margin(interval: timedelta) -> timedelta:
    """The slack kept before an expiry: three days or a tenth of the interval."""
    return max(_LEAST_MARGIN, interval / 10)


def least_lifetime(interval: timedelta, overlap: timedelta | None) -> timedelta:
    """The shortest lifetime with which a late rotation is no outage; `overlap` None: the old one lives an interval."""
    return interval + (interval if overlap is None else overlap) + margin(interval)


def allowed_lifetime(rotation: Rotation, cap: timedelta | None) -> timedelta | None:
    """The lifetime to ask for under the tenant's cap, or None when the cap is below what the rotation needs."""
    if cap is None or cap >= rotation.lifetime:
        return rotation.lifetime
    needed = least_lifetime(rotation.schedule.interval * _DAY, rotation.overlap)
    return cap if cap >= needed else None


def longest_interval(rotation: Rotation, cap: timedelta) -> int:
    """The longest interval, in whole days, that works under the cap with the rotation's overlap; 0 when none does."""
    days = cap.days
    while days > 0 and least_lifetime(days * _DAY, rotation.overlap) > cap:
        days -= 1
    return days
