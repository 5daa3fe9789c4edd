"""What was asked of the simulator, and how did it answer?"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from rotator.simulator.wire import Answer, Json, Reset, SimResponse, stamp_time

_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One request; no secret is in it. `fault` is the `when` of the fault that befell it."""

    number: int
    at: datetime
    operation: str
    method: str
    path: str
    outcome: str
    """The status, `hang` or `reset`."""
    client_id: str
    fault: str | None
    client_request_id: str | None

    def as_json(self) -> Json:
        """What the control address shows of it."""
        return {
            "number": self.number,
            "at": stamp_time(self.at),
            "operation": self.operation,
            "method": self.method,
            "path": self.path,
            "outcome": int(self.outcome) if self.outcome.isdigit() else self.outcome,
            "clientId": self.client_id,
            "fault": self.fault,
            "clientRequestId": self.client_request_id,
        }


class RequestLog:
    """The latest 50,000 requests, oldest first."""

    def __init__(self) -> None:
        self.entries: deque[LogEntry] = deque(maxlen=_KEPT)
        self.total = 0

    def next_number(self) -> int:
        """The number of the next entry, from 1."""
        self.total += 1
        return self.total

    def count(self, operation: str) -> int:
        """How many of the kept entries are of that operation."""
        return sum(entry.operation == operation for entry in self.entries)

    def clear(self) -> None:
        """Forget the entries; numbers go on."""
        self.entries.clear()


def outcome_of(answer: Answer) -> str:
    """An answer in one word."""
    if isinstance(answer, SimResponse):
        return str(answer.status)
    return "reset" if isinstance(answer, Reset) else "hang"
