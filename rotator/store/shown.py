"""What do readers of mapped secrets see now? One query for a folder or for one name, texts opened on the way."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import Select, bindparam, select

from rotator.domain.model import Folder, Secret
from rotator.domain.resources import ShownSecret
from rotator.store.rows import Row, instant
from rotator.store.schema import credentials, mapped_names, rotations, sealed
from rotator.store.seal import Place, Seal
from rotator.store.session import Transaction
from rotator.store.statements import Prepared

_TEXT = (
    (sealed.c.of_table == "credentials") & (sealed.c.of_row == mapped_names.c.key_id) & (sealed.c.of_column == "text")
)


def _shown(*conditions: Any) -> Select[Any]:
    """Without a current credential a name shows nothing yet, and is left out."""
    joined = (
        mapped_names.join(credentials, credentials.c.key_id == mapped_names.c.key_id)
        .outerjoin(sealed, _TEXT)
        .outerjoin(rotations, rotations.c.id == mapped_names.c.rotation_id)
    )
    return (
        select(
            mapped_names.c.name,
            mapped_names.c.field,
            mapped_names.c.version,
            mapped_names.c.rotation_id,
            mapped_names.c.key_id,
            mapped_names.c.updated_at,
            rotations.c.created_at,
            credentials.c.client_id,
            credentials.c.tenant_id,
            credentials.c.expires_at,
            sealed.c.key,
            sealed.c.body,
        )
        .select_from(joined)
        .where(
            mapped_names.c.project == bindparam("project"),
            mapped_names.c.environment == bindparam("environment"),
            mapped_names.c.path == bindparam("path"),
            *conditions,
        )
        .order_by(mapped_names.c.name)
    )


_ALL = Prepared(_shown())
_ONE = Prepared(_shown(mapped_names.c.name == bindparam("wanted")))


def shown(tx: Transaction, seal: Seal, folder: Folder, name: str | None) -> list[ShownSecret]:
    """The mapped secrets of the folder, or the one of that name, by name."""
    place = {"project": folder.project, "environment": folder.environment, "path": folder.path}
    rows = tx.rows(_ALL, place) if name is None else tx.rows(_ONE, {**place, "wanted": name})
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


def _text(seal: Seal, row: Row) -> Secret | None:
    field, key_id, client_id, tenant_id, expires_at, key, body = row[1], row[4], *row[7:12]
    if field == "clientSecret":
        return None if key is None else Secret(seal.open(Place.of_credential(key_id), key, bytes(body)).decode())
    ends = instant(expires_at).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Secret({"clientId": client_id, "tenantId": tenant_id, "keyId": key_id, "expiresAt": ends}[field])
