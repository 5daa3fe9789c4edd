"""What can be counted? Everything that Prometheus is told: events as they come, and how each rotation stands.

The names are those of the documentation's page on metrics; a change to one breaks somebody's alert.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from rotator import __version__
from rotator.domain import events
from rotator.domain.events import Event
from rotator.observers.exposition import Counter, Histogram, head, line
from rotator.observers.standings import Standings

_ATTEMPT = (1, 5, 15, 30, 60, 120, 300, 900, 3600, 14400)
_STEP = (0.1, 0.5, 1, 5, 15, 60, 300, 900)
#: An orphan is told again at each comparison with Entra, every six hours; then it is gone.
_SEEN_AGAIN = timedelta(hours=13)
_RESULT = {"succeeded": "success"}


class Metrics:
    """The port `Observer`, and the port `Meter` of calls to Graph. `text` is the answer to a scrape."""

    def __init__(self, *, per_rotation: int = 10_000) -> None:
        self.standings = Standings(per_rotation)
        #: Names of rotations that something has happened to since they were last looked at.
        self.changed: set[str] = set()
        #: How long the rotation that waits longest for its turn has waited, in seconds.
        self.lag = 0.0
        #: Living nodes have read different definitions.
        self.differing = False
        #: When what each connection signs in with ends.
        self.connection_ends: Callable[[], Mapping[str, datetime]] = dict
        #: Families of others, after ours.
        self.beside: Callable[[], Iterator[str]] = lambda: iter(())
        #: Key id -> when it was last seen.
        self._orphans: dict[str, datetime] = {}
        self._reloaded_well = True
        self._attempts = Counter(
            "rotator_rotations_total", "Attempts that ended.", ["result"], first=[["success"], ["failed"]]
        )
        self._writes = Counter(
            "rotator_destination_writes_total", "Deliveries, by kind of destination.", ["kind", "result"]
        )
        self._graph = Counter(
            "rotator_graph_requests_total",
            "Requests to Microsoft Graph; the status none is a request without an answer.",
            ["operation", "status"],
        )
        self._throttled = Counter("rotator_graph_throttled_total", "Requests that Graph answered 429.")
        self._leases_lost = Counter("rotator_lease_lost_total", "Visits that ended because another node took over.")
        self._attempt = Histogram(
            "rotator_rotation_duration_seconds", "From the first step of an attempt to its end.", _ATTEMPT
        )
        self._step = Histogram("rotator_step_duration_seconds", "A step of an attempt.", _STEP, label="step")

    def told(self, event: Event) -> None:
        """Count it, and remember whom it happened to."""
        self.changed.add(event.rotation)
        count = _COUNTS.get(type(event))
        if count is not None:
            count(self, event)

    def answered(self, operation: str, status: int) -> None:
        """Graph has answered, or has not (0)."""
        self._graph.add(operation.replace(" ", "_"), str(status or "none"))
        if status == 429:
            self._throttled.add()

    def reloaded(self, well: bool) -> None:  # noqa: FBT001 - a callback
        """The configuration was read again; when that went badly, the old one is in use."""
        self._reloaded_well = well

    def text(self, now: datetime) -> Iterator[str]:
        """The answer to a scrape, in pieces of a bounded size. `now` is the database's time."""
        self._orphans = {key: at for key, at in self._orphans.items() if now < at + _SEEN_AGAIN}
        yield "".join(self._counted())
        yield "".join(self.beside())
        yield from self.standings.text(now.timestamp())

    def _counted(self) -> Iterator[str]:
        yield head("rotator_build_info", "gauge", "Always 1; the version is in the labels.")
        yield line("rotator_build_info", 1, {"version": __version__, "python": platform.python_version()})
        for family in (
            self._attempts,
            self._attempt,
            self._step,
            self._writes,
            self._graph,
            self._throttled,
            self._leases_lost,
        ):
            yield from family.text()
        gauges = (
            ("rotator_orphans", "Secrets with our display name that no book accounts for.", len(self._orphans)),
            ("rotator_scheduler_lag_seconds", "How long what is due has waited for its turn.", self.lag),
            ("rotator_config_last_reload_successful", "0 while a reload has been refused.", int(self._reloaded_well)),
            ("rotator_definitions_differ", "1 while nodes have read different definitions.", int(self.differing)),
        )
        for name, about, value in gauges:
            yield head(name, "gauge", about) + line(name, value)
        name = "rotator_connection_expiry_timestamp_seconds"
        yield head(name, "gauge", "When what the connection signs in with ends, where that is known.")
        for connection, ends_at in sorted(self.connection_ends().items()):
            yield line(name, ends_at.timestamp(), {"connection": connection})

    def _ended(self, event: events.AttemptEnded) -> None:
        self._attempts.add(_RESULT.get(event.outcome, event.outcome))
        self._attempt.add(event.seconds)

    def _stepped(self, event: events.StepEnded) -> None:
        self._step.add(event.seconds, event.step)

    def _delivered(self, event: events.Delivered) -> None:
        self._writes.add(event.kind, "success" if event.ok else "failed")

    def _lost(self, event: events.LeaseWasLost) -> None:
        _ = event
        self._leases_lost.add()

    def _orphaned(self, event: events.OrphanFound) -> None:
        self._orphans[event.key_id] = event.at

    def _gone(self, event: events.Revoked | events.Reclaimed) -> None:
        self._orphans.pop(event.key_id, None)


_COUNTS: dict[type[Event], Callable[[Metrics, Any], None]] = {
    events.AttemptEnded: Metrics._ended,  # noqa: SLF001 - its own table
    events.StepEnded: Metrics._stepped,  # noqa: SLF001
    events.Delivered: Metrics._delivered,  # noqa: SLF001
    events.LeaseWasLost: Metrics._lost,  # noqa: SLF001
    events.OrphanFound: Metrics._orphaned,  # noqa: SLF001
    events.Revoked: Metrics._gone,  # noqa: SLF001
    events.Reclaimed: Metrics._gone,  # noqa: SLF001
}
