"""What does the page of a kind of destination say of its options? The table that its model makes.

`python -m tests.docs.tables` writes the tables of all pages anew, between the two marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from rotator.destinations import KINDS, options_of
from rotator.destinations.hooks import HOOK_KINDS, hook_options_of
from rotator.options import Options, show_span
from rotator.references import Reference
from tests.docs.pages import ROOT

PAGES = ROOT / "docs" / "destinations"
#: One page for all kinds of hooks, each with a table between marks that name it.
HOOKS = ROOT / "docs" / "hooks.md"
BEGIN, END = "<!-- options -->\n", "<!-- /options -->"
_BETWEEN = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def table(kind: str) -> str:
    """The options of the kind itself; those that all kinds share are told elsewhere."""
    return _table(options_of(kind))


def with_hook_tables(text: str) -> str:
    """The page of the hooks with its tables as they are to be."""
    for kind in HOOK_KINDS:
        begin = f"<!-- options: {kind} -->\n"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{_table(hook_options_of(kind))}\n{END}{rest.partition(END)[2]}"
    return text


def _table(model: type[Options]) -> str:
    rows = [f"| `{name}` | {means} | {default} |" for name, means, default in _rows(model, "")]
    return "\n".join(["| option | means | default |", "|---|---|---|", *rows, ""])


def with_table(text: str, kind: str) -> str:
    """The page with its table as it is to be."""
    return _BETWEEN.sub(lambda _: f"{BEGIN}\n{table(kind)}\n{END}", text)


def kinds_with_tables() -> list[str]:
    """The kinds whose page has a place for a table."""
    return [kind for kind in KINDS if (page := PAGES / f"{kind}.md").exists() and BEGIN in page.read_text("utf-8")]


def _rows(model: type[Options], before: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        path = f"{before}{field.alias or name}"
        yield path, _means(field), _default(field)
        for inner in _models(field.annotation):
            yield from _rows(inner, f"{path}.")


def _means(field: FieldInfo) -> str:
    said = re.sub(r"; default:? [^;]*$", "", (field.description or "").rstrip("."))
    choices = [str(each) for each in _choices(field.annotation)]
    words = " \\| ".join(f"`{each}`" for each in choices)
    if words and not any(each in said for each in choices):
        said = f"{words}: {said}" if said else words
    elif words and not all(each in said for each in choices):
        said = f"{said} ({words})"
    secret = " (a named secret)" if _is_secret(field.annotation) else ""
    return said.replace("\\|", "|").replace("|", "\\|") + secret


def _default(field: FieldInfo) -> str:
    told = re.search(r"; default:? ([^;]*)$", (field.description or "").rstrip("."))
    if field.is_required():
        return "required"
    if told:
        return told[1]
    value = field.get_default(call_default_factory=True)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return show_span(value)
    return f"`{value}`" if value and not isinstance(value, Options) else ""


def _parts(annotation: Any) -> list[Any]:
    if get_origin(annotation) in {Union, UnionType}:
        return [each for part in get_args(annotation) for each in _parts(part)]
    return [annotation]


def _models(annotation: Any) -> list[type[Options]]:
    return [each for each in _parts(annotation) if isinstance(each, type) and issubclass(each, Options)]


def _choices(annotation: Any) -> list[Any]:
    return [choice for each in _parts(annotation) if get_origin(each) is Literal for choice in get_args(each)]


def _is_secret(annotation: Any) -> bool:
    return any(each is Reference for part in _parts(annotation) for each in (part, *get_args(part)))


if __name__ == "__main__":
    for each in kinds_with_tables():
        page = PAGES / f"{each}.md"
        page.write_text(with_table(page.read_text("utf-8"), each), "utf-8")
    HOOKS.write_text(with_hook_tables(HOOKS.read_text("utf-8")), "utf-8")
