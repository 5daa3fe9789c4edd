"""How many requests may one address or one identity make? A bucket for each, filled evenly."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from rotator.web.refusals import TooMany

#: More buckets than that are not kept: the one unused for longest is forgotten, and with it at most a minute of zeal.
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a minute, for each address and for each identity."""

    logins: int = 60
    changes: int = 600
    reads: int = 120_000
    #: Each asks the tenant for everything, out of what it gives to all.
    inventories: int = 10


class Limits:
    """Counts requests. A bucket holds a minute's worth at most, so that a burst of that size passes."""

    def __init__(self, rates: Rates, monotonic: Callable[[], float]) -> None:
        #: A bearer that is refused counts as a login that is, in a bucket of its own.
        self._rates = {
            "logins": rates.logins,
            "refusals": rates.logins,
            "changes": rates.changes,
            "reads": rates.reads,
            "inventories": rates.inventories,
        }
        self._monotonic = monotonic
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, kind: str, who: str) -> None:
        """Count one request of a kind, such as logins. Raises TooMany, with how long to wait."""
        rate = self._rates[kind] / 60
        now = self._monotonic()
        key = (kind, who)
        left, at = self._buckets.pop(key, (rate * 60, now))
        left = min(rate * 60, left + (now - at) * rate)
        self._buckets[key] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = math.ceil((1 - left) / rate)
            what = "refused access tokens" if kind == "refusals" else kind
            raise TooMany(f"Too many {what}; try again in {wait} s", retry_after=wait)
