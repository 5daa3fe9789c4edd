"""How does version 1 of Vault's KV engine keep a secret, and our marks in it? It has no versions and no metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.destinations.sidecar import Seat, Shared
from rotator.destinations.vault import Found
from rotator.domain.model import Secret

if TYPE_CHECKING:
    from rotator.destinations.marks import Mark
    from rotator.destinations.vault_session import Session
    from rotator.ports import Placed


class KvOne:
    """The secret is read and written whole; nothing keeps another program from writing in between."""

    version = 1

    def __init__(self, mount: str, path: str, *, seat: Seat, session: Session) -> None:
        self._at = f"{mount}/{path}"
        self._seat = seat
        self._session = session
        self.needs = {self._at: ("read", "create", "update")}

    async def read(self) -> Placed | None:
        """The engine offers no way without the texts."""
        return (await self.find("read")).shared.placed(self._seat)

    async def find(self, operation: str) -> Found:
        """The whole object."""
        answer = await self._session.ask(operation, "GET", self._at, wanted={404})
        if answer.status == 404:
            self._session.refuse_missing_mount(operation, answer)
            return Found(Shared())
        content = answer.json.get("data")
        return Found(Shared.of(content if isinstance(content, dict) else {}), exists=True)

    async def put(self, found: Found, wanted: Shared) -> None:
        """Without check-and-set."""
        if wanted != found.shared:
            await self._post("write", wanted)

    async def take(self, found: Found, mine: Mark) -> None:
        """What is left stays."""
        left = found.shared.without(mine)
        if mine.made and not left.whole():
            await self._session.ask("remove", "DELETE", self._at)
        else:
            await self._post("remove", left)

    async def _post(self, operation: str, shared: Shared) -> None:
        hide = [Secret(text) for text in shared.content.values() if isinstance(text, str) and text]
        await self._session.ask(operation, "POST", self._at, json=shared.whole(), hide=hide)
