"""When will a rotation come, and come again, if nothing happens in between? For people; the engine asks `due`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rotator.domain.due import Due, NotDue, Reason, due
from rotator.domain.freeze import FreezeRule, spans, thawed
from rotator.domain.model import Facts, Limits
from rotator.domain.next_time import next_rotation_at


@dataclass(frozen=True, slots=True)
class Run:
    """One run to come. `at` None: it waits for somebody, or for a time that is not known."""

    at: datetime | None
    reason: str


def forecast(
    facts: Facts, now: datetime, count: int, *, limits: Limits, freeze: Sequence[FreezeRule] = ()
) -> list[Run]:
    """The next runs, the first of them `now` when it is due; then one every interval, or when its freeze ends."""
    verdict = due(facts, now, limits=limits, freeze=spans(freeze, facts, now))
    first = _first(facts, verdict, now)
    if first.at is None:
        return [first]
    runs = [first if isinstance(verdict, Due) else Run(thawed(freeze, first.at), first.reason)]
    then = Reason.AWAITING_APPROVAL if facts.rotation.requires_approval else Reason.INTERVAL_ELAPSED
    if not facts.rotation.auto:
        return runs
    schedule = facts.rotation.schedule
    manual = isinstance(verdict, Due) and verdict.manual
    at = schedule.after_manual(first.at) if manual else schedule.after_scheduled(first.at)
    while len(runs) < count:
        runs.append(Run(thawed(freeze, at), then.value))
        at = schedule.after_scheduled(at)
    return runs


def _first(facts: Facts, verdict: Due | NotDue, now: datetime) -> Run:
    if isinstance(verdict, Due):
        return Run(now, verdict.reason.value)
    if verdict.reason is Reason.NOT_YET:
        coming = verdict.until or next_rotation_at(facts)
        return Run(coming, Reason.INTERVAL_ELAPSED.value if coming else verdict.reason.value)
    return Run(verdict.until, verdict.reason.value)
