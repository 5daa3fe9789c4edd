"""What does an answer that says no look like? Infisical's `{reqId, statusCode, message, error}`, whatever happened."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rotator.errors import RotatorError
from rotator.redaction import redact_text
from rotator.web.refusals import Forbidden, Refused, status_of

_LONGEST = 1024
#: Statuses that the framework gives by itself, in Infisical's words.
_WORDS = {404: "NotFound", 405: "MethodNotAllowed", 413: "PayloadTooLarge", 415: "UnsupportedMediaType"}


def install(app: FastAPI) -> None:
    """Let every refusal of the app have this form."""
    app.add_exception_handler(RotatorError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(Exception, _broken)


def refusal(request_id: str, problem: RotatorError) -> Response:
    """The answer to a request that was refused."""
    status, word = status_of(problem)
    more: dict[str, Any] = {"details": []} if isinstance(problem, Forbidden) else {}
    answer = _answer(request_id, status, _one_line(problem), word=word, **more)
    if isinstance(problem, Refused) and problem.retry_after:
        answer.headers["Retry-After"] = str(problem.retry_after)
    return answer


def broken(request_id: str) -> Response:
    """The answer when the fault is ours; the log has the traceback under the same id."""
    what = f"Something went wrong on our side; the log tells more under {request_id}"
    return _answer(request_id, 500, what, word="InternalServerError")


def refused_as(request: Request, **facts: object) -> None:
    """Tell the audit more, should the request be refused: never a secret."""
    request.scope.setdefault("rotator.facts", {}).update(facts)


def denied_as(request: Request, record: Callable[[str], Awaitable[None]]) -> None:
    """Have that record written, should the request be forbidden to who has signed in."""
    request.scope["rotator.denied"] = record


async def _refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RotatorError)
    refused_as(request, why=_one_line(problem))
    record = request.scope.get("rotator.denied") if isinstance(problem, Forbidden) else None
    try:
        if record is not None:
            await record(_one_line(problem))
    except RotatorError as trouble:
        return refusal(id_of(request), trouble)
    return refusal(id_of(request), problem)


async def _broken(request: Request, _problem: Exception) -> Response:
    """The gate logs it; the framework raises it on when this has been sent."""
    return broken(id_of(request))


async def _invalid(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    errors = problem.errors()
    refused_as(request, why="the body does not have its form")
    if any(error["type"] == "json_invalid" for error in errors):
        return _answer(id_of(request), 400, "The body is not JSON", word="BadRequest")
    return _answer(id_of(request), 422, [_issue(error) for error in errors], word="ValidationFailure")


async def _of_framework(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    status = problem.status_code
    word = _WORDS.get(status) or HTTPStatus(status).phrase.replace(" ", "")
    what = f"Route {request.method}:{request.url.path[:_LONGEST]} not found" if status == 404 else problem.detail
    answer = _answer(id_of(request), status, redact_text(what), word=word)
    answer.headers.update(problem.headers or {})
    return answer


def _issue(error: Mapping[str, Any]) -> dict[str, object]:
    """One mistake: where, and what; never the value, which may be a secret."""
    path = [step for step in error["loc"] if step not in {"body", "query", "path", "header"}]
    return {"code": error["type"], "path": path, "message": redact_text(str(error["msg"]))[:_LONGEST]}


def _answer(
    request_id: str, status: int, message: str | Sequence[Mapping[str, object]], *, word: str, **more: object
) -> Response:
    body = {"reqId": request_id, "statusCode": status, "message": message, "error": word, **more}
    return Response(json.dumps(body, default=str), status, media_type="application/json")


def _one_line(problem: RotatorError) -> str:
    return redact_text(" ".join(str(problem).split()))[:_LONGEST]


def id_of(request: Request) -> str:
    """The id of the request, the same in answer and log."""
    return str(request.scope.get("rotator.request_id", ""))
