"""Of what parts is the running API made? What it imports is imported only where the API is on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from rotator.app import Engine
from rotator.domain.secret import Secret
from rotator.errors import RotatorError

if TYPE_CHECKING:
    from rotator.config import Configuration
    from rotator.web.api.resources import Resources
    from rotator.web.broadcast import Broadcast
    from rotator.web.dashboard.parts import Dashboard
    from rotator.web.parts import Parts
    from rotator.web.server import Place

_log = structlog.get_logger("rotator.api")


@asynccontextmanager
async def api_of(engine: Engine) -> AsyncIterator[str]:
    """Serve the API of an engine while this is open; gives its address, or nothing where it is off.

    Raises AddressTaken, ConfigError.
    """
    if engine.configuration.api.is_off:
        yield ""
        return
    from rotator.web.building import build
    from rotator.web.server import serving

    parts, resources = _parts(engine), await _resources(engine)
    dashboard = _dashboard(engine, parts, resources)
    app = build(parts, resources, dashboard)
    async with serving(app, _place(engine.configuration)) as address, _told(engine, parts.broadcast):
        _log.info("the API listens", address=address)
        try:
            yield address
        finally:
            if dashboard is not None:
                dashboard.stock.close()


@asynccontextmanager
async def _told(engine: Engine, broadcast: Broadcast) -> AsyncIterator[None]:
    """Let the stream of events hear what happens, until the daemon stops: then it ends, and keeps nobody waiting."""
    engine.world = replace(engine.world, observers=(*engine.world.observers, broadcast))
    engine.dispatcher.take(engine.world, concurrency=engine.configuration.daemon.concurrency)

    async def until_drained() -> None:
        await engine.world.memory.draining.wait()
        broadcast.close()

    waiting = asyncio.create_task(until_drained())
    try:
        yield
    finally:
        waiting.cancel()
        broadcast.close()


def node_of(configuration: Configuration) -> str:
    """The name of the audit chain that is written here, the same after a restart."""
    return configuration.daemon.node or socket.gethostname()


def _parts(engine: Engine) -> Parts:
    from rotator.web.audit import Audit
    from rotator.web.auth.keyring import Keyring
    from rotator.web.limits import Limits, Rates
    from rotator.web.parts import Parts

    configuration, clock = engine.configuration, engine.world.clock
    access = engine.store.access(node_of(configuration))
    rates = configuration.api.rates
    return Parts(
        access=access,
        audit=Audit(access, clock),
        limits=Limits(Rates(rates.logins, rates.changes, rates.reads), clock.monotonic),
        keyring=Keyring(engine.directories.tenant_keys(), clock.monotonic),
        clock=clock,
        ready=lambda: why_not_ready(engine),
        numbers=engine.numbers,
        numbers_are_open=_place(configuration).is_loopback and not configuration.api.behind_proxy,
        trusted_proxies=lambda: configuration.api.trusted_proxies,
    )


async def _resources(engine: Engine) -> Resources:
    from rotator.desks import Desk
    from rotator.web.api.resources import Resources

    store = engine.store
    desk = Desk(engine, await store.now())
    return Resources(
        books=store,
        places=store.resources,
        rotations=desk,
        connections=desk,
        clock=engine.world.clock,
        installation=store.installation,
    )


def _dashboard(engine: Engine, parts: Parts, resources: Resources) -> Dashboard | None:
    """The pages; None where what they are made with is not installed."""
    if find_spec("jinja2") is None:
        _log.info("there is no dashboard: install entra-rotator[dashboard] to have it")
        return None
    from rotator.greeting import Consents, SignIns
    from rotator.web.dashboard.parts import Dashboard

    configuration, store = engine.configuration, engine.store
    return Dashboard(
        parts,
        resources,
        books=store,
        is_secure=_is_encrypted(configuration),
        nodes=None if configuration.state.path else store.nodes.nodes,
        sign_in=SignIns(engine),
        consent=Consents(engine),
    )


def _is_encrypted(configuration: Configuration) -> bool:
    """Browsers reach us over https."""
    api, address = configuration.api, configuration.dashboard.address
    return api.tls is not None or api.behind_proxy or address.startswith("https:")


async def why_not_ready(engine: Engine) -> str:
    """Why the daemon cannot work now; empty when it can."""
    if engine.world.memory.draining.is_set():
        return "stopping"
    try:
        # Reads a sealed record and opens it: the database answers, and its keys are there.
        await engine.store.fingerprint(Secret("ready"))
    except RotatorError as problem:
        return problem.what
    return ""


def _place(configuration: Configuration) -> Place:
    from rotator.web.server import Place

    api = configuration.api
    tls = (api.tls.certificate, api.tls.key) if api.tls else None
    return Place(api.host, api.port, api.socket, tls)
