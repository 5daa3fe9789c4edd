"""How is Graph asked so that it answers in time, with a token it accepts, and so that a write is never sent twice?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rotator.answers import retry_after
from rotator.errors import DirectoryError, DirectoryUnavailable, OutcomeUnknown, RotatorError
from rotator.trouble import NO_ANSWER, described, remedy

if TYPE_CHECKING:
    from rotator.entra.answers import Answer
    from rotator.entra.login import Login
    from rotator.ports import Clock, Meter

Ask = Callable[[], "Awaitable[Answer]"]

#: Where Graph throttles without saying for how long.
_PAUSE: Final = timedelta(seconds=10)


class Asker:
    """Sends one connection's requests. `seconds` bound each call as a whole: its turn, its token and its answer.

    What it raises has neither cause nor context: the errors of httpx hold the request with its token.
    """

    def __init__(self, login: Login, host: str, seconds: float, *, clock: Clock, meter: Meter | None = None) -> None:
        self._login = login
        self._meter = meter
        self._host = host
        self._seconds = seconds
        self._clock = clock
        #: Graph wants no requests of this connection before that monotonic time.
        self.quiet_until: float | None = None

    async def repeatable(self, operation: str, ask: Ask) -> Answer:
        """A read or a removal: whatever Graph answers. A refused token is renewed once, with the claims it lacked.

        Raises SignInRefused, DirectoryThrottled for the sign-in, DirectoryUnavailable.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._with_accepted_token(operation, ask)
        except NO_ANSWER as exc:
            error = self._unavailable(operation, exc)
        raise error

    async def once(self, operation: str, turn: asyncio.Lock, ask: Ask) -> Answer:
        """A write that may not be repeated: it is sent at most once, when its turn has come (law L4).

        Raises what the sign-in raises and DirectoryUnavailable while nothing has been sent, then OutcomeUnknown.
        """
        sent = False
        try:
            async with asyncio.timeout(self._seconds), turn:
                await self._login.token()
                sent = True
                answer = await self._counted(operation, ask)
        except RotatorError:
            raise  # of the sign-in, which comes before the request
        except Exception as exc:
            if not sent and not isinstance(exc, NO_ANSWER):
                raise
            error = self._unknown(operation, exc) if sent else self._unavailable(operation, exc)
        else:
            if answer.status == 401:
                await self._login.renew(answer.claims)  # for the next one: this one is answered
            return answer
        raise error

    async def _with_accepted_token(self, operation: str, ask: Ask) -> Answer:
        answer = await self._counted(operation, ask)
        if answer.status != 401:
            return answer
        await self._login.renew(answer.claims)
        return await self._counted(operation, ask)

    async def _counted(self, operation: str, ask: Ask) -> Answer:
        try:
            answer = await ask()
        except RotatorError:
            raise  # of the sign-in: nothing was sent
        except BaseException:
            self._count(operation, 0)
            raise
        self._count(operation, answer.status)
        if answer.status == 429:
            wait = (retry_after(answer.headers) or _PAUSE).total_seconds()
            self.quiet_until = max(self.quiet_until or 0.0, self._clock.monotonic() + wait)
        return answer

    def _count(self, operation: str, status: int) -> None:
        if self._meter is not None:
            self._meter.answered(operation, status)

    def _unavailable(self, operation: str, exc: Exception) -> DirectoryError:
        return DirectoryUnavailable(operation, described(exc, self._host), hint=remedy(exc))

    def _unknown(self, operation: str, exc: Exception) -> DirectoryError:
        what = described(exc, self._host) if isinstance(exc, NO_ANSWER) else f"an unexpected {type(exc).__name__}"
        return OutcomeUnknown(operation, f"{what}; it may have been carried out")
