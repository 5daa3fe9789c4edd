"""What is worth showing to a person who watches a rotation happen? Each event in a few words, as it comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rotator.domain import events
from rotator.domain.events import Event


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened to a rotation, for people. `ok` is None while the step goes on."""

    rotation: str
    #: begin, preflight, issue, reclaim, verify, deliver, promote, notify, revoke, close, wait, alarm
    step: str
    text: str
    ok: bool | None = None


class ProgressObserver:
    """The port `Observer`: hands on what is worth showing, at once."""

    def __init__(self, heard: Callable[[News], None]) -> None:
        self._heard = heard

    def told(self, event: Event) -> None:
        """Hand it on, if it is worth showing."""
        news = news_of(event)
        if news is not None:
            self._heard(news)


def news_of(event: Event) -> News | None:
    """The event in words, or None when another event says it better."""
    words = _WORDS.get(type(event))
    return words(event) if words else None


def _began(event: events.AttemptBegan) -> News:
    return News(event.rotation, "begin", f"attempt {event.attempt} ({event.reason})")


def _step(event: events.StepEnded) -> News | None:
    if event.step == "preflight":
        return News(event.rotation, "preflight", "preflight passed" if event.ok else event.message, event.ok)
    if event.ok or event.step == "deliver":  # each destination has its own event
        return None
    return News(event.rotation, event.step, event.message, ok=False)


def _signed_in(event: events.SignInTried) -> News:
    said = f"sign-in {event.tries}: {event.in_a_row} of {event.wanted} in a row"
    said += f" ({event.code})" if event.code else ""
    return News(event.rotation, "verify", said, True if event.in_a_row >= event.wanted else None)


def _issued(event: events.Issued) -> News:
    return News(
        event.rotation, "issue", f"secret {event.key_id} issued, valid until {event.expires_at:%Y-%m-%d}", ok=True
    )


def _delivered(event: events.Delivered) -> News:
    said = f"delivered to {event.destination}" if event.ok else f"not delivered: {event.message}"
    return News(event.rotation, "deliver", said, event.ok)


def _promoted(event: events.Promoted) -> News:
    return News(event.rotation, "promote", f"secret {event.key_id} is current", ok=True)


def _revoked(event: events.Revoked) -> News:
    return News(event.rotation, "revoke", f"secret {event.key_id} revoked: {event.why}", ok=True)


def _held(event: events.RevokeHeld) -> News:
    return News(event.rotation, "revoke", f"secret {event.key_id} stays for now: {event.message}")


def _reclaimed(event: events.Reclaimed) -> News:
    return News(event.rotation, "reclaim", f"secret {event.key_id} of an unanswered request revoked", ok=True)


def _ended(event: events.AttemptEnded) -> News:
    return News(event.rotation, "close", event.message or event.outcome, event.outcome == "succeeded")


def _alarm(event: events.AlarmRaised) -> News:
    return News(event.rotation, "alarm", f"{event.code}: {event.message}", ok=False)


def _lost(event: events.LeaseWasLost) -> News:
    return News(event.rotation, "wait", f"another node has taken over: {event.message}")


_WORDS: Mapping[type[Event], Callable[[Any], News | None]] = {
    events.AttemptBegan: _began,
    events.StepEnded: _step,
    events.SignInTried: _signed_in,
    events.Issued: _issued,
    events.Delivered: _delivered,
    events.Promoted: _promoted,
    events.Revoked: _revoked,
    events.RevokeHeld: _held,
    events.Reclaimed: _reclaimed,
    events.AttemptEnded: _ended,
    events.AlarmRaised: _alarm,
    events.LeaseWasLost: _lost,
}
