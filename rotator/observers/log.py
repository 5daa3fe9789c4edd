"""What does the log say of what happened? One line an event; rotation, attempt and key id are fields of their own."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

import structlog

from rotator.domain import events
from rotator.domain.events import Event

_DEBUG = (events.SignInTried,)
_WARNING = (
    events.AlarmRaised,
    events.DriftFound,
    events.LeaseWasLost,
    events.OrphanFound,
    events.Reclaimed,
    events.RevokeHeld,
)
#: Event -> what the line says.
_WORDS: dict[type[Event], str] = {
    events.AlarmCleared: "alarm cleared",
    events.AlarmRaised: "alarm",
    events.AttemptBegan: "attempt began",
    events.AttemptEnded: "attempt ended",
    events.Delivered: "delivered",
    events.DriftFound: "destination drifted",
    events.Issued: "secret issued",
    events.LeaseWasLost: "lease lost",
    events.OrphanFound: "orphan found",
    events.Promoted: "secret is current",
    events.Reclaimed: "secret of an unanswered request revoked",
    events.Revoked: "secret revoked",
    events.RevokeHeld: "revocation waits",
    events.SignInTried: "sign-in tried",
    events.StepEnded: "step ended",
}
_FIELDS = {kind: tuple(field.name for field in fields(kind)) for kind in _WORDS}


class LogObserver:
    """The port `Observer`: success at info, each sign-in and each good step at debug, the rest at warning."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("rotator.engine")

    def told(self, event: Event) -> None:
        """Write the line."""
        said = {}
        for name in _FIELDS.get(type(event)) or [field.name for field in fields(event)]:
            value = getattr(event, name)
            if value is not None and value != "":
                said[name] = _plain(value)
        getattr(self._log, level_of(event))(_WORDS.get(type(event), type(event).__name__), **said)


def level_of(event: Event) -> str:
    """At which level an event is logged."""
    if isinstance(event, events.StepEnded):
        return "debug" if event.ok else "warning"
    if isinstance(event, events.AttemptEnded):
        return "info" if event.outcome == "succeeded" else "warning"
    if isinstance(event, events.Delivered):
        return "info" if event.ok else "warning"
    if isinstance(event, _DEBUG):
        return "debug"
    return "warning" if isinstance(event, _WARNING) else "info"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return round(value, 3) if isinstance(value, float) else value
