"""Which states and kinds are there? The closed lists that records and definitions speak in."""

from __future__ import annotations

from enum import StrEnum


class CredentialState(StrEnum):
    """Where a credential stands in its life."""

    PENDING = "pending"
    CURRENT = "current"
    RETIRING = "retiring"
    REVOKED = "revoked"
    LOST = "lost"


class RotationStatus(StrEnum):
    """What the last attempt came to, in the words of the API."""

    SUCCESS = "success"
    FAILED = "failed"
    IN_PROGRESS = "in-progress"


class Mode(StrEnum):
    """How an attempt is carried out."""

    ROTATE = "rotate"
    COMPROMISED = "compromised"


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Initial(StrEnum):
    """What a new definition does first."""

    ROTATE = "rotate"
    WAIT = "wait"
    ADOPT = "adopt"


class OnDrift(StrEnum):
    """What to do about a destination that was changed behind our back."""

    HEAL = "heal"
    REPORT = "report"
