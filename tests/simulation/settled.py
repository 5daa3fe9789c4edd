"""What must be so when all trouble is long over? Nothing left behind or undone, nothing told that is secret."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.domain.due import Reason
from rotator.domain.model import Facts, Mode, OnDrift
from tests.simulation import books

if TYPE_CHECKING:
    from tests.simulation.installation import Installation
    from tests.simulation.universe import Universe

_DAY = timedelta(days=1)
#: Slack for what is late.
_LATE = 2 * _DAY


def look_for_orphans(universe: Universe) -> None:
    """Days after the faults, before what they left can have expired: Entra holds nothing that no book knows (L4)."""
    for installation in universe.installations:
        alive = {c.key_id for facts in books.all_facts(installation.store) for c in facts.credentials}
        for application in universe.applications:
            for password in universe.listed(application.object_id):
                ours = str(password.display_name).startswith(installation.prefix)
                if ours and password.key_id not in alive and password.expires_at > universe.time():
                    universe.laws.break_(f"L4: {password.key_id[:8]} ({password.display_name}) is an orphan")


def look_at_the_end(universe: Universe) -> None:
    """Everything is settled."""
    look_for_orphans(universe)
    for installation in universe.installations:
        for bug in installation.bugs:
            universe.laws.break_(f"a bug: {type(bug).__name__}: {bug}")
        for facts in books.all_facts(installation.store):
            if facts.switches.retired_at is None and not facts.switches.paused:
                _look_at_books(universe, facts)
                _look_at_places(universe, installation, facts)
        _look_at_attempts(universe, installation)
        _look_for_texts(universe, installation)


def _look_at_attempts(universe: Universe, installation: Installation) -> None:
    """Of those that do not pass by the limit, no hour has seen more begin than may (L14)."""
    limit = installation.rotations_per_hour
    held = [
        attempt.started_at
        for attempt in books.attempts(installation.store)
        if attempt.mode is Mode.ROTATE and attempt.reason != Reason.NEAR_EXPIRY.value
    ]
    for first, one_more in zip(held, held[limit:], strict=False):
        if one_more - first < timedelta(hours=1):
            universe.laws.break_(f"L14: more than {limit} attempts have begun in the hour after {first}")


def _look_at_books(universe: Universe, facts: Facts) -> None:
    name, standing, now, broken = facts.rotation.name, facts.standing, universe.time(), universe.laws.break_
    if standing.hold:
        broken(f"L16: {name} is still held: {standing.message}")
        return
    current = facts.current
    if current is None:
        broken(f"L9: {name} has no current credential: {standing.message}")
        return
    interval = max(timedelta(days=facts.rotation.schedule.interval), facts.rotation.min_overlap)
    since = max(current.issued_at or current.starts_at, facts.switches.changed_at or facts.switches.created_at)
    if now > since + interval + _LATE:
        broken(f"L9: {name} was last rotated at {current.issued_at} and is overdue: {standing.message}")
    if facts.attempt is not None and now > facts.attempt.started_at + _LATE:
        broken(f"L12: {name} has an attempt open since {facts.attempt.started_at}: {standing.message}")
    for credential in facts.retiring:
        if credential.revoke_at is not None and now > credential.revoke_at + _LATE:
            broken(f"L12: {name}: {credential.key_id[:8]} should have been revoked: {credential.revoke_message}")
    for alarm in standing.alarms:
        if alarm.code not in {"DRIFT", "DESTINATION_REMOVED"}:
            broken(f"L12: {name} still alarms {alarm.code}: {alarm.message}")


def _look_at_places(universe: Universe, installation: Installation, facts: Facts) -> None:
    """What was harmed has been healed, what was missed has been brought."""
    current = facts.current
    for rule in facts.rotation.destinations:
        place = installation.places.place(rule.name)
        if current is None or rule.on_drift is OnDrift.REPORT:
            continue
        pending = facts.pending
        if pending is not None and place.bears == pending.key_id:
            continue
        if not universe.is_valid(place.bears):
            universe.laws.break_(f"L7: {place.name} bears no living credential at the end")
        elif place.bears != current.key_id and current.has_text:
            universe.laws.break_(
                f"L7: {place.name} bears {place.bears[:8]} at the end, current is {current.key_id[:8]}"
            )


def _look_for_texts(universe: Universe, installation: Installation) -> None:
    """No secret text stands in what was told, or unsealed in the database (L11)."""
    told = "\n".join(universe.log)
    file = installation.snapshot()
    for text in universe.laws.texts:
        if text in told:
            universe.laws.break_("L11: a secret text stands in the log")
        if text.encode() in file:
            universe.laws.break_("L11: a secret text stands unsealed in the database")
