"""When would a rotation come by itself? By its interval, its first slot, its retry, or the end of its credential.

A timestamp that is missing, zero or absurd makes no time at all (law L9).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rotator.domain.model import Facts, FreezeWindow, Initial

# Before and after these years a timestamp is a zero or a mistake: Entra did not exist, nothing lives so long.
_YEARS = range(2000, 3000)


def next_rotation_at(facts: Facts) -> datetime | None:
    """Return the next time as shown to people: the retry when failed; None when nothing comes by itself.

    A time in the past is overdue. Freeze windows, approval, holds and the state of the connection are not considered.
    """
    switches = facts.switches
    if switches.paused or switches.retired_at is not None or not (facts.rotation.auto or is_creation(facts)):
        return None
    if facts.attempt is not None and facts.attempt.resume_at is not None:
        return facts.attempt.resume_at
    if facts.standing.failures:
        return retry_at(facts)
    if is_unborn(facts):
        return switches.created_at if facts.rotation.initial is Initial.ROTATE else first_slot(facts)
    return earliest(interval_slot(facts), near_expiry_at(facts))


def interval_slot(facts: Facts) -> datetime | None:
    """Return the slot at which the interval is over, past or to come; None when the last rotation's time is unknown."""
    anchor = known(facts.standing.anchor_at)
    if anchor is None:
        return None
    schedule = facts.rotation.schedule
    after = schedule.after_manual if facts.standing.last_manual else schedule.after_scheduled
    return _not_in_the_past_of_an_edit(facts, after(anchor))


def first_slot(facts: Facts) -> datetime | None:
    """Return when a definition that waits (`initial: wait`) rotates for the first time; None for the others."""
    created_at = known(facts.switches.created_at)
    if created_at is None or facts.rotation.initial is not Initial.WAIT:
        return None
    return _not_in_the_past_of_an_edit(facts, facts.rotation.schedule.first_slot_after(created_at))


def retry_at(facts: Facts) -> datetime | None:
    """Return when a failed rotation is tried again; None when it has not failed or the time is unknown."""
    at = known(facts.standing.retry_at) if facts.standing.failures else None
    return None if at is None else _not_in_the_past_of_an_edit(facts, at)


def near_expiry_at(facts: Facts, freeze: Sequence[FreezeWindow] = (), now: datetime | None = None) -> datetime | None:
    """Return from when on the current credential nears its end; None without one, or with an unknown end.

    A freeze window yet to begin that would contain the end counts as the end.
    """
    end = known(facts.current.expires_at) if facts.current else None
    if end is None:
        return None
    drawn = (window.start for window in freeze if now is not None and now < window.start <= end < window.end)
    return min([end, *drawn]) - facts.rotation.renew_before


def is_unborn(facts: Facts) -> bool:
    """Tell whether it is recorded as new and holds nothing: an inherited or adopted credential has its own end."""
    return facts.standing.state == "new" and facts.current is None


def is_creation(facts: Facts) -> bool:
    """Tell whether a rotation now would belong to the definition's making, and so be wanted with `auto` off too."""
    never = facts.standing.anchor_at is None and facts.current is None
    return never and facts.rotation.initial is Initial.ROTATE


def known(at: datetime | None) -> datetime | None:
    """Return the time if it can be one."""
    return at if at is not None and at.year in _YEARS else None


def earliest(*times: datetime | None) -> datetime | None:
    """Return the earliest of the times that are known."""
    return min((at for at in times if at is not None), default=None)


def _not_in_the_past_of_an_edit(facts: Facts, at: datetime) -> datetime:
    """Move a time that an edit, a resume or the definition's making has put into the past to the slot after that."""
    edits = [known(facts.switches.created_at), known(facts.switches.changed_at)]
    edited_at = max((edit for edit in edits if edit is not None), default=None)
    if edited_at is None or at > edited_at:
        return at
    return facts.rotation.schedule.first_slot_after(edited_at)
