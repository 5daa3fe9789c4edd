"""Which rotations are defined, and what have people switched about them? Written outside any lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, delete, insert, select, update

from rotator.domain.definition import text_hash, to_text
from rotator.domain.edits import Add, Change, Edit, Inherit, Retire
from rotator.domain.model import Application, ConnectionHealth, Facts, Rotation, Standing, Switches
from rotator.domain.nodes import Reading
from rotator.errors import DefinitionsMoved
from rotator.store import rows
from rotator.store.nodes import brought
from rotator.store.requests import hint
from rotator.store.rows import micros
from rotator.store.schema import meta, rotations, sources, standings
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, no_later, upsert
from rotator.store.writes import lease_key, slot_after, slot_of

_EMBEDDED = "embedded"
_INSERT = Prepared(insert(rotations).values({c.name: bindparam(c.name) for c in rotations.c}))
_NEW = upsert(standings)
_DEFINITION = (
    *("name", "tenant_id", "object_id", "client_id", "app_name", "lease_key", "connection", "own_connection"),
    *("project", "environment", "path", "api_made", "elsewhere"),
)
_CHANGE = Prepared(
    update(rotations)
    .where(rotations.c.id == bindparam("rotation"))
    .values(
        {name: bindparam(name) for name in (*_DEFINITION, "document", "hash")}
        | {
            "changed_at": case((bindparam("edited_at") > 0, bindparam("edited_at")), else_=rotations.c.changed_at),
            "retired_at": None,
            "wake_at": no_later(rotations.c.wake_at, "now"),
            "woken": True,
        }
    )
)
_RETIRE = Prepared(
    update(rotations)
    .where(rotations.c.id == bindparam("rotation"), rotations.c.retired_at.is_(None))
    .values(retired_at=bindparam("at"), wake_at=no_later(rotations.c.wake_at, "now"), woken=True)
)
_RESOLVED = Prepared(
    select(rotations.c.tenant_id, rotations.c.object_id, rotations.c.client_id, rotations.c.app_name).where(
        rotations.c.id == bindparam("rotation")
    )
)
_SLOT = Prepared(update(rotations).where(rotations.c.id == bindparam("rotation")).values(next_slot=bindparam("slot")))
_SOURCES = Prepared(select(sources.c.path, sources.c.hash))
_SOURCE = upsert(sources)
_EDITION = Prepared(select(meta.c.value).where(meta.c.name == "edition"))
_SET_EDITION = upsert(meta)
_NO_SOURCES = Prepared(delete(sources))


def define(
    tx: Transaction,
    edits: Sequence[Edit],
    files: Mapping[str, str] | None,
    *,
    edition: int | None = None,
    reading: Reading | None = None,
) -> None:
    """Make the edits true together; `files` (path to hash) replaces what is known of the sources, `reading` is the new
    generation.

    Raises DefinitionsMoved when the definitions no longer have the `edition` that the edits were planned upon.
    """
    if edits or reading:
        _next_edition(tx, edition)
    if reading:
        brought(tx, reading)
    _add(tx, [edit.rotation for edit in edits if isinstance(edit, Add)])
    for edit in edits:
        if isinstance(edit, Change):
            _change(tx, edit.rotation, edit.changed_at)
        elif isinstance(edit, Inherit):
            _change(tx, replace(edit.rotation, id=edit.from_id), tx.time)
        elif isinstance(edit, Retire):
            tx.run(_RETIRE, {"rotation": edit.rotation_id, "at": micros(edit.at), "now": tx.now})
    if files is not None:
        tx.run(_NO_SOURCES)
        tx.run_all(_SOURCE, [{"path": path, "hash": hash_} for path, hash_ in files.items()])


def edition(tx: Transaction) -> int:
    """How often definitions have been changed."""
    row = tx.row(_EDITION)
    return int(row[0]) if row else 0


def _next_edition(tx: Transaction, planned_upon: int | None) -> None:
    tx.alone("definitions")
    found = edition(tx)
    if planned_upon not in {None, found}:
        raise DefinitionsMoved
    tx.run(_SET_EDITION, {"name": "edition", "value": str(found + 1)})


def source_hashes(tx: Transaction) -> dict[str, str]:
    """The files that the definitions came from, with their hashes."""
    return {row[0]: row[1] for row in tx.rows(_SOURCES)}


def _add(tx: Transaction, added: Sequence[Rotation]) -> None:
    """Recorded as new (law L9) and due for a look at once."""
    made = {
        "created_at": tx.now,
        "changed_at": None,
        "paused": False,
        "retired_at": None,
        "approved_at": None,
        "wake_at": tx.now,
        "woken": False,
    }
    new = [Facts(each, Switches(tx.time), Standing(each.id), ConnectionHealth(each.connection)) for each in added]
    tx.run_all(
        _INSERT,
        [
            {"id": each.rotation.id, **_definition(each.rotation, each.rotation.application), **made}
            | {"next_slot": slot_after(each)}
            for each in new
        ],
    )
    tx.run_all(_NEW, [rows.STANDING.params(each.standing) for each in new])


def _change(tx: Transaction, rotation: Rotation, changed_at: datetime | None) -> None:
    row = tx.row(_RESOLVED, {"rotation": rotation.id})
    if row is None:
        raise KeyError(rotation.id)
    application = _still_resolved(rotation.application, Application(*row))
    edited_at = 0 if changed_at is None else micros(changed_at)
    params = {"rotation": rotation.id, "edited_at": edited_at, "now": tx.now}
    tx.run(_CHANGE, params | _definition(rotation, application))
    tx.run(_SLOT, {"rotation": rotation.id, "slot": slot_of(tx, rotation.id)})
    # A destination or a name that the edit brought is served at once, not at the next comparison.
    for rule in rotation.destinations:
        hint(tx, rotation.id, rule.name)


def _still_resolved(defined: Application, known: Application) -> Application:
    """Ids that were looked up in Entra stay, as long as the definition does not say otherwise."""
    pairs = [(getattr(defined, name), getattr(known, name)) for name in ("tenant_id", "object_id", "client_id")]
    if any(said and held and said.lower() != held.lower() for said, held in pairs):
        return defined
    return Application(
        defined.tenant_id,
        defined.object_id or known.object_id,
        defined.client_id or known.client_id,
        defined.name or known.name,
    )


def _definition(rotation: Rotation, application: Application) -> dict[str, Any]:
    document = to_text(rotation)
    return {
        "name": rotation.name,
        "tenant_id": application.tenant_id,
        "object_id": application.object_id,
        "client_id": application.client_id,
        "app_name": application.name,
        "lease_key": lease_key(application.object_id, application.client_id),
        "connection": rotation.connection,
        "own_connection": rotation.own_connection,
        "project": rotation.folder.project,
        "environment": rotation.folder.environment,
        "path": rotation.folder.path,
        "api_made": rotation.api_made,
        "elsewhere": any(rule.kind != _EMBEDDED for rule in rotation.destinations),
        "document": document,
        "hash": text_hash(document),
    }
