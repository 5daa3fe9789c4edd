"""How is something asked of rotations, by the daemon or here, and followed to its answer?"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rotator.cli import exits
from rotator.errors import LeaseHeld

if TYPE_CHECKING:
    from rotator.cli.here import Waiting
    from rotator.cli.progress import Show
    from rotator.cli.settings import Settings
    from rotator.config import Configuration
    from rotator.domain.model import Facts, Request
    from rotator.store.lock import EngineLock
    from rotator.store.store import SqlStore


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked: a kind of request with its facts, of the rotations so named, or of all that `choose` takes."""

    kind: str
    facts: Mapping[str, object]
    names: Sequence[str] = ()
    every: bool = False
    failed_only: bool = False


@dataclass(frozen=True, slots=True)
class Manner:
    """How the command behaves meanwhile."""

    wait: bool = True
    as_json: bool = False


async def carry_out(settings: Settings, wish: Wish, manner: Manner) -> int:
    """File the wish with the running daemon and follow it, or work it off here. Returns the exit status."""
    configuration = settings.read_for_engine()
    if configuration.state.path is None:
        return await _with_nodes(configuration, wish, manner)
    from rotator.store.lock import EngineLock

    lock = EngineLock(configuration.state.path)
    if _is_taken(lock):

        async def lives() -> bool:
            return _is_taken(lock)

        return await _beside(configuration, wish, manner, is_alive=lambda _: lives())
    return await _here(configuration, wish, manner)


async def _with_nodes(configuration: Configuration, wish: Wish, manner: Manner) -> int:
    """Any number of nodes may be at work on a server's database; without one the work is done here."""
    from rotator.app import open_books

    store = open_books(configuration.state)
    try:
        lives = await _anybody(store)
    finally:
        store.close()
    if lives:
        return await _beside(configuration, wish, manner, is_alive=_anybody)
    return await _here(configuration, wish, manner)


async def _anybody(store: SqlStore) -> bool:
    from rotator.domain.nodes import working

    return bool(working(*await store.nodes.nodes()))


def _is_taken(lock: EngineLock) -> bool:
    """Somebody else is at work on the database."""
    try:
        lock.take()
    except LeaseHeld:
        return True
    lock.release()
    return False


async def _beside(
    configuration: Configuration, wish: Wish, manner: Manner, *, is_alive: Callable[[SqlStore], Awaitable[bool]]
) -> int:
    """A daemon runs: it is asked, and its journal read."""
    from rotator.app import open_books
    from rotator.cli.follow import follow
    from rotator.cli.progress import show
    from rotator.engine.bell import bell_of, ring

    store = open_books(configuration.state)
    try:
        asked = await _file(store, wish)
        if configuration.state.path is not None:
            ring(bell_of(configuration.state.path))
        shown = show(silent=manner.as_json)
        if manner.wait:
            with shown.screen():
                await follow(store, asked, shown.heard, is_alive=lambda: is_alive(store))
        return await _answers(store, asked, manner)
    finally:
        store.close()


async def _here(configuration: Configuration, wish: Wish, manner: Manner) -> int:
    if not manner.wait:
        raise exits.WrongUse("no daemon is running, so there is nobody to leave this to", hint="Leave out --no-wait.")
    from rotator.app import open_engine
    from rotator.cli.here import Stop, until_answered
    from rotator.cli.progress import show
    from rotator.engine.hardening import harden
    from rotator.observers.progress import ProgressObserver

    harden()
    shown = show(silent=manner.as_json)
    async with open_engine(configuration, observers=[ProgressObserver(shown.heard)], spread=False) as engine:
        asked = await _file(engine.store, wish)
        stop = Stop(engine)
        with shown.screen():
            async with stop:
                await until_answered(engine, [request for _, request in asked], _waiting(shown))
        status = await _answers(engine.store, asked, manner)
        return exits.INTERRUPTED if stop.asked and status else status


def _waiting(shown: Show) -> Waiting:
    from rotator.observers.progress import News

    def tell(name: str, reason: str, until: datetime | None) -> None:
        when = f" until {until:%Y-%m-%d %H:%M:%S}Z" if until else ""
        shown.heard(News(name, "wait", f"waiting: {reason}{when}; Ctrl-C leaves it to the next run"))

    return tell


async def _file(store: SqlStore, wish: Wish) -> list[tuple[str, Request]]:
    from rotator.app import ask

    names = [facts.rotation.name for facts in await _chosen(store, wish)]
    if wish.facts.get("emergency"):
        from rotator.cli.noted import audit_of, note

        notes = [note("rotation.emergency", rotation=name, reason=wish.facts["emergency"]) for name in names]
        await audit_of(store).record(notes)
    return [(name, await ask(store, name, wish.kind, **wish.facts)) for name in names]


async def _chosen(store: SqlStore, wish: Wish) -> list[Facts]:
    if wish.every or wish.failed_only:
        found = [facts for facts in await store.facts() if facts.switches.retired_at is None]
        if wish.every:
            return [facts for facts in found if not facts.switches.paused]
        return [facts for facts in found if facts.standing.status == "failed"]
    named = await store.facts(wish.names)
    return [pick(named, name) for name in dict.fromkeys(wish.names)]


def pick(found: Sequence[Facts], name: str) -> Facts:
    """The rotation of that name, a living one before a retired one. Raises WrongUse when there is none."""
    named = [facts for facts in found if facts.rotation.name == name]
    if not named:
        raise exits.WrongUse(f"there is no rotation {name!r}", hint="'rotator status' lists them.")
    return min(named, key=lambda facts: facts.switches.retired_at is not None)


async def _answers(store: SqlStore, asked: Sequence[tuple[str, Request]], manner: Manner) -> int:
    """Say what came of it; status 1 unless all of it was done."""
    ended = [(name, await store.request(request.id) or request) for name, request in asked]
    if manner.as_json:
        rows = [
            {"rotation": name, "requestId": r.id, "result": r.result or "open", "message": r.message}
            for name, r in ended
        ]
        print(json.dumps({"requests": rows}, indent=2))
    else:
        for name, request in ended:
            print(f"{name}: {request.result or 'open'}" + (f": {request.message}" if request.message else ""))
        if not ended:
            print("nothing to do")
    if not manner.wait:
        return exits.DONE
    return exits.DONE if all(request.result == "done" for _, request in ended) else exits.FAILED
