"""How is the text of a client secret carried without being shown (law L11)?"""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """The text of a client secret. It shows itself to nobody: `reveal()` is the only way to the text (law L11)."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; call at the last moment, keep it in no name that outlives the call."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled or copied")
