"""How is a consumer told by a signed message? As the destination `webhook` delivers, never with the secret."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.destinations.hooks.options import Hook, HookOptions, told
from rotator.destinations.posting import Post, Posting

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Credential, Rotation


class Options(Posting, HookOptions):
    """Where to, and signed by what."""

    def name(self) -> str:
        return f"webhook:{self.url}"

    def open(self, rotation: Rotation, surroundings: Surroundings) -> Hook:
        return _Webhook(self, rotation, surroundings)

    def patience(self) -> timedelta:
        return self.timeout + timedelta(seconds=5)


class _Webhook:
    """One POST for each promotion."""

    def __init__(self, options: Options, rotation: Rotation, surroundings: Surroundings) -> None:
        self._post = Post(options, options.name(), surroundings)
        self._rotation = rotation
        self._surroundings = surroundings

    async def check(self) -> None:
        """It answers, and does not turn us away."""
        try:
            await self._post.reachable("check")
        finally:
            await self._post.close()

    async def tell(self, credential: Credential) -> None:
        """Every try for one credential bears the same id."""
        message = {
            "type": "credential.promoted",
            "timestamp": self._surroundings.clock.now().isoformat(),
            "data": told(self._rotation, credential),
        }
        try:
            await self._post.post("hook", message, message_id=f"promoted-{credential.key_id}")
        finally:
            await self._post.close()
