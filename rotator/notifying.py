"""How do notifications get from the engine to people? Told while the daemon runs, through the configured channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from rotator.app import Engine

if TYPE_CHECKING:
    import httpx

    from rotator.config import Configuration
    from rotator.config.notifications import AnyChannel, Email
    from rotator.domain.notices import Notice
    from rotator.observers.channels import Mailbox
    from rotator.observers.post import Channel, Post
    from rotator.references import Reference


@asynccontextmanager
async def told(engine: Engine) -> AsyncIterator[Telling]:
    """Tell what happens while this is open."""
    telling = Telling(engine)
    telling.take(engine.configuration)
    try:
        yield telling
    finally:
        await telling.close()


@dataclass(eq=False, slots=True)
class _Open:
    """A channel in use."""

    options: AnyChannel
    posts: Sequence[Post]
    sending: Sequence[asyncio.Task[None]]


class Telling:
    """The notifier of a daemon, with channels that a reload replaces."""

    def __init__(self, engine: Engine) -> None:
        from rotator.observers.notifier import Notifier, Surroundings

        self._engine = engine
        self._made: httpx.AsyncClient | None = None
        self._channels: list[_Open] = []
        self._telling: asyncio.Task[None] | None = None
        around = Surroundings(engine.store, engine.world.clock, partial(_leads, engine), partial(_beside, engine))
        self._notifier = Notifier((), around)

    def take(self, configuration: Configuration) -> None:
        """Use these channels from now on; what waits for one that is gone, or has changed, is dropped."""
        before, self._channels = self._channels, []
        for n, options in enumerate(configuration.notifications):
            kept = next((each for each in before if each.options == options), None)
            if kept is not None:
                before.remove(kept)
            self._channels.append(kept or self._opened(options, n))
        for gone in before:
            for sending in gone.sending:
                sending.cancel()
        self._notifier.posts = [post for each in self._channels for post in each.posts]
        if configuration.notifications and self._telling is None:
            # Nothing is noted while nobody is to be told.
            self._telling = asyncio.create_task(self._notifier.run())
            engine = self._engine
            engine.world = replace(engine.world, observers=(*engine.world.observers, self._notifier))
            engine.dispatcher.take(engine.world, concurrency=engine.configuration.daemon.concurrency)

    async def look(self) -> None:
        """Learn what stands already, so that only what is new is told; for a run that soon ends. Raises StoreError."""
        if self._telling is not None:
            await self._notifier.turn()

    async def close(self) -> None:
        """Say the last words, and let go."""
        tasks = [
            *(task for each in self._channels for task in each.sending),
            *([self._telling] if self._telling else []),
        ]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        if self._telling is not None:
            await self._notifier.close()
        if self._made is not None:
            await self._made.aclose()

    def _opened(self, options: AnyChannel, n: int) -> _Open:
        from rotator.observers.post import Post, Route

        route, clock = Route(frozenset(options.events), options.labels), self._engine.world.clock
        name = f"notifications[{n}] ({options.kind})"
        posts = [Post(channel, route, clock) for channel in self._channels_of(options, name)]
        return _Open(options, posts, [asyncio.create_task(post.run()) for post in posts])

    def _channels_of(self, options: AnyChannel, name: str) -> Sequence[Channel]:
        """One, or for Apprise one for each address: what one service does not take, the others are not sent again."""
        from rotator.config.notifications import Apprise, Email, Slack, Webhook
        from rotator.observers import wording
        from rotator.observers.apprise import AppriseChannel
        from rotator.observers.channels import HttpChannel, MailChannel

        if isinstance(options, Apprise):
            return [AppriseChannel(f"{name} urls[{n}]", url.resolve) for n, url in enumerate(options.urls)]
        if isinstance(options, Email):
            return [MailChannel(name, self._mailbox(options))]
        if isinstance(options, Webhook):
            address = options.url
            return [HttpChannel(name, lambda: address, wording.plain, self._client, self._signed_by(options.secret))]
        said = wording.slack if isinstance(options, Slack) else wording.teams
        named = options.url
        return [HttpChannel(name, lambda: named.resolve().reveal(), said, self._client)]

    def _mailbox(self, options: Email) -> Mailbox:
        from rotator.observers.channels import Mailbox

        host, port = options.place
        return Mailbox(
            host,
            port,
            options.security,
            options.sender,
            options.to,
            context=self._engine.directories.network.own_context,
            username=options.username or "",
            password=options.password.resolve if options.password else None,
        )

    def _client(self) -> httpx.AsyncClient:
        """One for all channels, made with the first message."""
        if self._made is None:
            from rotator.network import Timeouts

            self._made = self._engine.directories.network.client(Timeouts(), http2=False)
        return self._made

    def _signed_by(self, secret: Reference) -> Callable[[bytes], Mapping[str, str]]:
        clock = self._engine.world.clock

        def sign(body: bytes) -> Mapping[str, str]:
            from uuid import uuid4

            from rotator.destinations.signing import signed

            return signed(body, secret.resolve(), message_id=str(uuid4()), at=clock.now())

        return sign


async def _leads(engine: Engine) -> bool:
    """Of the nodes at work the first by name; beside a file there is no other."""
    if engine.configuration.state.path:
        return True
    from rotator.domain.nodes import working

    holders = [node.holder for node in working(*await engine.store.nodes.nodes())]
    return not holders or min(holders) == engine.world.holder


def _beside(engine: Engine, now: datetime) -> Iterator[Notice]:
    """The credentials of connections that end soon, and are not rotated in time."""
    from rotator.domain.alarms import connection_alarm
    from rotator.domain.notices import of_alarm

    for name, ends in engine.watch.ends().items():
        code = connection_alarm(ends, now)
        if code:
            yield of_alarm(name, code, f"What connection {name} signs in with ends at {ends:%Y-%m-%d %H:%M}Z", now)
