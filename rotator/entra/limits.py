"""How long may a secret of this application live? Asks for the policies, and believes them for an hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from rotator.answers import parsed
from rotator.entra import policies
from rotator.entra.answers import Answer
from rotator.entra.graph_refusals import Subjects, failure
from rotator.errors import PolicyRefused

if TYPE_CHECKING:
    from rotator.entra.asking import Ask, Asker
    from rotator.entra.graph_client import GraphClient
    from rotator.ports import Clock

#: In monotonic seconds.
_KEPT: Final = 3600.0
_OPERATION: Final = "reading the app management policies"


class Limits:
    """The bounds that app management policies set for new secrets; a tenant that hides them sets none we know of."""

    def __init__(self, graph: GraphClient, asker: Asker, clock: Clock) -> None:
        self._graph = graph
        self._asker = asker
        self._clock = clock
        self._bounds: dict[str, tuple[float, policies.Bounds]] = {}
        self._default: tuple[float, dict[str, object]] | None = None

    async def longest(self, object_id: str, name: str, created_at: datetime | None) -> timedelta | None:
        """The longest lifetime, or None. Raises PolicyRefused when new secrets are forbidden, and what reads raise."""
        kept = self._bounds.get(object_id)
        if kept is None or self._is_old(kept[0]):
            kept = (self._clock.monotonic(), await self._ask(object_id, created_at))
            self._bounds[object_id] = kept
        if kept[1].forbidden:
            what = f"an app management policy forbids new secrets for '{name}'"
            raise PolicyRefused("policies", what, hint="Have the application exempted, or stop rotating it.")
        return kept[1].longest

    async def _ask(self, object_id: str, created_at: datetime | None) -> policies.Bounds:
        own = await self._body(partial(self._graph.policies_of, object_id))
        bounds = policies.of_application(own, created_at)
        return bounds if bounds is not None else policies.of_tenant(await self._tenant_policy(), created_at)

    async def _tenant_policy(self) -> dict[str, object]:
        if self._default is None or self._is_old(self._default[0]):
            self._default = (self._clock.monotonic(), await self._body(self._graph.default_policy))
        return self._default[1]

    async def _body(self, ask: Ask) -> dict[str, object]:
        answer = await self._asker.repeatable(_OPERATION, ask)
        if answer.status == 200:
            return parsed(answer.content)
        if _is_hidden(answer):
            return {}
        raise failure(_OPERATION, answer, Subjects("", ""))

    def _is_old(self, since: float) -> bool:
        return self._clock.monotonic() - since > _KEPT


def _is_hidden(answer: Answer) -> bool:
    """Reading policies needs a permission of its own (403); some clouds do not have them (400, 404)."""
    return answer.status in {400, 403, 404}
