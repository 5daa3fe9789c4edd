"""How does a message get to one of the services that the library Apprise knows? In a thread that nothing waits for.

Apprise speaks by itself: it takes a proxy from the environment, not from ours, and trusts the authorities of certifi.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from rotator.domain.notices import Kind, Notice
from rotator.errors import RotatorError
from rotator.observers import wording
from rotator.observers.apart import Apart
from rotator.observers.post import Unsent

if TYPE_CHECKING:
    from rotator.domain.model import Secret

#: Seconds for one message; some services take it in pieces.
PATIENCE = 30.0
_GOOD, _BAD = frozenset({Kind.RECOVERY, Kind.SUCCESS}), frozenset({Kind.FAILURE, Kind.COMPROMISED})


class AppriseChannel:
    """One service. Its address, read anew for each message, holds tokens: it is in no message, and in no log."""

    def __init__(self, name: str, address: Callable[[], Secret], *, patience: float = PATIENCE) -> None:
        self.name = name
        self._address = address
        self._patience = patience
        self._apart = Apart()

    async def send(self, notices: Sequence[Notice], more: int) -> None:
        """One message; raises Unsent in words without the address."""
        try:
            address = self._address()
        except RotatorError as problem:
            raise Unsent(str(problem)) from None
        await self._apart.hand_in(partial(_sent, address, notices, more), self._patience)


def _sent(address: Secret, notices: Sequence[Notice], more: int) -> Unsent | None:
    logging.getLogger("apprise").disabled = True  # it writes down addresses
    from apprise import Apprise, AppriseAsset

    asset = AppriseAsset(async_mode=False, http_redirects=False, service_timeout=0, app_id="rotator")
    try:
        service = Apprise.instantiate(address.reveal(), asset=asset)
        if service is None:
            return Unsent("its address is not one that apprise knows", for_good=True)
        service.redirects = False  # whatever its address says
        everyone = Apprise(service, asset=asset)
        said = "\n".join(wording.lines(notices, more))
        title = f"rotator: {wording.subject(notices, more)}"
        taken = everyone.notify(said, title, notify_type=_type_of(notices), body_format="text")
    except Exception as problem:  # noqa: BLE001 - of a hundred services; its text may hold the address
        return Unsent(f"apprise failed: {type(problem).__name__}")
    return None if taken else Unsent(f"{service.service_name} did not take it")


def _type_of(notices: Sequence[Notice]) -> str:
    kinds = {notice.kind for notice in notices}
    return "success" if kinds <= _GOOD else "failure" if kinds & _BAD else "warning"
