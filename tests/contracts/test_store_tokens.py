"""By which time do tokens live? By the database's own: days that pass in seconds end nobody's session."""

from __future__ import annotations

from datetime import timedelta

from rotator.domain.access import Grant, Method, Note, Role
from rotator.web.dashboard import sessions
from tests.contracts.stores import Books

NOTE = Note("test", "test")
DAY = timedelta(days=1)


async def test_scaled_time_ends_no_session_and_the_real_one_does(books: Books) -> None:
    access = books.store.access("node-1")
    await access.record([NOTE])  # a server tells its time with its first answer
    identity = await access.add_identity("an-id", "ada", grants=[Grant(Role.READER)], note=NOTE)
    assert identity is not None
    began = access.now()
    issued = sessions.made(Method.SESSION, identity, began)
    await access.keep_token(issued.token, NOTE)

    books.offset += 30 * DAY
    held = await access.bearer(issued.token.digest)
    assert held is not None
    assert held.now == began
    assert await books.store.now() == began + 30 * DAY

    books.clock.advance(sessions.SESSION_LIFE.total_seconds())
    ended = await access.bearer(issued.token.digest)
    assert ended is not None
    assert ended.token.expires_at == ended.now == access.now()


async def test_expired_tokens_are_forgotten_by_real_time(books: Books) -> None:
    access = books.store.access("node-1")
    await access.record([NOTE])
    identity = await access.add_identity("an-id", "ada", grants=[Grant(Role.READER)], note=NOTE)
    assert identity is not None
    old = sessions.made(Method.LINK, identity, access.now())
    await access.keep_token(old.token, NOTE)

    books.offset += 30 * DAY
    await access.keep_token(sessions.made(Method.LINK, identity, access.now()).token, NOTE)
    assert await access.bearer(old.token.digest) is not None

    books.clock.advance(2 * DAY.total_seconds())
    await access.keep_token(sessions.made(Method.LINK, identity, access.now()).token, NOTE)
    assert await access.bearer(old.token.digest) is None
