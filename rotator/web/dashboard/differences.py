"""What would a person's changes of a rotation change, and what does that mean? As rotation.md section 7 has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.domain.model import Facts, Rotation
from rotator.domain.next_time import next_rotation_at
from rotator.web.api.rotation_bodies import Patch
from rotator.web.dashboard.drafts import Draft
from rotator.web.dashboard.words import moment

_KEPT = "For secrets that are replaced from now on; what is retiring already keeps its time."
_OTHER = "Refused: the secrets live at the application. Delete this rotation, and make one for the other application."
_NAMES = "The names move at once. Who still reads the old ones finds nothing there: change the programs first."
_CALLED = "Only what it is called: its secrets, its history and where they are read stay."
_BY_ITSELF = "It comes by itself again, at its next slot."
_NOT_BY_ITSELF = "It rotates only when somebody asks. Its expiry is watched and alarmed all the same."


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the review."""

    what: str
    #: The step at which it is said.
    step: int
    before: str
    after: str
    means: str
    #: How the API calls what is different.
    fields: tuple[str, ...]


def differences(before: Draft, after: Draft) -> list[Difference]:
    """What is different, without what follows from it for the next time."""
    one, other = before.said, after.said
    schedules = (_schedule(before), _schedule(after))
    names = (_names(before), _names(after))
    kept = (_overlap(before), _overlap(after))
    auto = (_auto(before), _auto(after))
    means = _BY_ITSELF if other["auto"] == "yes" else _NOT_BY_ITSELF
    every = (
        Difference("Schedule", 2, *schedules, "", ("rotationInterval", "rotateAt")),
        Difference("Old secret", 2, *kept, _KEPT, ("overlap",)),
        Difference("It rotates", 2, *auto, means, ("isAutoRotationEnabled",)),
        Difference("Application", 3, *_apps(before, after), _OTHER, ("parameters",)),
        Difference("Names", 4, *names, _NAMES, ("secretsMapping",)),
        Difference("Name", 5, one["name"], other["name"], _CALLED, ("name",)),
        Difference("Description", 5, one["description"], other["description"], "For people only.", ("description",)),
    )
    return [each for each in every if each.before != each.after]


def patch_of(draft: Draft, found: Sequence[Difference]) -> Patch:
    """The same as a body of the API, with what is different alone."""
    body = draft.body().given()
    return Patch.model_validate({name: body[name] for each in found for name in each.fields})


def with_times(found: Sequence[Difference], facts: Facts, changed: Rotation, now: datetime) -> list[Difference]:
    """The same, with what another schedule means for the next time."""
    moved = replace(facts, rotation=changed, switches=replace(facts.switches, changed_at=now))
    was, will = next_rotation_at(facts), next_rotation_at(moved)
    says = f"Next by itself: {moment(will)}, was {moment(was)}." if will else "Nothing is planned."
    return [replace(each, means=says) if each.what == "Schedule" else each for each in found]


def _schedule(draft: Draft) -> str:
    said = draft.said
    return f"every {said['interval']} days at {said['time']} {said['zone']}"


def _overlap(draft: Draft) -> str:
    return draft.overlaps()[draft.said["overlap"]]


def _auto(draft: Draft) -> str:
    return "by itself" if draft.said["auto"] == "yes" else "only when asked"


def _apps(before: Draft, after: Draft) -> tuple[str, str]:
    """The same for the same application, whatever it is called by now; an id may be known on one side only."""
    one, other = before.application, after.application
    is_same = all(a.lower() == b.lower() for a, b in zip(one[:2], other[:2], strict=True) if a and b)
    return ("", "") if is_same else (_app(one), _app(other))


def _app(application: tuple[str, str, str]) -> str:
    object_id, client_id, name = application
    return f"{name} {client_id or object_id}".strip()


def _names(draft: Draft) -> str:
    return f"{draft.said['idName']}, {draft.said['secretName']}"
