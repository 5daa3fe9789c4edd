"""Where on the timeline does everything stand? Shares of the width, for a template to draw as SVG; no clock, no markup.

A lane is as wide as its page; bars that overlap in time lie below one another, so that the overlap can be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.domain.model import Credential, CredentialState, Facts, Outcome
from rotator.domain.next_time import next_rotation_at
from rotator.domain.overview import Life
from rotator.domain.schedule import Schedule
from rotator.web.dashboard.words import far, many, moment, short

#: What people choose -> how much of it lies before now, how much after, and how far apart the lines are.
ZOOMS: dict[str, tuple[timedelta, timedelta, timedelta]] = {
    "week": (timedelta(days=2), timedelta(days=5), timedelta(days=1)),
    "month": (timedelta(days=10), timedelta(days=21), timedelta(days=7)),
    "year": (timedelta(days=120), timedelta(days=245), timedelta(days=61)),
}
#: Of one lane; more would be no picture.
_MOST_ROWS, _MOST_MARKS, _MOST_COMING = 6, 60, 12
#: In pixels: a bar with its gap; the strip of the marks above them; what is left free below.
_ROW, _STRIP, _EDGE = 11, 15, 4
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """What part of time is shown."""

    start: datetime
    end: datetime
    now: datetime
    step: timedelta

    @classmethod
    def fitting(cls, now: datetime, schedule: Schedule) -> tuple[Span, str]:
        """The narrowest that holds the next two rotations, or the widest; and the word for it."""
        two = timedelta(days=2 * schedule.interval)
        zoom = next((zoom for zoom, (_, after, _) in ZOOMS.items() if two <= after), list(ZOOMS)[-1])
        return cls.around(now, zoom), zoom

    @classmethod
    def around(cls, now: datetime, zoom: str) -> Span:
        """The part that people choose by that word."""
        before, after, step = ZOOMS[zoom]
        return cls(now - before, now + after, now, step)

    def at(self, time: datetime) -> float:
        """Per cent of the width, from 0 to 100 whatever the time."""
        share = (time - self.start) / (self.end - self.start) * 100
        return round(min(100.0, max(0.0, share)), 2)

    def holds(self, time: datetime) -> bool:
        """Is that time shown?"""
        return self.start <= time <= self.end

    def lines(self) -> list[tuple[float, str]]:
        """Where a date is written, and which."""
        day = self.start.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        found = []
        while day < self.end:
            found.append((self.at(day), f"{day:%d %b}"))
            day += self.step
        return found


@dataclass(frozen=True, slots=True)
class Bar:
    """One credential from its start to its end."""

    x: float
    width: float
    y: int
    state: str
    about: str


@dataclass(frozen=True, slots=True)
class Mark:
    """An attempt (`succeeded`, `failed`, `superseded`, `open`) or a rotation to come (`coming`)."""

    x: float
    kind: str
    about: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One rotation."""

    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    #: In pixels: of all of it, and of the middle of the marks.
    height: int
    marks_at: int
    #: The same in words.
    about: str


def lane(facts: Facts, life: Life, span: Span) -> Lane:
    """Draw one rotation."""
    rows: list[datetime] = []
    bars = [_bar(each, span, _row(rows, each)) for each in life.credentials if _is_shown(each, span)]
    marks = [*_tried(life, span), *_coming(facts, span)]
    height = _STRIP + _ROW * max(1, min(len(rows), _MOST_ROWS)) + _EDGE
    return Lane(tuple(bars), tuple(marks), height, marks_at=_STRIP // 2 + 1, about=_said(life, marks))


def state_of(credential: Credential, now: datetime) -> str:
    """What colour it has: pending, current, retiring, revoked, lost or expired."""
    if credential.state is not CredentialState.REVOKED and credential.expires_at <= now:
        return "expired"
    return credential.state.value


def ends_at(credential: Credential) -> datetime:
    """Until when it signs in, or did."""
    return credential.revoked_at or credential.expires_at


def _is_shown(credential: Credential, span: Span) -> bool:
    return credential.starts_at < span.end and ends_at(credential) > span.start


def _row(rows: list[datetime], credential: Credential) -> int:
    """The first row that is free again when it begins; `rows` holds until when each is taken."""
    for n, taken_until in enumerate(rows):
        if taken_until <= credential.starts_at:
            rows[n] = ends_at(credential)
            return n
    rows.append(ends_at(credential))
    return min(len(rows), _MOST_ROWS) - 1


def _bar(credential: Credential, span: Span, row: int) -> Bar:
    x, end, state = span.at(credential.starts_at), span.at(ends_at(credential)), state_of(credential, span.now)
    until = "revoked" if credential.revoked_at else "expires"
    since, ends = moment(credential.starts_at), moment(ends_at(credential))
    about = f"{state} {short(credential.key_id)}, since {since}, {until} {ends}"
    return Bar(x, round(max(0.3, end - x), 2), _STRIP + row * _ROW, state, about)


def _tried(life: Life, span: Span) -> list[Mark]:
    shown = [each for each in life.attempts if span.holds(each.started_at)][-_MOST_MARKS:]
    return [
        Mark(
            span.at(each.started_at),
            each.outcome.value if each.outcome else "open",
            f"attempt {each.outcome.value if each.outcome else 'under way'}, {moment(each.started_at)}",
        )
        for each in shown
    ]


def _coming(facts: Facts, span: Span) -> list[Mark]:
    """The rotations to come by themselves, as far as they are shown."""
    at = next_rotation_at(facts)
    found: list[Mark] = []
    while at is not None and at < span.end and len(found) < _MOST_COMING:
        if at >= span.start:
            found.append(Mark(span.at(max(at, span.now)), "coming", f"next rotation {moment(at)}"))
        at = facts.rotation.schedule.after_scheduled(at) if facts.rotation.auto else None
    return found


def _said(life: Life, marks: Sequence[Mark]) -> str:
    """For who cannot see it."""
    held = [f"{each.state.value} until {moment(ends_at(each))}" for each in life.credentials if each.alive] or [
        "no credential"
    ]
    failed = _count(each.kind == Outcome.FAILED for each in marks)
    coming = next((each.about for each in marks if each.kind == "coming"), "no rotation to come in this time")
    return "; ".join([*held, *([many(failed, "failed attempt")] if failed else []), coming])


def _count(those: Iterable[bool]) -> int:
    return sum(those)


def until(at: datetime | None, now: datetime) -> str:
    """A time and how far away it is."""
    return "-" if at is None else f"{moment(at)} ({far(at, now)})"
