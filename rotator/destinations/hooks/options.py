"""What do the options of all kinds of hooks have in common? A name, and the way to open it."""

from __future__ import annotations

from abc import abstractmethod
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Protocol

from rotator.options import Options

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Credential, Rotation


class Hook(Protocol):
    """One consumer to tell. Both raise DestinationUnavailable (again later) or DestinationRefused."""

    async def check(self) -> None:
        """Could it be told? Tells it nothing."""

    async def tell(self, credential: Credential) -> None:
        """Its credential has been replaced by this one. May be told twice of the same."""


class HookOptions(Options):
    """The own options of one kind of hook."""

    @abstractmethod
    def name(self) -> str:
        """The stable name of the hook within its rotation: `systemd:restart:billing.service`. Holds no secret."""

    @abstractmethod
    def open(self, rotation: Rotation, surroundings: Surroundings) -> Hook:
        """The hook of that rotation. Does nothing on disk or network yet."""

    def patience(self) -> timedelta:
        """The longest that one run may take."""
        return timedelta(seconds=30)


def told(rotation: Rotation, credential: Credential) -> dict[str, object]:
    """What any consumer may know of what happened: no secret is in it."""
    return {
        "operation": "promoted",
        "rotation": rotation.name,
        "attempt": credential.attempt_id,
        "clientId": credential.application.client_id,
        "tenantId": credential.application.tenant_id,
        "keyId": credential.key_id,
        "expiresAt": credential.expires_at.astimezone(UTC).isoformat(),
    }
