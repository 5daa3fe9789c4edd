"""How do the six steps of a rotation look, whether it is made or changed? Connection, schedule, application, and so on.

Only the last one, the review, and what comes after it differ between the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from rotator.domain.access import Role
from rotator.domain.model import Folder
from rotator.domain.resources import Checked
from rotator.errors import RotatorError
from rotator.redaction import redact_text
from rotator.web.api.connections import visible_connections
from rotator.web.dashboard.drafts import STEPS, Draft, place_of
from rotator.web.dashboard.picker import found_applications
from rotator.web.dashboard.sketch import sketch
from rotator.web.dashboard.visits import Visit, page
from rotator.web.refusals import Forbidden, NotFound, TooMany, status_of

REVIEW = len(STEPS)


async def step_page(
    visit: Visit, draft: Draft, step: int, *, mistakes: Mapping[str, str], status: int = 200, **review: Any
) -> Response:
    """The page of that step; `review` is what the last one shows besides."""
    values: dict[str, Any] = {
        "draft": draft,
        "step": step,
        "steps": STEPS,
        "mistakes": mistakes,
        "connections": await visible_connections(visit.dashboard.resources, visit.who) if step in {1, REVIEW} else (),
        "apps": (),
        "trouble": "",
        "is_more": False,
        "taken": {},
        **(await _meaning(visit, draft)),
    }
    if step == 3:
        values |= await found_applications(visit, draft.said["connection"])
    if step == 4 and draft.said["project"]:
        with suppress(Forbidden, NotFound):  # the review says so
            values["taken"] = await _taken(visit, draft)
    return visit.page("rotation_steps.html", status=status, **(values | review))


def step_wanted(visit: Visit, draft: Draft, usual: int = 1) -> tuple[int, Mapping[str, str]]:
    """The step that is asked for, or the first before it at which something is wrong; and what is."""
    said = visit.asked("step")
    wanted = int(said) if said in {str(n) for n in range(1, REVIEW + 1)} else usual
    mistakes = draft.mistakes()
    step = min([wanted, *(each for each in mistakes if each < wanted)])
    # Nothing is wrong yet at a step that is seen for the first time.
    return step, mistakes.get(step, {}) if step < wanted else {}


def first_mistake(problem: RequestValidationError) -> tuple[int, str, str]:
    """Step, field and what is wrong there."""
    error = problem.errors()[0]
    path = [str(part) for part in error["loc"]]
    step, field = place_of(path)
    what = redact_text(str(error["msg"]))
    return step, field, what if field else f"{'.'.join(path[1:])}: {what}".removeprefix(": ")


def said_of_problem(problem: RequestValidationError | RotatorError) -> str:
    """One line for people."""
    if isinstance(problem, RequestValidationError):
        return first_mistake(problem)[2]
    return redact_text(" ".join(str(problem).split()))


def status_to_stay(problem: RotatorError) -> int:
    """The status of a form that is shown again with what was said. Raises it for what has a page of its own."""
    if isinstance(problem, Forbidden | NotFound | TooMany):
        raise problem
    return status_of(problem)[0]


def refusal(checks: Sequence[Checked]) -> str:
    """The first thing that stands against it, or nothing."""
    return next((each.said for each in checks if each.ok is False), "")


def require_admin_somewhere(visit: Visit) -> None:
    """Where exactly is asked once it has been said where."""
    if not is_admin_somewhere(visit):
        raise Forbidden(f"The identity {visit.who.identity.name} is admin of no place")


def is_admin_somewhere(visit: Visit) -> bool:
    """May he make rotations at all?"""
    return any(grant.role is Role.ADMIN for grant in visit.who.identity.grants)


async def _applications(visit: Visit) -> Response:
    """The applications whose names hold what is being typed."""
    require_admin_somewhere(visit)
    draft = Draft.of(visit.request.query_params)
    return visit.page("applications.html", draft=draft, **await found_applications(visit, draft.said["connection"]))


async def _time(visit: Visit) -> Response:
    """What a time means in UTC, and what the overlap looks like."""
    draft = Draft.of(visit.request.query_params)
    return visit.page("schedule_meaning.html", draft=draft, **await _meaning(visit, draft))


async def _meaning(visit: Visit, draft: Draft) -> dict[str, Any]:
    now = await visit.dashboard.books.now()
    return {"first": draft.first_slot(now), "now": now, "sketch": sketch(draft, now)}


async def _names(visit: Visit) -> Response:
    """Which of the names that are being typed show somebody else's secret there?"""
    draft = Draft.of(visit.request.query_params)
    return visit.page("names.html", draft=draft, taken=await _taken(visit, draft))


async def _taken(visit: Visit, draft: Draft) -> dict[str, str]:
    """Those of the names that are in use -> by which rotation. Raises NotFound, Forbidden for who is no admin there."""
    known, said = visit.dashboard.resources, draft.said
    names = {said["idName"], said["secretName"]} - {""}
    folder = Folder(await known.project(said["project"]), said["environment"], said["path"] or "/")
    visit.who.require(Role.ADMIN, folder.project, folder.environment, path=folder.path, what="That place")
    mine = str(visit.request.path_params.get("id", ""))
    others = await known.rotations.taken(folder, names, rotation_id=mine)
    return {name: await _name(visit, rotation_id) for name, rotation_id in others.items()}


async def _name(visit: Visit, rotation_id: str) -> str:
    """Of the rotation whose secret it is; he may see it, for it lies where he is admin."""
    try:
        facts, _ = await visit.dashboard.resources.books.look(rotation_id)
    except KeyError:
        return "a rotation that has been forgotten"
    return facts.rotation.name


ROUTES = [
    page("/rotations/new/applications", _applications),
    page("/rotations/new/time", _time),
    page("/rotations/new/names", _names),
    page("/rotations/{id}/edit/names", _names),
]
