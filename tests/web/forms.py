"""What form does an answer have, field by field, whatever the values?"""

from __future__ import annotations

import re
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def form(value: Any) -> Any:
    """The same with what each value is: id, instant, text, flag, number or nothing; of a list that of its elements."""
    if isinstance(value, dict):
        return {key: form(each) for key, each in value.items()}
    if isinstance(value, list):
        found = [form(each) for each in value]
        return found[:1] if all(each == found[0] for each in found) else found
    if isinstance(value, str):
        return "id" if _UUID.fullmatch(value) else "instant" if _INSTANT.fullmatch(value) else "text"
    return {bool: "flag", int: "number", float: "number", type(None): None}[type(value)]
