"""What if the engine were wrong? Each fault that the simulation must catch, put in for as long as a test lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rotator.domain import plan
from rotator.domain.model import Lease
from rotator.engine import clockwatch, delivery, issuing, revoke, rotate, survey
from rotator.engine.visit import Visit
from rotator.store import leases, writes
from rotator.store.session import Transaction


@contextmanager
def revoke_before_deliver() -> Iterator[None]:
    """The old secret goes as soon as the new one is proved."""

    async def deliver(visit: Visit, step: plan.Deliver) -> None:
        current = visit.facts.current
        if current is not None:
            await visit.commit(replace(current, revoke_intent_at=visit.now))
            directory = await visit.directory()
            await directory.remove_password(visit.application.object_id, current.key_id)
        await delivery.deliver(visit, step)

    with _performing(plan.Deliver, deliver):
        yield


@contextmanager
def no_verify() -> Iterator[None]:
    """A new secret is taken for good."""

    async def verify(visit: Visit, step: plan.Verify) -> None:
        visit.note(visit.entry("verify", "outcome", ok=True, key_id=step.key_id, tries=0))

    with _performing(plan.Verify, verify):
        yield


@contextmanager
def promote_without_delivery() -> Iterator[None]:
    """It is said to be delivered, and is not."""

    async def deliver(visit: Visit, step: plan.Deliver) -> None:
        for name in step.destinations:
            visit.note(
                visit.entry("deliver", "intent", destination=name, key_id=step.key_id),
                visit.entry("deliver", "outcome", ok=True, destination=name, key_id=step.key_id),
            )

    with _performing(plan.Deliver, deliver):
        yield


@contextmanager
def revoke_without_checks() -> Iterator[None]:
    """What is due to go goes, whatever destinations bear."""

    async def held(*_: object) -> str:
        return ""

    with _swapped(vars(revoke), "_held", held):
        yield


@contextmanager
def no_fence() -> Iterator[None]:
    """A stale token is as good as the newest."""
    fenced = leases.extend

    def extend(tx: Transaction, lease: Lease, ttl: timedelta) -> tuple[Lease, str]:
        row = tx.row(leases._TOKEN, {"tenant": lease.tenant_id, "object": lease.object_id})
        return fenced(tx, lease if row is None else replace(lease, token=row[0]), ttl)

    with _swapped(vars(leases), "extend", extend), _swapped(vars(writes), "extend", extend):
        yield


@contextmanager
def no_second_look() -> Iterator[None]:
    """An issue without an answer is looked for once, and taken for refused."""

    def age(visit: Visit) -> None:
        for intent in visit.facts.intents:
            visit.note(replace(intent, outcome="refused", first_look_at=visit.now))

    with _swapped(vars(survey), "_age_intents", age):
        yield


@contextmanager
def no_comparison() -> Iterator[None]:
    """Keys in Entra that no book knows are passed over (no law L16)."""
    with _swapped(vars(survey), "_hold", lambda *_: None):
        yield


@contextmanager
def no_clock_guard() -> Iterator[None]:
    """The database's time is believed whatever it says."""
    with _swapped_attribute(clockwatch.ClockWatch, "doubt", lambda *_: ""):
        yield


@contextmanager
def unrecorded_failure() -> Iterator[None]:
    """A secret that could not be proved is removed before the books say so."""

    async def verify(visit: Visit, step: plan.Verify) -> None:
        await issuing.verify(visit, step)
        entry = visit.facts.journal[-1]
        if entry.step == "verify" and entry.facts.get("ok") is False:
            directory = await visit.directory()
            await directory.remove_password(visit.application.object_id, step.key_id)

    with _performing(plan.Verify, verify):
        yield


def _performing(step: type, perform: Callable[..., Any]) -> Any:
    return _swapped(rotate._PERFORM, step, perform)


@contextmanager
def _swapped(names: MutableMapping[Any, Any], name: object, other: object) -> Iterator[None]:
    right = names[name]
    names[name] = other
    try:
        yield
    finally:
        names[name] = right


@contextmanager
def _swapped_attribute(owner: type, name: str, other: object) -> Iterator[None]:
    right = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, right)
