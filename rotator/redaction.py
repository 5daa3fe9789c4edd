"""What of this may be written down? Secrets are recognised by their type, their name and their shape.

Pure: standard library only. `redact` is for values (log events, state shown to a person), `redact_text` for text whose
origin is unknown (messages of other libraries), `redact_shapes` for text that is already rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from rotator.domain.model import Secret

HIDDEN = "***"
_DEEPEST = 12
_SHORT = 24

#: The last words of a name that holds a secret: `clientSecret`, `x-vault-token` and `DB_PASSWORD` end in one.
_LAST_WORDS = (
    "secret|secret_?text|secret_?value|client_?secret|passw(?:or)?d|pwd|passphrase|token|authorization|assertion|cookie|"
    "credentials?_?text|private_?key|encryption_?keys?|api_?key|access_?key|account_?key|client_?key|connection_?string"
)
_SECRET_NAME = re.compile(rf"(?:^|_)(?:{_LAST_WORDS})$")
#: Numbers under such a name pass only here: a fencing token guards nothing by being unknown, and is what one looks for.
_COUNTED = re.compile(r"(?:^|_)token$")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-.\s]+")

#: Shape, what stands in its place, and what must occur in casefolded text before the shape is worth looking for.
_SHAPES: tuple[tuple[re.Pattern[str], str, tuple[str, ...]], ...] = (
    # What Entra generates, with the 8Q~ mark (7Q~ before 2021). No \b in front: the text may begin with - or ~.
    (re.compile(r"[A-Za-z0-9._~-]{3}\dQ(?:~|%7[Ee])(?:[A-Za-z0-9._~-]|%7[Ee]){31,34}"), HIDDEN, ("q~", "q%7e")),
    (re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}"), HIDDEN, ("eyj",)),
    (re.compile(r"\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}", ("bearer ", "basic ")),
    (
        re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        HIDDEN,
        ("-----begin ",),
    ),
    # Vault, GitHub, and the signature in a storage address.
    (
        re.compile(r"\bhv[sb]\.[A-Za-z0-9_-]{20,}|\bgh[oprsu]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"),
        HIDDEN,
        ("hvs.", "hvb.", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_"),
    ),
    (re.compile(r"(?<=[?&]sig=)[^&\s\"']+"), HIDDEN, ("sig=",)),
    # Credentials inside an address. Only the text between :// and @ goes, so the host stays readable.
    (re.compile(r"(?<=://)[^/\s\"'@]+(?=@)"), HIDDEN, ("://",)),
)
_HINTS = tuple(hint for _, _, hints in _SHAPES for hint in hints)
# name=value as in forms, addresses and reprs; "name": value as in JSON and dicts. Prose ("password: too short") stays.
_VALUE = r"""(?:\\?"(?:[^"\\]|\\[^"])*\\?"|'(?:[^'\\]|\\.)*'|[^\s"'\\&,;)}\]]+)"""
_ASSIGNED = re.compile(
    rf"""(?P<before>\b[\w-]{{0,64}}(?:{_LAST_WORDS})(?:=|\\?["']\s*:\s*)|"""
    rf"""\(b?["'][\w-]{{0,64}}(?:{_LAST_WORDS})["'],\s*)b?{_VALUE}""",  # a header in the repr of a list of pairs
    re.IGNORECASE,
)
#: One of these follows the name.
_ASSIGNING = ("=", '"', "'")


def redact(value: object, *, depth: int = 0) -> object:
    """A copy in plain values (dict, list, str, numbers, bool, None) without any secret that can be recognised."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Secret) or depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, Enum):
        return redact(value.value, depth=depth + 1)
    if isinstance(value, Mapping):
        return {(name := _named(str(key))).shown: _under(name, item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | AbstractSet):
        return _each(value, depth + 1)
    return redact_text(_text(value))


def redact_text(text: str) -> str:
    """The text without what looks like a secret or stands where one would stand (`client_secret=...`)."""
    if any(sign in text for sign in _ASSIGNING):
        text = _ASSIGNED.sub(rf"\g<before>{HIDDEN}", text)
    return redact_shapes(text)


def redact_shapes(text: str) -> str:
    """The text without what looks like a secret; keeps valid JSON valid."""
    folded = text.casefold()
    for hint in _HINTS:
        if hint in folded:
            break
    else:
        return text
    for shape, instead, hints in _SHAPES:
        if any(hint in folded for hint in hints):
            text = shape.sub(instead, text)
    return text


def names_a_secret(name: str) -> bool:
    """Whether a value under this name is hidden: under `clientSecret` it is, under `secretsMapping` it is not."""
    return _SECRET_NAME.search(_words(name)) is not None


def _words(name: str) -> str:
    return _WORD_START.sub("_", name).lower()


class _Name(NamedTuple):
    """What is known of a name: how it is shown, whether it hides what stands under it, and whether numbers too."""

    shown: str
    is_secret: bool
    counts: bool


def _look_at(name: str) -> _Name:
    return _Name(redact_text(name), names_a_secret(name), _COUNTED.search(_words(name)) is not None)


_look_once = lru_cache(maxsize=512)(_look_at)


def _named(name: str) -> _Name:
    """The same few names come with every line; one that is as long as a secret is not remembered."""
    return _look_once(name) if len(name) <= _SHORT else _look_at(name)


def _under(name: _Name, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool) or not name.is_secret:
        return redact(value, depth=depth)
    return value if isinstance(value, int) and name.counts else HIDDEN


def _each(values: Iterable[object], depth: int) -> list[object]:
    """The items; a pair whose first half names a secret, as in lists of HTTP headers, loses its second half."""
    items = list(values)
    if len(items) == 2 and isinstance(items[0], str | bytes) and names_a_secret(_text(items[0])):
        return [_text(items[0]), HIDDEN]
    return [redact(item, depth=depth) for item in items]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta) or type(value).__str__ is not object.__str__:
        return str(value)
    return repr(value)
