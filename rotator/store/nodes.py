"""Who works on this database? Rows that their nodes renew, in the database's real time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select

from rotator.domain.nodes import SILENT, Age, Node, Reading
from rotator.store.cluster_schema import generations, nodes, readings
from rotator.store.requests import tell
from rotator.store.rows import Row, instant, span_micros
from rotator.store.runner import Runner
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, upsert

#: So long is a dead node still shown.
_REMEMBERED = span_micros(timedelta(days=1))
_BEAT = upsert(nodes, fixed=("started_at",))
_LEAVE = Prepared(delete(nodes).where(nodes.c.holder == bindparam("of")))
_FORGET = Prepared(delete(nodes).where(nodes.c.seen_at < bindparam("before")))
_OTHERS = Prepared(
    select(nodes.c.holder).where(nodes.c.digest != bindparam("ours"), nodes.c.seen_at > bindparam("after")).limit(1)
)
_READING = Prepared(select(readings.c.digest).where(readings.c.node == bindparam("of")))
_READ = upsert(readings)
_GENERATIONS = Prepared(select(generations.c.digest).order_by(generations.c.brought_at, generations.c.digest))
_BROUGHT = upsert(generations)
_ALL = Prepared(select(*nodes.c).order_by(nodes.c.name, nodes.c.started_at, nodes.c.holder))


class NodeStore:
    """The list of nodes; implements `ports.Roll`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def beat(self, node: Node) -> None:
        """That node lives, and stands so."""
        await self._runner.write(lambda tx: _beat(tx, node))

    async def leave(self, holder: str) -> None:
        """It has ended and let go of all it held: the others may look at once."""
        await self._runner.write(lambda tx: _leave(tx, holder))

    async def age(self, reading: Reading) -> Age:
        """How these definitions stand to those in the books. A file that was changed is news whatever it says."""
        return await self._runner.read(lambda tx: _age(tx, reading))

    async def nodes(self) -> tuple[Sequence[Node], datetime]:
        """All of them by name, those that died within a day too, and the time by which they are judged."""
        return await self._runner.read(lambda tx: ([_node(row) for row in tx.rows(_ALL)], instant(tx.real)))


def _beat(tx: Transaction, node: Node) -> None:
    row = {"holder": node.holder, "name": node.name, "version": node.version, "digest": node.digest}
    state = {"visits": node.visits, "draining": node.draining, "started_at": tx.real, "seen_at": tx.real}
    tx.run(_BEAT, row | state)
    tx.run(_FORGET, {"before": tx.real - _REMEMBERED})


def _age(tx: Transaction, reading: Reading) -> Age:
    known = [row[0] for row in tx.rows(_GENERATIONS)]
    if reading.digest not in known:
        return Age.NEWS
    if reading.digest == known[-1]:
        return Age.IN_FORCE
    before = tx.row(_READING, {"of": reading.node})
    if before is not None and before[0] != reading.digest:
        # Files that say something else than before have been changed on purpose, be it back to what they once said.
        return Age.NEWS
    others = tx.row(_OTHERS, {"ours": reading.digest, "after": tx.real - span_micros(SILENT)})
    # What no living node reads any more is not defended: all were set back, one after the other.
    return Age.NEWS if others is None else Age.OUTDATED


def brought(tx: Transaction, reading: Reading) -> None:
    """These definitions are in force from now on."""
    tx.run_all(_READ, [{"node": reading.node, "digest": reading.digest}])
    latest = tx.rows(_GENERATIONS)
    if not latest or latest[-1][0] != reading.digest:
        tx.run_all(_BROUGHT, [{"digest": reading.digest, "brought_at": tx.now}])


def _leave(tx: Transaction, holder: str) -> None:
    tx.run(_LEAVE, {"of": holder})
    tell(tx)


def _node(row: Row) -> Node:
    holder, name, version, digest, visits, draining, started_at, seen_at = row
    return Node(holder, name, version, digest, visits, bool(draining), instant(started_at), instant(seen_at))
