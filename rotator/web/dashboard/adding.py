"""How is a rotation added by a person? In six steps: connection, schedule, application, secrets, name, review."""

from __future__ import annotations

from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from rotator.errors import RotatorError
from rotator.web.api.mistakes import told_as_invalid
from rotator.web.api.rotation_changes import made_rotation, wanted
from rotator.web.dashboard.drafts import ADD, Draft
from rotator.web.dashboard.steps import (
    REVIEW,
    first_mistake,
    refusal,
    require_admin_somewhere,
    said_of_problem,
    status_to_stay,
    step_page,
    step_wanted,
)
from rotator.web.dashboard.visits import Visit, page


async def _step(visit: Visit) -> Response:
    """The page of a step, or of the first before it at which something is missing or wrong."""
    require_admin_somewhere(visit)
    draft = Draft.of(visit.request.query_params)
    step, mistakes = step_wanted(visit, draft)
    review = await _review(visit, draft) if step == REVIEW else {}
    return await step_page(visit, draft, step, mistakes=mistakes, **review)


async def _make(visit: Visit) -> Response:
    """Define it, and show its first rotation as it goes; else the step again at which something was refused."""
    require_admin_somewhere(visit)
    draft = Draft.of(visit.form or {})
    mistakes = draft.mistakes()
    if mistakes:
        first = min(mistakes)
        return await step_page(visit, draft, first, mistakes=mistakes[first], status=422)
    try:
        rotation = await made_rotation(visit.request, visit.who, visit.dashboard.resources, draft.body())
    except RequestValidationError as problem:
        step, field, what = first_mistake(problem)
        review = await _review(visit, draft) if step == REVIEW else {}
        return await step_page(visit, draft, step, mistakes={field: what}, status=422, **review)
    except RotatorError as problem:
        status = status_to_stay(problem)
        shown = {"checks": (), "refused": said_of_problem(problem), "is_allowed": False}
        return await step_page(visit, draft, REVIEW, mistakes={}, status=status, **shown)
    return visit.to(f"/rotations/{rotation.id}")


async def _review(visit: Visit, draft: Draft) -> dict[str, Any]:
    """What the books and Entra say to it as it stands."""
    known = visit.dashboard.resources
    try:
        values, _ = await wanted(visit.who, known, draft.body())
        with told_as_invalid():
            checks = await known.rotations.preflight(values)
    except (RequestValidationError, RotatorError) as problem:
        return {"checks": (), "refused": said_of_problem(problem), "is_allowed": False}
    return {"checks": checks, "refused": "", "is_allowed": not refusal(checks)}


ROUTES = [
    page(ADD, _step),
    page(ADD, _make, methods=["POST"]),
]
