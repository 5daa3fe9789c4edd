"""Of what parts is a running rotator made? The composition root: the only place that builds things, and in what order.

Commands take what they need: `open_books` the database alone, `open_engine` all that works.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rotator.chance import SystemChance
from rotator.clock import SystemClock
from rotator.defining import LEFT_BEHIND, define, digest_of, is_left_behind
from rotator.domain.model import Limits, Request
from rotator.domain.overview import Look
from rotator.errors import ConfigError, NoBooks, StoreError
from rotator.made import joined
from rotator.ports import Clock, Destinations, Observer

if TYPE_CHECKING:
    from rotator.config import Configuration
    from rotator.config.settings import State
    from rotator.destinations import Surroundings
    from rotator.destinations.hooks import Runner
    from rotator.domain.definition import Defined
    from rotator.engine.dispatcher import Dispatcher
    from rotator.engine.world import World
    from rotator.entra.client_secrets import ClientSecrets
    from rotator.entra.directories import EntraDirectories
    from rotator.entra.expiry_watch import ExpiryWatch
    from rotator.store.store import SqlStore

_MOST_SHOWN = 20

_log = logging.getLogger("rotator.app")


@dataclass(frozen=True, slots=True)
class Time:
    """How time passes: `offset` is added to the database's time, which passes at `pace`. Only the demo scales it."""

    offset: Callable[[], timedelta] = timedelta
    pace: float = 1.0


REAL = Time()


def open_books(state: State, time: Time = REAL, *, make: bool = True) -> SqlStore:
    """The database alone, made when there is none, unless only what is there is wanted: NoBooks.

    Raises StoreError; ConfigError for a key that is not there.
    """
    from rotator.store.opening import open_store

    clock = SystemClock()
    if not make and state.path is not None and not state.path.exists():
        raise NoBooks(str(state.path))
    return open_store(
        state.url,
        chance=SystemChance(),
        database_time=clock.now if state.path else None,
        monotonic=clock.monotonic,
        offset=time.offset,
        keys=[key.resolve() for key in state.encryption_keys],
        password=state.password.resolve() if state.password else None,
        installation=state.installation,
        make=make,
    )


@dataclass(slots=True)
class Engine:
    """All that works, as `open_engine` made it; `configuration` is the one in use."""

    configuration: Configuration
    store: SqlStore
    secrets: ClientSecrets
    directories: EntraDirectories
    world: World
    dispatcher: Dispatcher
    watch: ExpiryWatch
    #: Of the definitions that the configuration holds: nodes that differ in it have read different files.
    digest: str = ""
    #: Of the connections in use that were made through the API.
    connections_mark: str = ""
    #: The other nodes read newer definitions.
    left_behind: bool = False
    #: What Prometheus is told, in pieces; set while it is kept.
    numbers: Callable[[], Iterable[str]] | None = None

    async def housekeeping(self) -> None:
        """What is done soon after the start and every hour."""
        from rotator.engine.spooling import clean_up

        await clean_up(self.world)
        await self.store.tidy()
        await self.watch.look()

    async def take(self, configuration: Configuration) -> str:
        """Use another configuration from now on, whole; says what changed in the definitions.

        What cannot change while running (state, network, node) stays as it was, with a warning.
        """
        connections = await joined(self.store, configuration)
        changed = await define(self.store, configuration)
        self.left_behind = changed == LEFT_BEHIND
        self.secrets.connections = connections
        self.world = replace(self.world, freeze=configuration.freeze)
        await self.directories.replace(connections, configuration.clouds)
        guarded = _guarded(self.world, configuration)
        self.world = replace(self.world, limits=_limits(configuration), **guarded)
        self.dispatcher.take(self.world, concurrency=configuration.daemon.concurrency)
        if configuration.freeze != self.configuration.freeze:  # next visits were chosen under the other one
            await self.store.wake()
        for block in ("state", "network"):
            if getattr(configuration, block) != getattr(self.configuration, block):
                _log.warning("the block %s is read at start only; restart to use it", block)
        self.configuration, self.digest = configuration, digest_of(configuration)
        return changed

    async def take_connections(self) -> None:
        """Use the connections as they stand now, those of the API too. Raises ConfigError."""
        self.connections_mark = await self.store.resources.connections_mark()
        found = await joined(self.store, self.configuration)
        self.secrets.connections = found
        await self.directories.replace(found, self.configuration.clouds)

    async def catch_up(self) -> None:
        """The API of another node may have made or changed connections; or the others have all been set back."""
        try:
            if self.connections_mark != await self.store.resources.connections_mark():
                await self.take_connections()
            if self.left_behind and not await is_left_behind(self.store, self.configuration):
                self.left_behind = False
                changed = await define(self.store, self.configuration)
                _log.info("the definitions of this node are in force, no other node has newer ones: %s", changed)
        except ConfigError as problem:
            _log.error("what another node has changed does not go with this node's configuration: %s", problem)

    async def ask(self, name: str, kind: str, **facts: object) -> Request:
        """File a request for the rotation of that name. Raises KeyError when there is none."""
        return await ask(self.store, name, kind, **facts)

    async def rotate_on_signal(self) -> int:
        """Ask for what `daemon.onUsr1` names; returns how many rotations that is."""
        chosen = self.configuration.daemon.on_usr1
        if chosen == "due":
            await self.store.wake()
            return 0
        names = [each.rotation.name for each in await self.store.definitions() if _rotates(each)]
        wanted = names if chosen == "all" else [name for name in names if name in chosen]
        for name in wanted:
            await self.ask(name, "rotate")
        return len(wanted)

    async def state(self) -> Mapping[str, object]:
        """What SIGUSR2 logs."""
        tally = await self.store.tally()
        working = await self.store.overview(Look(await self.store.now(), show="rotating", most=_MOST_SHOWN))
        troubled = await self.store.facts(await self.store.troubled(_MOST_SHOWN))
        return {
            "installation": self.store.installation,
            "holder": self.world.holder,
            "rotations": await self.store.count(),
            "by_status": dict(tally.states),
            "open_attempts": [facts.rotation.name for facts in working.page],
            "failed": [facts.rotation.name for facts in troubled if facts.standing.failures],
            "retiring": tally.retiring,
            "alarms": [f"{f.rotation.name}: {a.code}" for f in troubled for a in f.standing.alarms],
            "connections": sorted(self.secrets.connections),
            "connections_expire": self.watch.known(),
            "next_wake": str(await self.store.next_wake()),
        }


@asynccontextmanager
async def open_engine(
    configuration: Configuration, *, observers: Sequence[Observer] = (), time: Time = REAL, spread: bool = True
) -> AsyncIterator[Engine]:
    """Everything, with the definitions brought into the books. Raises LeaseHeld when another engine is at work."""
    from rotator.engine.dispatcher import Dispatcher
    from rotator.engine.spooling import take_up
    from rotator.entra.client_secrets import ClientSecrets
    from rotator.entra.expiry_watch import ExpiryWatch

    with _alone(configuration.state):
        store = open_books(configuration.state, time)
        try:
            if configuration.state.path:
                # Nobody else holds the lock, so whoever held a lease is dead.
                await store.end_leases()
            connections = await joined(store, configuration)
            defined = await define(store, configuration)
            await store.resources.forget_refresh_tokens(connections)
            secrets = ClientSecrets(store, connections)
            directories = secrets.directories = _directories(configuration, store, secrets)
            world = _world(configuration, store, directories, time=time, observers=observers, spread=spread)
            # Behind the new connection may be a server that lost the last transactions (law L16).
            store.when_reconnected(world.memory.compared.clear)
            await take_up(world)
            dispatcher = Dispatcher(world, concurrency=configuration.daemon.concurrency, trouble=_trouble)
            watch = ExpiryWatch(secrets, directories, now=store.now)
            try:
                engine = Engine(configuration, store, secrets, directories, world, dispatcher, watch)
                engine.digest, engine.left_behind = digest_of(configuration), defined == LEFT_BEHIND
                yield engine
            finally:
                await directories.close()
        finally:
            store.close()


def _alone(state: State) -> AbstractContextManager[object]:
    """One engine to a file; a server has any number."""
    from rotator.store.lock import EngineLock

    return EngineLock(state.path) if state.path else nullcontext()


@dataclass(frozen=True, slots=True)
class Parts:
    """What checks ask with: no engine, no lock."""

    store: SqlStore
    directories: EntraDirectories
    destinations: Destinations
    clock: Clock
    secrets: ClientSecrets
    hooks: Runner


@asynccontextmanager
async def open_parts(configuration: Configuration) -> AsyncIterator[Parts]:
    """Directories and destinations beside a running daemon or not; without a database one in memory takes its place."""
    from rotator.entra.client_secrets import ClientSecrets
    from rotator.store.opening import open_store

    try:
        store = open_books(configuration.state, make=False)
    except NoBooks:
        store = open_store("sqlite://", chance=SystemChance(), database_time=SystemClock().now)
    try:
        secrets = ClientSecrets(store, await joined(store, configuration))
        directories = _directories(configuration, store, secrets)
        try:
            destinations = _destinations(store, directories, configuration)
            hooks = _hooks(store, directories, configuration)
            yield Parts(store, directories, destinations, SystemClock(), secrets, hooks)
        finally:
            await directories.close()
    finally:
        store.close()


async def ask(store: SqlStore, name: str, kind: str, **facts: object) -> Request:
    """File a request for the rotation of that name. Raises KeyError when there is none."""
    rotation_id = await store.find(name)
    if rotation_id is None:
        raise KeyError(name)
    request = Request(_new_id(), rotation_id, kind, await store.now(), by=_person(), facts=facts)
    await store.ask(request)
    return request


def _world(
    configuration: Configuration,
    store: SqlStore,
    directories: EntraDirectories,
    *,
    observers: Sequence[Observer],
    time: Time,
    spread: bool,
) -> World:
    from rotator.engine.clockwatch import ClockWatch
    from rotator.engine.world import World

    return World(
        store=store,
        directories=directories,
        destinations=_destinations(store, directories, configuration),
        hooks=_hooks(store, directories, configuration),
        clock=SystemClock(),
        chance=SystemChance(),
        clockwatch=ClockWatch(pace=time.pace),
        holder=f"{node_name(configuration)}/{SystemChance().letters(6)}",
        spool=store.spool(configuration.state.spools),
        observers=tuple(observers),
        limits=_limits(configuration),
        freeze=configuration.freeze,
        spread=spread,
    )


def _destinations(store: SqlStore, directories: EntraDirectories, configuration: Configuration) -> Destinations:
    from rotator.destinations import Opener

    return Opener(_surroundings(store, directories)).guarded(configuration.api.allow.hosts)


def _guarded(world: World, configuration: Configuration) -> dict[str, Any]:
    """Those parts of the world that look at what definitions of the API may reach."""
    from rotator.destinations import Opener
    from rotator.destinations.hooks import Runner

    assert isinstance(world.destinations, Opener)
    assert isinstance(world.hooks, Runner)
    hosts = configuration.api.allow.hosts
    return {"destinations": world.destinations.guarded(hosts), "hooks": world.hooks.guarded(hosts)}


def _hooks(store: SqlStore, directories: EntraDirectories, configuration: Configuration) -> Runner:
    from rotator.destinations.hooks import Runner

    return Runner(_surroundings(store, directories)).guarded(configuration.api.allow.hosts)


def _surroundings(store: SqlStore, directories: EntraDirectories) -> Surroundings:
    from rotator.destinations import Surroundings
    from rotator.destinations.handed import from_books

    return Surroundings(
        mapped=store,
        installation=store.installation,
        clock=SystemClock(),
        network=lambda: directories.network,
        azure=directories.tokens,
        delivery=from_books(store),
    )


def _directories(configuration: Configuration, store: SqlStore, secrets: ClientSecrets) -> EntraDirectories:
    from rotator.entra.directories import EntraDirectories
    from rotator.entra.refresh_tokens import RefreshTokens
    from rotator.network import Network

    settings = configuration.network
    refresh = RefreshTokens(
        store.resources,
        lambda: secrets.connections,
        fingerprint=store.fingerprint,
        clock=SystemClock(),
        new_id=_new_id,
    )
    return EntraDirectories(
        secrets.connections,
        configuration.clouds,
        network=Network(proxy=settings.proxy, no_proxy=settings.no_proxy, ca_file=str(settings.ca_file or "")),
        clock=SystemClock(),
        secret_of=secrets.secret_of,
        refresh=refresh,
    )


def _rotates(defined: Defined) -> bool:
    return defined.switches.retired_at is None and not defined.switches.paused


def _limits(configuration: Configuration) -> Limits:
    limits = configuration.daemon.limits
    return Limits(limits.rotations_per_hour, limits.failures_before_pause)


def node_name(configuration: Configuration) -> str:
    """What people call this engine; letters make a holder of it that nobody else takes for his own."""
    return configuration.daemon.node or f"{socket.gethostname()}-{os.getpid()}"


def _new_id() -> str:
    from uuid import uuid4

    return str(uuid4())


def _person() -> str:
    """Who asks, for the journal: a name, not a proof."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _trouble(rotation: str, problem: BaseException) -> None:
    if isinstance(problem, StoreError):
        _log.warning("a visit to %s ended early: %s", rotation, problem)
    else:
        _log.error("a visit to %s ended in a bug; it is looked at again", rotation, exc_info=problem)
