"""Has this client asked for too much, and how is it told?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from rotator.simulator.wire import Headers, Json

_WARNED_ABOVE = 0.8


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` in each window of `seconds` of real time; without `retry_after` the 429 lacks that header."""

    name: str
    limit: int
    seconds: float
    retry_after: bool = True


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request takes: resource units, writes, and writes to an application open to personal accounts."""

    units: int = 1
    writes: int = 0
    personal_writes: int = 0


DOCUMENTED = (
    Quota("units", 8000, 10),
    Quota("writes", 3000, 150),
    Quota("personalWrites", 60, 60),
)


@dataclass(slots=True)
class _Window:
    started: float
    used: int = 0


@dataclass(slots=True)
class Throttle:
    """Counts per client; without quotas it lets everything through."""

    real_now: Callable[[], datetime]
    quotas: tuple[Quota, ...] = ()
    _windows: dict[tuple[str, str], _Window] = field(default_factory=dict)

    def set(self, quotas: Json) -> None:
        """Quotas as the control address takes them: `{"writes": {"limit", "seconds", "retryAfter"}}`.

        Raises `ValueError`.
        """
        known = {quota.name for quota in DOCUMENTED}
        if unknown := set(quotas) - known:
            msg = f"unknown quota {min(unknown)} (allowed: {', '.join(sorted(known))})"
            raise ValueError(msg)
        self.quotas = tuple(
            Quota(name, int(value["limit"]), float(value["seconds"]), bool(value.get("retryAfter", True)))
            for name, value in quotas.items()
        )
        self._windows.clear()

    def spend(self, client_id: str, cost: Cost) -> tuple[bool, Headers]:
        """Count a request: whether it may pass, and the headers that tell the client how it stands."""
        if not self.quotas:
            return True, ()
        now = self.real_now().timestamp()
        amounts = {"units": cost.units, "writes": cost.writes, "personalWrites": cost.personal_writes}
        headers: Headers = ()
        for quota in self.quotas:
            window = self._window(client_id, quota, now)
            if amounts[quota.name] and window.used + amounts[quota.name] > quota.limit:
                return False, _refusal(quota, client_id, window.started + quota.seconds - now)
            window.used += amounts[quota.name]
            share = window.used / quota.limit
            if share > _WARNED_ABOVE and amounts[quota.name]:
                headers = (("x-ms-throttle-limit-percentage", f"{share:.2f}"),)
        return True, headers

    def _window(self, client_id: str, quota: Quota, now: float) -> _Window:
        window = self._windows.get((client_id, quota.name))
        if window is None or not 0 <= now - window.started < quota.seconds:
            window = self._windows[client_id, quota.name] = _Window(now)
        return window


def _refusal(quota: Quota, client_id: str, wait: float) -> Headers:
    headers: Headers = (
        ("x-ms-throttle-limit-percentage", "1.00"),
        ("x-ms-throttle-scope", f"Tenant_Application/{'Write' if quota.name != 'units' else 'ReadWrite'}/{client_id}"),
        ("x-ms-throttle-information", "WriteLimitExceeded" if quota.name != "units" else "ResourceUnitLimitExceeded"),
    )
    return (*headers, ("retry-after", str(max(1, ceil(wait))))) if quota.retry_after else headers
