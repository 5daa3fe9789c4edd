"""How long does Entra take to agree with itself, and how does it waver meanwhile?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from rotator.simulator.wire import Json


@dataclass(frozen=True, slots=True)
class Propagation:
    """All values are seconds of tenant time, or probabilities from 0 to 1.

    `delay` and `removal_lag` are ranges drawn from evenly. For `flap_seconds` after a secret became usable each sign-in
    fails with `flap_probability`; a read shows the state of up to `stale_seconds` ago with `stale_probability`.
    """

    delay: tuple[float, float] = (0.0, 0.0)
    flap_probability: float = 0.0
    flap_seconds: float = 60.0
    removal_lag: tuple[float, float] = (0.0, 0.0)
    stale_probability: float = 0.0
    stale_seconds: float = 30.0

    def merged(self, change: Json) -> "Propagation":
        """Itself with the keys of a control request laid over it. Raises `ValueError` for what makes no sense."""
        if unknown := set(change) - {"delay", "flap", "removalLag", "staleReads"}:
            msg = f"unknown key {min(unknown)} (allowed: delay, flap, removalLag, staleReads)"
            raise ValueError(msg)
        flap = _chance(change.get("flap"), (self.flap_probability, self.flap_seconds))
        stale = _chance(change.get("staleReads"), (self.stale_probability, self.stale_seconds))
        return Propagation(
            delay=_range(change.get("delay"), self.delay),
            flap_probability=flap[0],
            flap_seconds=flap[1],
            removal_lag=_range(change.get("removalLag"), self.removal_lag),
            stale_probability=stale[0],
            stale_seconds=stale[1],
        )

    def as_json(self) -> Json:
        """The form that `merged` takes."""
        return {
            "delay": list(self.delay),
            "flap": {"probability": self.flap_probability, "seconds": self.flap_seconds},
            "removalLag": list(self.removal_lag),
            "staleReads": {"probability": self.stale_probability, "seconds": self.stale_seconds},
        }

    def usable_at(self, created_at: datetime, random: Random) -> datetime:
        """When a secret made at that moment begins to sign in."""
        return created_at + timedelta(seconds=random.uniform(*self.delay))

    def settled_at(self, usable_at: datetime) -> datetime:
        """When a secret that has become usable stops wavering."""
        return usable_at + timedelta(seconds=self.flap_seconds) if self.flap_probability else usable_at

    def dead_at(self, removed_at: datetime, random: Random) -> datetime:
        """When a secret removed at that moment stops signing in."""
        return removed_at + timedelta(seconds=random.uniform(*self.removal_lag))

    def oldest_seen(self, now: datetime) -> datetime:
        """The earliest moment whose state a read made now may show."""
        return now - timedelta(seconds=self.stale_seconds) if self.stale_probability else now

    def seen_at(self, now: datetime, random: Random) -> datetime:
        """The moment whose state a read made now shows."""
        if not self.stale_probability or random.random() >= self.stale_probability:
            return now
        return now - timedelta(seconds=random.uniform(0, self.stale_seconds))


def _range(value: Any, default: tuple[float, float]) -> tuple[float, float]:
    if value is None:
        return default
    low, high = value if isinstance(value, list) else (value, value)
    if not 0 <= low <= high:
        msg = f"{value} is no range of seconds"
        raise ValueError(msg)
    return float(low), float(high)


def _chance(value: Any, default: tuple[float, float]) -> tuple[float, float]:
    if value is None:
        return default
    given = value if isinstance(value, dict) else {"probability": value}
    probability = float(given.get("probability", default[0]))
    if not 0 <= probability <= 1:
        msg = f"{probability} is no probability"
        raise ValueError(msg)
    return probability, float(given.get("seconds", default[1]))
