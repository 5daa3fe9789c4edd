"""What does an attempt look like as a trace? One span for the whole of it, and below that one for each step.

Ids follow from the attempt's own, so that an attempt that goes on after a crash, or on another node, is one trace.
The form is OTLP as JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from rotator import __version__
from rotator.domain import events
from rotator.domain.events import Event

Span = Mapping[str, object]
#: Spans that wait to be sent; the oldest go first when nobody takes them.
MOST_WAITING = 4096
_INTERNAL = 1
_OK, _ERROR = 1, 2


class Traces:
    """The port `Observer`: makes spans of what ends, and keeps them until they are taken."""

    def __init__(self) -> None:
        self._waiting: deque[Span] = deque(maxlen=MOST_WAITING)

    def told(self, event: Event) -> None:
        """Make a span of it, if it is the end of something."""
        make = _SPANS.get(type(event))
        if make is not None:
            self._waiting.append(make(event))

    def take(self, most: int) -> list[Span]:
        """The oldest spans, so many at most; they are kept no longer."""
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def give_back(self, spans: Sequence[Span]) -> None:
        """They could not be sent; the oldest are dropped when there is no room."""
        room = MOST_WAITING - len(self._waiting)
        self._waiting.extendleft(reversed(spans[-room:] if room else []))


def request_of(spans: Iterable[Span], *, node: str) -> dict[str, object]:
    """What a collector is sent."""
    resource = {"service.name": "rotator", "service.version": __version__, "service.instance.id": node}
    scope = {"scope": {"name": "rotator", "version": __version__}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}]}


def _whole(event: events.AttemptEnded) -> Span:
    facts = {"rotator.rotation": event.rotation, "rotator.attempt": event.attempt, "rotator.outcome": event.outcome}
    span = _span(f"rotate {event.rotation}", event.attempt, event, seconds=event.seconds, facts=facts)
    return {**span, "spanId": _root(event.attempt), "status": _status(event.outcome == "succeeded", event.message)}


def _step(event: events.StepEnded) -> Span:
    facts = {"rotator.rotation": event.rotation, "rotator.attempt": event.attempt, "rotator.step": event.step}
    span = _span(event.step, event.attempt, event, seconds=event.seconds, facts=facts)
    return {**span, "parentSpanId": _root(event.attempt), "status": _status(event.ok, event.message)}


_SPANS: Mapping[type[Event], Callable[[Any], Span]] = {events.AttemptEnded: _whole, events.StepEnded: _step}


def _span(name: str, attempt: str, event: Event, *, seconds: float, facts: Mapping[str, str]) -> dict[str, object]:
    end = _nanoseconds(event.at)
    return {
        "traceId": _id(attempt, 16),
        "spanId": _id(f"{attempt}/{name}/{end}", 8),
        "name": name,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(end - int(seconds * 1_000_000_000)),
        "endTimeUnixNano": str(end),
        "attributes": _attributes(facts),
    }


def _status(ok: bool, message: str) -> dict[str, object]:  # noqa: FBT001 - the two go together
    return {"code": _OK} if ok else {"code": _ERROR, "message": message}


def _attributes(facts: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in facts.items()]


def _root(attempt: str) -> str:
    return _id(f"{attempt}/", 8)


def _id(text: str, size: int) -> str:
    """In hexadecimal, as the JSON form of OTLP wants it."""
    return blake2b(text.encode(), digest_size=size).hexdigest()


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
