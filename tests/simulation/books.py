"""What do an installation's books say at this very moment? Read past every gate, for the laws and for the story."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select

from rotator.domain.model import Attempt, Credential, Entry, Facts, IssueIntent
from rotator.store import rows, schema, views
from rotator.store.runner import InlineRunner
from rotator.store.schema import credentials, issue_intents
from rotator.store.session import Operation, Result
from rotator.store.statements import Prepared
from rotator.store.store import SqlStore

_CREDENTIAL = Prepared(
    select(*rows.CREDENTIAL.columns).select_from(rows.WITH_TEXT).where(credentials.c.key_id == bindparam("key"))
)
_ATTEMPTS = Prepared(select(*rows.ATTEMPT.columns).order_by(schema.attempts.c.started_at, schema.attempts.c.id))
_INTENT = Prepared(select(*rows.INTENT.columns).where(issue_intents.c.display_name == bindparam("name")))


def read(store: SqlStore, operation: Operation[Result]) -> Result:
    """Run a read on an inline store, without a loop."""
    runner = store._runner
    assert isinstance(runner, InlineRunner)
    return runner.now(operation, write=False)


def credential(store: SqlStore, key_id: str) -> Credential | None:
    """The ledger's row, whatever its state."""
    row = read(store, lambda tx: tx.row(_CREDENTIAL, {"key": key_id}))
    return None if row is None else rows.CREDENTIAL.value(row)


def intent(store: SqlStore, display_name: str) -> IssueIntent | None:
    """The issue intent of that display name."""
    row = read(store, lambda tx: tx.row(_INTENT, {"name": display_name}))
    return None if row is None else rows.INTENT.value(row)


def facts(store: SqlStore, rotation_id: str) -> Facts | None:
    """The facts of one rotation, or None when it is gone."""
    try:
        return read(store, lambda tx: views.look(tx, rotation_id))[0]
    except KeyError:
        return None


def all_facts(store: SqlStore) -> Sequence[Facts]:
    """The facts of every rotation, retired ones included."""
    return read(store, lambda tx: views.facts(tx, None))


def find(store: SqlStore, name: str) -> str:
    """The id of the rotation of that name; empty when there is none."""
    return read(store, lambda tx: views.find(tx, name)) or ""


def attempts(store: SqlStore) -> Sequence[Attempt]:
    """All there are, in the order in which they began."""
    return [rows.ATTEMPT.value(row) for row in read(store, lambda tx: tx.rows(_ATTEMPTS))]


def attempt(store: SqlStore, rotation_id: str, attempt_id: str) -> tuple[Attempt, Sequence[Entry]] | None:
    """One of the latest attempts with its journal."""
    latest = read(store, lambda tx: views.history(tx, rotation_id, 3))
    return next((found for found in latest if found[0].id == attempt_id), None)
