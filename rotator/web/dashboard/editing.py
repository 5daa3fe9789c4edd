"""How does a person change a rotation? By the six steps that made it; the review says what changes and what it means.

Whoever saves upon what somebody else has changed meanwhile is told so, and sees his changes against how it stands now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from rotator.domain.access import Role
from rotator.domain.definition import definition_hash
from rotator.domain.model import Facts
from rotator.errors import RotatorError
from rotator.web.api.mistakes import told_as_invalid
from rotator.web.api.rotation_bodies import values_of
from rotator.web.api.rotation_changes import changed_rotation
from rotator.web.dashboard.choosing import chosen_to_change
from rotator.web.dashboard.differences import differences, patch_of, with_times
from rotator.web.dashboard.drafts import Draft
from rotator.web.dashboard.steps import REVIEW, first_mistake, said_of_problem, status_to_stay, step_page, step_wanted
from rotator.web.dashboard.visits import Visit, page
from rotator.web.refusals import Conflict

#: The connection stays: the first step has nothing to ask.
_FIRST = 2


@dataclass(frozen=True, slots=True)
class Edit:
    """A rotation as it stands, and what somebody would have of it."""

    facts: Facts
    now: datetime
    #: As it stands, in the words of the form.
    before: Draft
    draft: Draft

    @property
    def is_moved(self) -> bool:
        """Has somebody else changed it since this form was begun?"""
        return self.draft.seen != self.before.seen


async def _step(visit: Visit) -> Response:
    edit = await _edit(visit, visit.request.query_params)
    step, mistakes = step_wanted(visit, edit.draft, _FIRST)
    return await _page(visit, edit, step, mistakes=mistakes)


async def _save(visit: Visit) -> Response:
    """Define it anew; else the step again at which something is refused, with all that was said."""
    edit = await _edit(visit, visit.form or {})
    mistakes = edit.draft.mistakes()
    if mistakes:
        first = min(mistakes)
        return await _page(visit, edit, first, mistakes=mistakes[first], status=422)
    if edit.is_moved:
        return await _page(visit, edit, REVIEW, status=409)
    found = differences(edit.before, edit.draft)
    if found:
        patch, known = patch_of(edit.draft, found), visit.dashboard.resources
        try:
            await changed_rotation(visit.request, visit.who, known, facts=edit.facts, body=patch, seen=edit.draft.seen)
        except RequestValidationError as problem:
            step, field, what = first_mistake(problem)
            return await _page(visit, edit, step, mistakes={field: what}, status=422)
        except RotatorError as problem:
            now = await _edit(visit, visit.form or {})
            said = "" if now.is_moved else said_of_problem(problem)
            return await _page(visit, now, REVIEW, status=status_to_stay(problem), said=said)
    return visit.to(f"/rotations/{edit.facts.rotation.id}")


async def _edit(visit: Visit, given: Mapping[str, str]) -> Edit:
    facts, now = await chosen_to_change(visit, Role.ADMIN)
    if facts.switches.retired_at is not None:
        raise Conflict(f"The rotation {facts.rotation.name} has been let go", hint="Delete it to have it forgotten.")
    rotation, seen = facts.rotation, definition_hash(facts.rotation)
    connection_id = (await visit.dashboard.resources.books.ids()).connection(rotation.connection)
    before = Draft.changing(rotation, {}, connection_id=connection_id, seen=seen)
    begun = given.get("seen", "")[:64] or seen
    return Edit(facts, now, before, Draft.changing(rotation, given, connection_id=connection_id, seen=begun))


async def _page(
    visit: Visit, edit: Edit, step: int, *, mistakes: Mapping[str, str] | None = None, status: int = 200, said: str = ""
) -> Response:
    review = await _review(visit, edit) if step == REVIEW else {}
    if said:
        review["refused"] = review["refused"] or said
    # What is reviewed is reviewed upon how it stands now, and saved upon that.
    draft = replace(edit.draft, seen=edit.before.seen) if step == REVIEW else edit.draft
    return await step_page(
        visit, draft, step, mistakes=mistakes or {}, status=status, rotation=edit.facts.rotation, **review
    )


async def _review(visit: Visit, edit: Edit) -> dict[str, Any]:
    """What changes, and what the books and Entra say to it; what Entra says stops the next rotation, not the edit."""
    found, rotations = differences(edit.before, edit.draft), visit.dashboard.resources.rotations
    shown: dict[str, Any] = {"is_moved": edit.is_moved, "differences": found, "checks": (), "refused": ""}
    if not found:
        return shown
    try:
        values = values_of(patch_of(edit.draft, found))
        with told_as_invalid():
            changed = await rotations.changed(edit.facts.rotation, values)
            checks = await rotations.preflight(values, edit.facts.rotation)
    except (RequestValidationError, RotatorError) as problem:
        return {**shown, "refused": said_of_problem(problem)}
    taken = next((each.said for each in checks if each.ok is False and not each.by_entra), "")
    return {
        **shown,
        "differences": with_times(found, edit.facts, changed, edit.now),
        "checks": checks,
        "refused": taken,
    }


_HERE = "/rotations/{id}/edit"
ROUTES = [page(_HERE, _step), page(_HERE, _save, methods=["POST"])]
