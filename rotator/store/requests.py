"""What have people and programs asked for? Requests, switches and hints, written without a lease."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, case, func, insert, select, update

from rotator.domain.model import Request
from rotator.store import rows
from rotator.store.schema import hints, requests, rotations
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, Selection, no_later, upsert

_WAKE = Selection(
    lambda these: (
        update(rotations).where(these(rotations.c.id)).values(woken=True, wake_at=no_later(rotations.c.wake_at, "now"))
    )
)
#: On which nodes tell one another.
CHANNEL = "rotator_wake"
_TELL = Prepared(select(func.pg_notify(bindparam("channel"), "")))
_KNOWN = Prepared(select(rotations.c.id).where(rotations.c.id == bindparam("rotation")))
_ASK = Prepared(insert(requests).values({c.name: bindparam(c.name) for c in requests.c}))
_REQUEST = Prepared(select(*rows.REQUEST.columns).where(requests.c.id == bindparam("request")))
_HINT = upsert(hints)


def wake(tx: Transaction, rotation_ids: Collection[str] | None) -> None:
    """Due for a look now; earlier than that stays as it is."""
    tx.change(_WAKE, rotation_ids, {"now": tx.now})
    tell(tx)


def tell(tx: Transaction) -> None:
    """Tell the nodes, once this is true, that there may be something to do; beside a file they have a bell."""
    if tx.dialect.name != "sqlite":
        tx.rows(_TELL, {"channel": CHANNEL})


def ask(tx: Transaction, request: Request) -> str:
    """Record it as asked now. Raises KeyError when there is no such rotation."""
    _must_exist(tx, request.rotation_id)
    tx.run(_ASK, rows.REQUEST.params(replace(request, at=tx.time)))
    wake(tx, [request.rotation_id])
    return request.id


def request(tx: Transaction, request_id: str) -> Request | None:
    """A request as it stands."""
    row = tx.row(_REQUEST, {"request": request_id})
    return None if row is None else rows.REQUEST.value(row)


def hint(tx: Transaction, rotation_id: str, destination: str) -> None:
    """Named once however often it is hinted; of a rotation that is gone there is nothing to reconcile."""
    if tx.row(_KNOWN, {"rotation": rotation_id}) is None:
        return
    tx.run(_HINT, {"rotation_id": rotation_id, "destination": destination, "at": tx.now})
    wake(tx, [rotation_id])


def _switch(**values: Any) -> Prepared:
    return Prepared(update(rotations).where(rotations.c.id == bindparam("rotation")).values(**values))


_PAUSE = _switch(paused=True)
_RESUME = _switch(
    paused=False, changed_at=case((rotations.c.paused.is_(True), bindparam("now")), else_=rotations.c.changed_at)
)
_APPROVE = _switch(approved_at=bindparam("now"))


def pause(tx: Transaction, rotation_id: str) -> None:
    """No more rotations until `resume`. Raises KeyError when there is no such rotation."""
    _set(tx, _PAUSE, rotation_id)


def resume(tx: Transaction, rotation_id: str) -> None:
    """Rotate again; what came due meanwhile waits for the next slot (rotation.md section 4)."""
    _set(tx, _RESUME, rotation_id, now=tx.now)


def approve(tx: Transaction, rotation_id: str) -> None:
    """Let the rotation that waits for approval go ahead."""
    _set(tx, _APPROVE, rotation_id, now=tx.now)


def _set(tx: Transaction, switch: Prepared, rotation_id: str, **params: int) -> None:
    if tx.run(switch, {"rotation": rotation_id, **params}) == 0:
        raise KeyError(rotation_id)
    wake(tx, [rotation_id])


def _must_exist(tx: Transaction, rotation_id: str) -> None:
    if tx.row(_KNOWN, {"rotation": rotation_id}) is None:
        raise KeyError(rotation_id)
