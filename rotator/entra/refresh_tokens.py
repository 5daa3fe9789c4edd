"""With which refresh token does a connection sign in now, and how is each used by one task of one process only?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from rotator.domain.resources import RefreshTurn
from rotator.entra.options import OAuthConnection
from rotator.errors import DirectoryUnavailable, SignInRefused
from rotator.references import KEPT, SecretMissing

if TYPE_CHECKING:
    from rotator.domain.model import Secret
    from rotator.entra.grants import Granted
    from rotator.entra.options import AnyConnection
    from rotator.ports import Clock

#: Signs in with a refresh token, and gives the one that follows.
Ask = Callable[["Secret"], Awaitable["Granted"]]
#: Has a connection's refresh token used; the longest that one use may take.
Use = Callable[[Ask, timedelta], Awaitable["Granted"]]

#: What is added to the longest use: the turn must not end before the use has.
_MARGIN: Final = timedelta(seconds=30)
_LOOK_AGAIN: Final = 0.2
_log = structlog.get_logger("rotator.connections")


class RefreshBooks(Protocol):
    """What the store keeps of refresh tokens. All raise StoreUnavailable."""

    async def take_refresh_turn(self, connection: str, holder: str, span: timedelta) -> RefreshTurn | None:
        """The right to use its refresh token for so long; None while it is another's."""

    async def end_refresh_turn(
        self, connection: str, holder: str, *, turn: RefreshTurn, new: RefreshTurn | None = None
    ) -> bool:
        """Give the turn back, with what followed. False: the token has been replaced meanwhile, and that one stays."""


class RefreshTokens:
    """Gives out the one that is kept, unless the operator has configured another since and that one signs in.

    A use that was begun is carried to its end even when nobody waits for it any more: the token that follows must not
    be lost. One whose answer never came is tried again: Entra lets a token live on when its successor is given.
    """

    def __init__(
        self,
        books: RefreshBooks,
        connections: Callable[[], Mapping[str, AnyConnection]],
        *,
        fingerprint: Callable[[Secret], Awaitable[str]],
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        """`new_id` names each use, so that it is told from every other one in every process."""
        self._books = books
        self._connections = connections
        self._fingerprint = fingerprint
        self._clock = clock
        self._new_id = new_id

    async def use(self, name: str, ask: Ask, longest: timedelta) -> Granted:
        """Use the connection's refresh token once, when it is our turn. Raises what `ask` raises, and SignInRefused."""
        task = asyncio.create_task(self._use(name, ask, longest))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_seen)
            raise

    async def _use(self, name: str, ask: Ask, longest: timedelta) -> Granted:
        holder, span = self._new_id(), 2 * longest + _MARGIN
        turn = await self._turn(name, holder, span)
        new: RefreshTurn | None = None
        try:
            granted, new = await self._asked(name, turn, ask)
        finally:
            await self._books.end_refresh_turn(name, holder, turn=turn, new=new)
        return granted

    async def _turn(self, name: str, holder: str, span: timedelta) -> RefreshTurn:
        until = self._clock.monotonic() + 2 * span.total_seconds()
        while (turn := await self._books.take_refresh_turn(name, holder, span)) is None:
            if self._clock.monotonic() > until:
                raise DirectoryUnavailable(_operation(name), "another process uses its refresh token all the time")
            await self._clock.sleep(_LOOK_AGAIN)
        return turn

    async def _asked(self, name: str, turn: RefreshTurn, ask: Ask) -> tuple[Granted, RefreshTurn]:
        candidates = await self._candidates(name, turn)
        for candidate in candidates:
            assert candidate.token is not None, "only such are candidates"
            try:
                granted = await ask(candidate.token)
            except SignInRefused as problem:
                if candidate is candidates[-1]:
                    raise
                told = "the configured refresh token is refused; the one that is kept is tried"
                _log.warning(told, connection=name, message=str(problem))
            else:
                return granted, RefreshTurn(granted.refresh_token or candidate.token, candidate.fingerprint)
        hint = "Sign in again at /authorize, and give the connection the new code or refresh token."
        raise SignInRefused(_operation(name), "it has no refresh token", hint=hint)

    async def _candidates(self, name: str, turn: RefreshTurn) -> list[RefreshTurn]:
        """A configured one that we have not seen comes first, the one that is kept last."""
        kept = [turn] if turn.token is not None else []
        options = self._connections().get(name)
        if not isinstance(options, OAuthConnection) or options.credentials.refresh_token == KEPT:
            return kept
        try:
            configured = options.credentials.refresh_token.resolve()
        except SecretMissing:
            if kept:
                return kept
            raise
        fingerprint = await self._fingerprint(configured)
        return kept if kept and fingerprint == turn.fingerprint else [RefreshTurn(configured, fingerprint), *kept]


def _operation(name: str) -> str:
    return f"sign-in of connection {name!r}"


def _seen(task: asyncio.Task[Granted]) -> None:
    """Nobody waits for its end any more; an error in it has been told to whoever asks next."""
    if not task.cancelled():
        task.exception()
