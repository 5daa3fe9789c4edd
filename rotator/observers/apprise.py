"""How does a message get to one of the services that the library Apprise knows? In a thread that nothing waits for.

Apprise speaks by itself: it takes a proxy from the environment, not from ours, and trusts the authorities of certifi.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from rotator.domain.notices import Kind, Notice
from rotator.errors import RotatorError
from rotator.observers import wording
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
        self._handing: threading.Thread | None = None

    async def send(self, notices: Sequence[Notice], more: int) -> None:
        """One message; raises Unsent in words without the address."""
        if self._handing is not None and self._handing.is_alive():
            raise Unsent("the service is still at the message before")
        try:
            address = self._address()
        except RotatorError as problem:
            raise Unsent(str(problem)) from None
        try:
            async with asyncio.timeout(self._patience):
                refused = await self._handed(address, notices, more)
        except TimeoutError:
            raise Unsent("no answer in time") from None
        if refused is not None:
            raise refused

    async def _handed(self, address: Secret, notices: Sequence[Notice], more: int) -> Unsent | None:
        """What went wrong. A thread of its own, which holds up neither those of others nor the end of the process."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Unsent | None] = loop.create_future()

        def hand_in() -> None:
            problem = _sent(address, notices, more)
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(_answer, ended, problem)

        self._handing = threading.Thread(target=hand_in, daemon=True)
        self._handing.start()
        return await ended


def _answer(ended: asyncio.Future[Unsent | None], problem: Unsent | None) -> None:
    if not ended.done():
        ended.set_result(problem)


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
