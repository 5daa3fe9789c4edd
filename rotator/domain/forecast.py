"""When will a rotation come, and come again, if nothing happens in between? For people; the engine asks `due`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rotator.domain.due import Due, NotDue, Reason, due
from rotator.domain.model import Facts, Limits
from rotator.domain.next_time import next_rotation_at


@dataclass(frozen=True, slots=True)
class Run:
    """One run to come. `at` None: it waits for somebody, or for a time that is not known."""

    at: datetime | None
    reason: str


def forecast(facts: Facts, now: datetime, count: int, *, limits: Limits) -> list[Run]:
    """The next runs, the first of them `now` when it is due; then one every interval."""
    verdict = due(facts, now, limits=limits)
    first = _first(facts, verdict, now)
    if first.at is None:
        return [first]
    runs = [first]
    if not facts.rotation.auto:
        return runs
    schedule = facts.rotation.schedule
    manual = isinstance(verdict, Due) and verdict.manual
    at = schedule.after_manual(first.at) if manual else schedule.after_scheduled(first.at)
    while len(runs) < count:
        runs.append(Run(at, Reason.INTERVAL_ELAPSED.value))
        at = schedule.after_scheduled(at)
    return runs


def _first(facts: Facts, verdict: Due | NotDue, now: datetime) -> Run:
    if isinstance(verdict, Due):
        return Run(now, verdict.reason.value)
    if verdict.reason is Reason.NOT_YET:
        coming = verdict.until or next_rotation_at(facts)
        return Run(coming, Reason.INTERVAL_ELAPSED.value if coming else verdict.reason.value)
    return Run(verdict.until, verdict.reason.value)
