"""What does the overlap look like that somebody chooses? Three secrets one below the other, as shares of a width."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.domain.lifetime import least_lifetime
from rotator.web.dashboard.drafts import Draft
from rotator.web.dashboard.words import moment, span

_DAY = timedelta(days=1)
_ROWS = 3
#: Per cent of the width; less could not be seen.
_LEAST_WIDTH = 0.8


@dataclass(frozen=True, slots=True)
class Part:
    """A part of one secret's life: current, retiring, or what would be left of it (`spare`)."""

    x: float
    width: float
    row: int
    state: str


@dataclass(frozen=True, slots=True)
class Sketch:
    """The picture, and the same in words."""

    parts: tuple[Part, ...]
    #: Where one takes over from another, per cent of the width.
    turns: tuple[float, ...]
    about: str


def sketch(draft: Draft, now: datetime) -> Sketch | None:
    """The first secrets of a rotation that is made now; None when the schedule cannot be read."""
    schedule, first = draft.schedule(), draft.first_slot(now)
    if schedule is None or first is None:
        return None
    interval, overlap = schedule.interval * _DAY, draft.overlap()
    kept = interval if overlap is None else overlap
    lifetime = least_lifetime(interval, overlap)
    turns = [now, first, schedule.after_scheduled(first), schedule.after_scheduled(schedule.after_scheduled(first))]
    whole = turns[-1] - now
    parts = [part for row in range(_ROWS) for part in _secret(turns, row, kept, lifetime, whole)]
    about = (
        f"A new secret at {moment(first)}; the one before it is revoked {span(kept)} later, and would end by itself "
        f"{span(lifetime)} after it was made"
    )
    return Sketch(tuple(parts), tuple(_share(each - now, whole) for each in turns[1:-1]), about)


def _secret(turns: list[datetime], row: int, kept: timedelta, lifetime: timedelta, whole: timedelta) -> list[Part]:
    begins, ends = turns[row] - turns[0], turns[row + 1] - turns[0]
    gone = ends + kept
    lives = [("current", begins, ends), ("retiring", ends, gone), ("spare", gone, begins + lifetime)]
    return [
        _part(state, since, min(until, whole), row=row, whole=whole)
        for state, since, until in lives
        if since < min(until, whole)
    ]


def _part(state: str, since: timedelta, until: timedelta, *, row: int, whole: timedelta) -> Part:
    width = max(_LEAST_WIDTH, _share(until - since, whole))
    return Part(_share(since, whole), width, row, state)


def _share(part: timedelta, whole: timedelta) -> float:
    return round(part / whole * 100, 2)
