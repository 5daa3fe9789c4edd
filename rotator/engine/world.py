"""What is the engine given? Its ports and its settings, in one frozen value."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotator.domain.events import Event
from rotator.domain.freeze import FreezeRule
from rotator.domain.model import Limits
from rotator.engine.clockwatch import ClockWatch
from rotator.engine.recent import Recent
from rotator.ports import Chance, Clock, Destinations, Directories, Hooks, Observer, Spool, Store


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the engine waits for what; in real time."""

    #: A lease is taken and extended for this long.
    lease: timedelta = timedelta(seconds=90)
    #: The longest one destination call may take, unless the destination has more patience.
    destination_timeout: timedelta = timedelta(seconds=30)
    #: A wait up to this long is spent inside the attempt; a longer one gives the lease back.
    short_wait: timedelta = timedelta(seconds=2)
    #: The least pause after a refused sign-in, so that an interval of 0 s does not hammer Entra.
    refused_pause: timedelta = timedelta(milliseconds=500)
    #: How often destinations and Entra are compared with the ledger, in the store's time.
    reconcile: timedelta = timedelta(hours=6)


@dataclass(slots=True)
class Memory:
    """What this process remembers between visits and may forget at any time."""

    #: Applications that have been compared with the ledger since this process started (law L16).
    compared: Recent[tuple[str, str]] = field(default_factory=Recent)
    #: Display names that this very process has asked Graph for: nobody else can have delivered what they left behind.
    asked_for: Recent[str] = field(default_factory=Recent)
    #: How often a duty of a rotation has failed in a row, and before when it is not tried again.
    stumbles: dict[str, dict[str, tuple[int, datetime]]] = field(default_factory=dict)
    #: Of each connection, the monotonic time until which Graph wants to be left alone, as the books have been told.
    heeded: dict[str, float] = field(default_factory=dict)
    #: Held while somebody decides whether to be the one that tries a broken connection.
    probing: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: Set when the daemon is to stop: no new step is begun.
    draining: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class World:
    """Everything the engine may touch."""

    store: Store
    directories: Directories
    destinations: Destinations
    hooks: Hooks
    clock: Clock
    chance: Chance
    clockwatch: ClockWatch
    #: Names this engine in leases; unique per process.
    holder: str
    #: Where an issued secret waits while the books cannot be written.
    spool: Spool
    observers: Sequence[Observer] = ()
    limits: Limits = field(default_factory=Limits)
    #: When nothing is rotated unless expiry forces it.
    freeze: Sequence[FreezeRule] = ()
    pace: Pace = Pace()
    #: Identical times are spread (law L14); `run --once` does not wait for that.
    spread: bool = True
    memory: Memory = field(default_factory=Memory)

    def tell(self, event: Event) -> None:
        """Tell every observer."""
        for observer in self.observers:
            observer.told(event)
