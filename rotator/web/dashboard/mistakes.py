"""What is wrong with a form, and at which of its fields? From the same checks that a body of the API goes through."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from rotator.redaction import redact_text

#: Name of the field, empty for the whole -> what is wrong.
Mistakes = Mapping[str, str]


def mistakes_of(problem: ValidationError | RequestValidationError) -> dict[str, str]:
    """By the last name of each path, which is the field's name in the form."""
    found: dict[str, str] = {}
    for error in problem.errors():
        names = [part for part in error["loc"] if isinstance(part, str) and part != "body"]
        said = "is missing" if error["type"] == "missing" else str(error["msg"]).removeprefix("Value error, ")
        found.setdefault(names[-1] if names else "", redact_text(said))
    return found
