"""How is a rotation added by a person? In six steps: connection, schedule, application, secrets, name, review."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from rotator.domain.access import Role
from rotator.domain.model import Application
from rotator.domain.resources import ShownConnection
from rotator.errors import RotatorError
from rotator.redaction import redact_text
from rotator.web.api.connections import found_connection, visible_connections
from rotator.web.api.mistakes import told_as_invalid
from rotator.web.api.rotation_changes import made_rotation, wanted
from rotator.web.dashboard.drafts import FIELDS, OVERLAPS, STEPS, Draft, place_of
from rotator.web.dashboard.visits import Visit, page
from rotator.web.refusals import Forbidden

#: Applications that are shown at once; more are found by their names.
_MOST_APPLICATIONS = 50
_REVIEW = len(STEPS)


async def _step(visit: Visit) -> Response:
    """The page of a step, or of the first before it at which something is missing or wrong."""
    _require_admin_somewhere(visit)
    draft, said = Draft.of(visit.request.query_params), visit.asked("step")
    wanted_step = int(said) if said in {str(n) for n in range(1, _REVIEW + 1)} else 1
    mistakes = draft.mistakes()
    step = min([wanted_step, *(each for each in mistakes if each < wanted_step)])
    # Nothing is wrong yet at a step that is seen for the first time.
    shown = mistakes.get(step, {}) if step < wanted_step else {}
    return await _page(visit, draft, step, mistakes=shown)


async def _make(visit: Visit) -> Response:
    """Define it, and show its first rotation as it goes; else the review again, with what was refused."""
    _require_admin_somewhere(visit)
    draft = Draft.of(visit.form or {})
    mistakes = draft.mistakes()
    if mistakes:
        first = min(mistakes)
        return await _page(visit, draft, first, mistakes=mistakes[first], status=422)
    try:
        rotation = await made_rotation(visit.request, visit.who, visit.dashboard.resources, draft.body())
    except RequestValidationError as problem:
        step, field, what = _first(problem)
        return await _page(visit, draft, step, mistakes={field: what}, status=422)
    return visit.to(f"/rotations/{rotation.id}")


async def _applications(visit: Visit) -> Response:
    """The applications whose names hold what is being typed."""
    _require_admin_somewhere(visit)
    draft = Draft.of(visit.request.query_params)
    return visit.page("applications.html", draft=draft, **await _found(visit, draft))


async def _time(visit: Visit) -> Response:
    """What a time means in UTC."""
    draft = Draft.of(visit.request.query_params)
    return visit.page("schedule_meaning.html", first=draft.first_slot(await visit.dashboard.books.now()), draft=draft)


async def _page(visit: Visit, draft: Draft, step: int, *, mistakes: Mapping[str, str], status: int = 200) -> Response:
    now = await visit.dashboard.books.now()
    values: dict[str, Any] = {
        "draft": draft,
        "step": step,
        "steps": STEPS,
        "mistakes": mistakes,
        "connections": await visible_connections(visit.dashboard.resources, visit.who) if step in {1, _REVIEW} else (),
        "overlaps": OVERLAPS,
        "first": draft.first_slot(now),
        "now": now,
        "fields": FIELDS,
        "refused": "",
        "apps": (),
        "trouble": "",
        "is_more": False,
    }
    if step == 3:
        values |= await _found(visit, draft)
    if step == _REVIEW:
        values["refused"] = await _examined(visit, draft)
    return visit.page("rotation_new.html", status=status, **values)


async def _examined(visit: Visit, draft: Draft) -> str:
    """Why it could not be made as it stands; empty when Entra and the books allow it."""
    known = visit.dashboard.resources
    try:
        values, _ = await wanted(visit.who, known, draft.body())
        with told_as_invalid():
            await known.rotations.examine(values)
    except RequestValidationError as problem:
        return _first(problem)[2]
    except RotatorError as problem:
        return redact_text(" ".join(str(problem).split()))
    return ""


async def _found(visit: Visit, draft: Draft) -> dict[str, Any]:
    """As many applications as are shown, and why there may be none."""
    try:
        connection = await found_connection(visit.dashboard.resources, visit.who, draft.said["connection"])
        apps = await _read(visit, connection, visit.asked("q").lower())
    except RotatorError as problem:
        return {"apps": (), "trouble": redact_text(str(problem)), "is_more": False}
    return {"apps": apps[:_MOST_APPLICATIONS], "trouble": "", "is_more": len(apps) > _MOST_APPLICATIONS}


async def _read(visit: Visit, connection: ShownConnection, part: str) -> list[Application]:
    found: list[Application] = []
    async with aclosing(visit.dashboard.resources.connections.applications(connection)) as pages:
        async for each in pages:
            found += [app for app in each if part in app.name.lower() or part in {app.object_id, app.client_id}]
            if len(found) > _MOST_APPLICATIONS:
                break
    return found


def _first(problem: RequestValidationError) -> tuple[int, str, str]:
    error = problem.errors()[0]
    path = [str(part) for part in error["loc"]]
    step, field = place_of(path)
    what = redact_text(str(error["msg"]))
    return step, field, what if field else f"{'.'.join(path[1:])}: {what}".removeprefix(": ")


def _require_admin_somewhere(visit: Visit) -> None:
    """Where exactly is asked once it has been said where."""
    if not is_admin_somewhere(visit):
        raise Forbidden(f"The identity {visit.who.identity.name} is admin of no place")


def is_admin_somewhere(visit: Visit) -> bool:
    """May he make rotations at all?"""
    return any(grant.role is Role.ADMIN for grant in visit.who.identity.grants)


ROUTES = [
    page("/rotations/new", _step),
    page("/rotations/new", _make, methods=["POST"]),
    page("/rotations/new/applications", _applications),
    page("/rotations/new/time", _time),
]
