"""How is a route reached that is asked all day? Past the framework, whose resolution of parameters costs more than it.

The framework's own route stays behind it: it is what the OpenAPI document shows, and what other methods meet.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response
from starlette.routing import Route


def quick(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
    """A route for GET whose answer finds for itself what it needs."""
    made = Route(path, answer, methods=["GET"], include_in_schema=False)
    made.methods = {"GET"}  # and not HEAD, which the framework's routes do not answer
    return made


def in_path(known: TypeAdapter[str], request: Request, name: str) -> str:
    """That part of the path, refused as the framework refuses it."""
    try:
        return known.validate_python(request.path_params[name])
    except ValidationError as problem:
        found: list[Any] = [{**each, "loc": ("path", name)} for each in problem.errors(include_url=False)]
        raise RequestValidationError(found) from None
