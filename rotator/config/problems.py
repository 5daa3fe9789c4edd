"""What is wrong with the configuration, where, and what would be allowed? One line for each mistake."""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from rotator.config.later import later
from rotator.config.reading import Place, Table, Unreadable, place_of
from rotator.errors import ConfigError
from rotator.options import shown
from rotator.redaction import redact_shapes

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]

_FORMS = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "text",
    "bool_type": "true | false",
    "int_type": "a whole number",
}


@dataclass(frozen=True, slots=True)
class Spot:
    """A block of a document and the path that leads to it from the top."""

    document: Table
    path: Path = ()

    def __truediv__(self, step: str | int) -> Spot:
        return Spot(self.document, (*self.path, step))

    def has(self, more: Path) -> bool:
        """Tell whether there is something at the path below this one."""
        here: object = self.document
        for step in (*self.path, *more):
            if not (isinstance(here, dict) and step in here) and not (
                isinstance(here, list) and isinstance(step, int) and step < len(here)
            ):
                return False
            here = here[step]  # type: ignore[index]
        return True

    def place(self, *more: str | int, key: bool = False) -> Place:
        return place_of(self.document, (*self.path, *more), key=key)


class Problems:
    """Gathers mistakes; two with the same words at the same place are one."""

    def __init__(self) -> None:
        self._found: dict[tuple[Place, str], None] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, spot: Spot, what: str, *, key: bool = False) -> None:
        """The value at the spot (or its key) is wrong; `what` ends with what is allowed, in brackets."""
        self.at(spot.place(key=key), f"{dotted(spot.path)}: {what}")

    def at(self, place: Place, what: str) -> None:
        """As `add`, where there is no path."""
        self._found[place, redact_shapes(what)] = None

    def take(self, exc: Unreadable) -> None:
        """What made a file unreadable."""
        self._found[exc.place, exc.why] = None

    def blame(
        self,
        spot: Spot,
        model: type[BaseModel],
        exc: ValidationError,
        *,
        defaults: Spot | None = None,
        unasked: Container[object] = (),
    ) -> None:
        """Everything that pydantic found wrong with the block at the spot, in our words.

        `defaults`: where the options stand that the block does not have itself. `unasked`: options that may be missing.
        """
        for error in exc.errors(include_url=False):
            path = error["loc"]
            if error["type"] == "missing" and len(path) == 1 and path[0] in unasked:
                continue
            inherited = defaults is not None and defaults.has(path[:1]) and not spot.has(path[:1])
            top = defaults if inherited and defaults else spot
            where = Spot(top.document, (*top.path, *path))
            what, key = _in_our_words(where, error, model)
            self.add(where, what, key=key)

    def lines(self, files: Iterable[str] = ()) -> list[str]:
        """`file:line:column: path: what is wrong (what is allowed)`, files in the order given."""
        order = {file: n for n, file in enumerate(files)}
        ordered = sorted(self._found, key=lambda found: (order.get(found[0].file, len(order)), found[0], found[1]))
        return [f"{place}: {what}" for place, what in ordered]

    def stop(self, files: Iterable[str] = ()) -> None:
        """Raise ConfigError with all that was found, if anything was."""
        if self._found:
            raise ConfigError(self.lines(files))


def dotted(path: Path) -> str:
    """`rotations[0].rotateAtUtc.hours`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Names the nearest known key, or all of them when none is near."""
    names = list(known)
    nearest = difflib.get_close_matches(key.lower(), [name.lower() for name in names], n=1)
    meant = next((name for name in names if nearest and name.lower() == nearest[0]), None)
    return f"unknown key (did you mean {meant}?)" if meant else f"unknown key ({' | '.join(names)})"


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a block, as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _in_our_words(where: Spot, error: ErrorDetails, model: type[BaseModel]) -> tuple[str, bool]:
    """What is wrong, and whether it is wrong with the key rather than the value."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "refused":
        return error["msg"], False
    if kind == "missing":
        return "missing (required)", False
    if kind == "extra_forbidden":
        return later(where.path) or unknown_key(str(error["loc"][-1]), keys_of(_block(model, error["loc"][:-1]))), True
    return f"{shown(error['input'])} is not allowed ({_allowed(kind, context, error['msg'])})", False


def _allowed(kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind in _FORMS:
        return _FORMS[kind]
    if "expected" in context:
        return str(context["expected"]).replace("'", "").replace(", ", " | ").replace(" or ", " | ")
    return message.removeprefix("Value error, ").removeprefix("Input should be ")


def _block(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """The model of the block at that path below a model."""
    for step in path:
        field = next((field for name, field in model.model_fields.items() if step in {name, field.alias}), None)
        inner = next((each for each in _parts(field.annotation) if _is_model(each)), None) if field else None
        model = inner or model
    return model


def _parts(annotation: object) -> tuple[Any, ...]:
    return (annotation, *(deep for each in get_args(annotation) for deep in _parts(each)))


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
