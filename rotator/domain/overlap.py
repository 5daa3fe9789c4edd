"""When may a replaced credential go?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from rotator.domain.model import Credential, CredentialState


def retired(previous: Credential, overlap: timedelta | None, now: datetime) -> Credential:
    """The current credential as it retires. Without a fixed overlap it waits for the next promotion."""
    revoke_at = None if overlap is None else now + overlap
    return replace(previous, state=CredentialState.RETIRING, retired_at=now, revoke_at=revoke_at)


def revoke_time(waiting: Credential, min_overlap: timedelta, now: datetime) -> datetime:
    """The next promotion has come: it may go, but never sooner than `min_overlap` after it retired."""
    return max(now, (waiting.retired_at or now) + min_overlap)
