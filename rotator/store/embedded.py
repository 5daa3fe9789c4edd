"""What do the mapped secrets of the embedded store show? Names that point at a credential of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC
from typing import Any

from sqlalchemy import Select, bindparam, delete, select

from rotator.domain.mapped import MappedName, MayStage
from rotator.domain.model import CredentialState, Folder, Secret
from rotator.errors import DestinationUnavailable
from rotator.ports import Marker
from rotator.store import versions
from rotator.store.rows import instant
from rotator.store.schema import credentials, mapped_names
from rotator.store.seal import Place, Seal, text_at
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, Selection, These, upsert

_FOLDER = (
    mapped_names.c.project == bindparam("project"),
    mapped_names.c.environment == bindparam("environment"),
    mapped_names.c.path == bindparam("path"),
)
_COLUMNS = (
    mapped_names.c.name,
    mapped_names.c.rotation_id,
    mapped_names.c.field,
    mapped_names.c.key_id,
    mapped_names.c.staged_key_id,
    mapped_names.c.version,
    mapped_names.c.token,
    mapped_names.c.installation,
)


_SHOWN = tuple(column.name for column in _COLUMNS)


def _named(these: These) -> Select[Any]:
    return select(*_COLUMNS).where(*_FOLDER, these(mapped_names.c.name)).order_by(mapped_names.c.name)


_NAMES = Selection(_named)
_STAGE = upsert(mapped_names)
_UNMAP = Selection(
    lambda these: delete(mapped_names).where(
        *_FOLDER, mapped_names.c.rotation_id == bindparam("rotation"), these(mapped_names.c.name)
    )
)
_STATE = Prepared(
    select(credentials.c.state).where(
        credentials.c.key_id == bindparam("key"), credentials.c.rotation_id == bindparam("rotation")
    )
)
_ALL_OF = Prepared(
    select(mapped_names.c.project, mapped_names.c.environment, mapped_names.c.path, mapped_names.c.name).where(
        mapped_names.c.rotation_id == bindparam("rotation")
    )
)
_LEFT = Prepared(
    delete(mapped_names).where(
        *_FOLDER, mapped_names.c.rotation_id == bindparam("rotation"), mapped_names.c.name == bindparam("name")
    )
)
_VALUES = Prepared(
    select(credentials.c.client_id, credentials.c.tenant_id, credentials.c.expires_at).where(
        credentials.c.key_id == bindparam("key")
    )
)


def mapped(tx: Transaction, folder: Folder, names: Collection[str] | None) -> dict[str, MappedName]:
    """Those of the names (None: all) that exist in the folder."""
    found = [MappedName(*row) for row in tx.select(_NAMES, names, _of(folder))] if names is None or names else []
    return {each.name: each for each in found}


def stage(
    tx: Transaction, folder: Folder, names: Mapping[str, str], marker: Marker, may: MayStage | None
) -> dict[str, MappedName]:
    """Point the names at the marker's credential, if we may: for the promotion, or at once when it is current."""
    known = mapped(tx, folder, names.values())
    if may is not None and not may(known):
        return known
    higher = next((each for each in known.values() if each.token > marker.token), None)
    if higher is not None:
        raise DestinationUnavailable(
            "embedded", "write", f"{higher.name} bears the fencing token {higher.token}, ours is {marker.token}"
        )
    state = tx.row(_STATE, {"key": marker.key_id, "rotation": marker.rotation_id})
    is_current = state is not None and state[0] == CredentialState.CURRENT.value
    rows = [_row(tx, field, name, marker, known.get(name), is_current=is_current) for field, name in names.items()]
    tx.run_all(_STAGE, [row | _of(folder) for row in rows])
    if is_current:
        versions.remember(tx, marker.rotation_id, marker.key_id)
        _leave(tx, folder, names, marker.rotation_id)
    return {row["name"]: MappedName(**{name: row[name] for name in _SHOWN}) for row in rows}


def _leave(tx: Transaction, folder: Folder, names: Mapping[str, str], rotation_id: str) -> None:
    """Names that the rotation had before its mapping was changed go in the same transaction (rotation.md section 7)."""
    here, kept = tuple(_of(folder).values()), set(names.values())
    for *place, name in tx.rows(_ALL_OF, {"rotation": rotation_id}):
        if tuple(place) != here or name not in kept:
            tx.run(_LEFT, {"rotation": rotation_id, "name": name, **_of(Folder(*place))})
            versions.forget(tx, Folder(*place), name, rotation_id)


def _row(
    tx: Transaction, field: str, name: str, marker: Marker, known: MappedName | None, *, is_current: bool
) -> dict[str, Any]:
    shown = known.key_id if known else ""
    shows = marker.key_id if is_current else shown
    version = known.version if known else 0
    return {
        "name": name,
        "rotation_id": marker.rotation_id,
        "field": field,
        "key_id": shows,
        "staged_key_id": marker.key_id,
        "version": version + (shows != shown),
        "token": marker.token,
        "installation": marker.installation,
        "updated_at": tx.now,
    }


def unmap(tx: Transaction, folder: Folder, names: Collection[str], rotation_id: str) -> None:
    """Remove these names, where they are that rotation's."""
    if names:
        tx.change(_UNMAP, names, {**_of(folder), "rotation": rotation_id})
    for name in names:
        versions.forget(tx, folder, name, rotation_id)


def mapped_text(tx: Transaction, seal: Seal, folder: Folder, name: str) -> Secret | None:
    """What a reader of that name sees now: the field of the credential it shows; None when there is nothing to see."""
    found = mapped(tx, folder, [name]).get(name)
    values = tx.row(_VALUES, {"key": found.key_id}) if found and found.key_id else None
    if found is None or values is None:
        return None
    client_id, tenant_id, expires_at = values
    if found.field == "clientSecret":
        return text_at(tx, seal, Place.of_credential(found.key_id))
    ends = instant(expires_at).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Secret({"clientId": client_id, "tenantId": tenant_id, "keyId": found.key_id, "expiresAt": ends}[found.field])


def _of(folder: Folder) -> dict[str, str]:
    return {"project": folder.project, "environment": folder.environment, "path": folder.path}
