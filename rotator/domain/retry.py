"""How long do we wait after a failure before we try again?"""

from datetime import timedelta

_FIRST = timedelta(minutes=1)
_HOURLY = timedelta(hours=1)
#: No wait after a failure is longer: a time beyond it was reckoned by a wrong clock and holds nothing back (law L9).
LONGEST_BACK_OFF = timedelta(hours=2)
_DOUBLINGS = 6
_JITTER = 0.1
_SCARCE = 1 / 20
_MOST_WHEN_SCARCE = timedelta(minutes=15)


def retry_delay(failures: int, *, expires_in: timedelta | None, lifetime: timedelta, noise: float) -> timedelta:
    """Return the wait after the `failures`th failure in a row: 1, 2, 4, 8, 16, 32 minutes, then hourly.

    `noise`, from -1 to 1, moves it by up to 10 % either way, so that what failed together does not
    come back together. With less than 1/20 of `lifetime` left before the current credential ends
    (`expires_in`; None where no credential is at stake) the wait is at most 15 minutes.
    """
    plain = _FIRST * 2 ** max(failures - 1, 0) if failures <= _DOUBLINGS else _HOURLY
    wait = plain * (1 + _JITTER * noise)
    if expires_in is not None and expires_in < lifetime * _SCARCE:
        return min(wait, _MOST_WHEN_SCARCE)
    return wait
