"""What does a template make of a credential? Jinja2 in its sandbox: it can read what it is given, and nothing else."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from rotator.destinations.formats.atomic import Unfit
from rotator.redaction import HIDDEN

if TYPE_CHECKING:
    from rotator.domain.model import Secret

_LARGEST = 4 << 20


def rendered(source: str, path: str, texts: Mapping[str, Secret], names: Mapping[str, str]) -> bytes:
    """The file. The template knows each field (`clientSecret`) that has a name, and `names` (name to text).

    Raises Unfit, without any text in it, for a template that cannot be rendered.
    """
    try:
        from jinja2.exceptions import TemplateError
    except ImportError:
        hint = "Install the extra: pip install 'entra-rotator[template]'"
        raise Unfit("Jinja2 is not installed", hint=hint) from None
    plain = {name: text.reveal() for name, text in texts.items()}
    fields = {field: plain[name] for field, name in names.items() if name in plain}
    try:
        made: bytes = _compiled(source).render(**fields, names=plain).encode()
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as exc:
        told, line = str(exc), getattr(exc, "lineno", None)
    else:
        if len(made) <= _LARGEST:
            return made
        told, line = "it makes more than 4 MiB", None
    # What Jinja2 says may quote a value: `{}[clientSecret]` does.
    for text in sorted(plain.values(), key=len, reverse=True):
        told = told.replace(text, HIDDEN) if text else told
    where = f"{path}:{line}" if line else path
    raise Unfit(f"the template cannot be rendered: {where}: {told[:200].rstrip('.')}", hint="Correct the template")


@lru_cache(maxsize=16)
def _compiled(source: str) -> Any:
    return _environment().from_string(source)


@cache
def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters["b64encode"] = lambda text: base64.b64encode(str(text).encode()).decode()
    environment.filters["shell"] = lambda text: shlex.quote(str(text))
    return environment
