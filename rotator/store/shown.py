"""What do readers of mapped secrets see? One query for a folder, a name or a version, texts opened on the way."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import Select, Table, bindparam, select

from rotator.domain.model import Folder, Secret
from rotator.domain.resources import ShownSecret
from rotator.store.rows import Row, instant
from rotator.store.schema import credentials, mapped_names, rotations, sealed
from rotator.store.seal import Place, Seal
from rotator.store.session import Transaction
from rotator.store.statements import Prepared
from rotator.store.versions import mapped_versions


def _shown(names: Table, *conditions: Any) -> Select[Any]:
    """Without a current credential a name shows nothing yet, and is left out."""
    text = (sealed.c.of_table == "credentials") & (sealed.c.of_row == names.c.key_id) & (sealed.c.of_column == "text")
    joined = (
        names.join(credentials, credentials.c.key_id == names.c.key_id)
        .outerjoin(sealed, text)
        .outerjoin(rotations, rotations.c.id == names.c.rotation_id)
    )
    return (
        select(
            names.c.name,
            names.c.field,
            names.c.version,
            names.c.rotation_id,
            names.c.key_id,
            names.c.updated_at,
            rotations.c.created_at,
            credentials.c.client_id,
            credentials.c.tenant_id,
            credentials.c.expires_at,
            sealed.c.key,
            sealed.c.body,
        )
        .select_from(joined)
        .where(
            names.c.project == bindparam("project"),
            names.c.environment == bindparam("environment"),
            names.c.path == bindparam("path"),
            *conditions,
        )
        .order_by(names.c.name)
    )


_ALL = Prepared(_shown(mapped_names))
_ONE = Prepared(_shown(mapped_names, mapped_names.c.name == bindparam("wanted")))
_VERSION = Prepared(
    _shown(
        mapped_versions, mapped_versions.c.name == bindparam("wanted"), mapped_versions.c.version == bindparam("number")
    )
)


def shown(tx: Transaction, seal: Seal, folder: Folder, name: str | None) -> list[ShownSecret]:
    """The mapped secrets of the folder, or the one of that name, by name."""
    rows = tx.rows(_ALL, _of(folder)) if name is None else tx.rows(_ONE, {**_of(folder), "wanted": name})
    return _seen(seal, folder, rows)


def shown_version(tx: Transaction, seal: Seal, folder: Folder, *, name: str, version: int) -> ShownSecret | None:
    """What the name showed in that version; None when there was none, or its credential is revoked."""
    rows = tx.rows(_VERSION, {**_of(folder), "wanted": name, "number": version})
    return next(iter(_seen(seal, folder, rows)), None)


def _seen(seal: Seal, folder: Folder, rows: list[Row]) -> list[ShownSecret]:
    found = ((row, _text(seal, row)) for row in rows)
    return [
        ShownSecret(
            folder=folder,
            name=row[0],
            text=text,
            version=row[2],
            rotation_id=row[3],
            key_id=row[4],
            updated_at=instant(row[5]),
            created_at=instant(row[5] if row[6] is None else row[6]),
        )
        for row, text in found
        if text is not None
    ]


def _of(folder: Folder) -> dict[str, str]:
    return {"project": folder.project, "environment": folder.environment, "path": folder.path}


def _text(seal: Seal, row: Row) -> Secret | None:
    field, key_id, client_id, tenant_id, expires_at, key, body = row[1], row[4], *row[7:12]
    if field == "clientSecret":
        return None if key is None else Secret(seal.open(Place.of_credential(key_id), key, bytes(body)).decode())
    ends = instant(expires_at).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Secret({"clientId": client_id, "tenantId": tenant_id, "keyId": key_id, "expiresAt": ends}[field])
