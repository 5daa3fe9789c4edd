"""What do we tell the world? The facts we publish, each a frozen value without any secret text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a rotation at a time (the database's)."""

    rotation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AttemptBegan(Event):
    """An attempt has begun, or an open one goes on (`resumed`)."""

    attempt: str
    reason: str
    resumed: bool = False
    #: The secrets that are replaced are in wrong hands.
    compromised: bool = False


@dataclass(frozen=True, slots=True)
class StepEnded(Event):
    """A step of an attempt came to an end, well or not."""

    attempt: str
    step: str
    ok: bool
    seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class SignInTried(Event):
    """One sign-in with the new secret: the `tries`-th, with `in_a_row` successes of `wanted`."""

    attempt: str
    tries: int
    in_a_row: int
    wanted: int
    code: str = ""


@dataclass(frozen=True, slots=True)
class Delivered(Event):
    """A destination was written, or refused (`message`)."""

    destination: str
    kind: str
    ok: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Issued(Event):
    """A new credential exists and its text is sealed."""

    attempt: str
    key_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Promoted(Event):
    """The new credential is current."""

    attempt: str
    key_id: str
    expires_at: datetime
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Revoked(Event):
    """A credential is gone, and nothing shows it any more."""

    key_id: str
    why: str


@dataclass(frozen=True, slots=True)
class RevokeHeld(Event):
    """A retiring credential is due to go, and something holds it."""

    key_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Reclaimed(Event):
    """A credential that an ambiguous answer left behind was found by its display name and revoked."""

    attempt: str
    key_id: str


@dataclass(frozen=True, slots=True)
class AttemptEnded(Event):
    """An attempt is over. `seconds` since it began, by the database's time."""

    attempt: str
    outcome: str
    seconds: float
    message: str = ""
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AlarmRaised(Event):
    """A person should know; told once when it begins."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AlarmCleared(Event):
    """The reason of an alarm is gone."""

    code: str


@dataclass(frozen=True, slots=True)
class DriftFound(Event):
    """A destination differs from the ledger; `healed` when it was written again."""

    destination: str
    kind: str
    healed: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class OrphanFound(Event):
    """A credential with our display name that the journal does not account for."""

    key_id: str
    display_name: str
    message: str


@dataclass(frozen=True, slots=True)
class LeaseWasLost(Event):
    """Another node took over while we worked; what we held back was not written."""

    message: str
