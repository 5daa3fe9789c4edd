"""Does the credential of a connection near its end, and has a person been told?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from rotator.domain.alarms import connection_alarm
from rotator.entra.expiry import Expiry, expiry_of
from rotator.errors import RotatorError

if TYPE_CHECKING:
    from rotator.entra.client_secrets import ClientSecrets
    from rotator.ports import Directories

_TOLD_AGAIN: Final = timedelta(days=1)


class ExpiryWatch:
    """Looks at every connection and logs an alarm when it begins, when it changes and once a day.

    What was last known counts as long as nothing newer is: an expired credential cannot be asked about.
    """

    def __init__(
        self, secrets: ClientSecrets, directories: Directories, *, now: Callable[[], Awaitable[datetime]]
    ) -> None:
        self._secrets = secrets
        self._directories = directories
        #: The database's time.
        self._now = now
        self._known: dict[str, Expiry] = {}
        self._unknown: dict[str, str] = {}
        self._told: dict[str, tuple[str, str, datetime]] = {}
        self._log = structlog.get_logger("rotator.connections")

    async def look(self) -> None:
        """Ask about each in turn. Never raises: a look that fails is no reason for anything else to."""
        self._forget_removed()
        for name in list(self._secrets.connections):
            try:
                await self._learn(name)
                self._tell(name, await self._now())
            except RotatorError as problem:
                self._say_unknown(name, str(problem))
            except Exception:  # noqa: BLE001 - a bug here must not cost the daemon its hour
                self._log.exception("the expiry of a connection's credential could not be looked at", connection=name)

    def known(self) -> dict[str, str]:
        """What is known of each connection with a credential, for a person."""
        names = sorted({*self._known, *self._unknown})
        return {name: str(self._known.get(name) or "unknown") for name in names}

    def ends(self) -> dict[str, datetime]:
        """When the credential of each connection ends, as far as that is known."""
        return {name: found.expires_at for name, found in self._known.items() if found.expires_at is not None}

    async def _learn(self, name: str) -> None:
        try:
            found = await expiry_of(name, self._secrets, self._directories)
        except RotatorError as problem:
            self._say_unknown(name, str(problem))
            return
        self._unknown.pop(name, None)
        if found is None:
            self._known.pop(name, None)
        elif found.expires_at is not None or name not in self._known:
            self._known[name] = found

    def _say_unknown(self, name: str, why: str) -> None:
        if name not in self._unknown:
            self._log.info("the expiry of a connection's credential is not known", connection=name, message=why)
        self._unknown[name] = why

    def _tell(self, name: str, now: datetime) -> None:
        found = self._known.get(name)
        code = connection_alarm(found.expires_at, now, near=found.near) if found else ""
        said, until, at = self._told.get(name, ("", "", now))
        if found is None or not code:
            if self._told.pop(name, None):
                self._log.info("alarm cleared", connection=name, alarm=said)
            return
        ends = found.expires_at.isoformat(timespec="seconds") if found.expires_at else ""
        if (said, until) == (code, ends) and now < at + _TOLD_AGAIN:
            return
        self._told[name] = (code, ends, now)
        self._log.warning("alarm", connection=name, alarm=code, expires_at=ends, message=f"The {found.what} is {found}")

    def _forget_removed(self) -> None:
        for each in (self._known, self._unknown, self._told):
            for name in each.keys() - self._secrets.connections.keys():
                del each[name]
