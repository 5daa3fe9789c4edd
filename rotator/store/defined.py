"""Which definitions are meant, of very many? Those of files, of some names, or near some place: never all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import bindparam, select, text

from rotator.domain.definition import Defined
from rotator.domain.model import Folder, Rotation
from rotator.store.facts import defined_of, rotation_of
from rotator.store.schema import rotations
from rotator.store.session import Transaction
from rotator.store.statements import Prepared, Selection

_NAMED = Selection(lambda these: select(rotations.c.id).where(these(rotations.c.name)))
_OF_FILES = Prepared(select(rotations.c.id).where(text("NOT rotations.api_made")))
_RETIRED = Prepared(select(rotations.c.id).where(rotations.c.retired_at.is_not(None)))
_DEFINITION = (rotations.c.document, rotations.c.object_id, rotations.c.client_id, rotations.c.app_name)
_LIVING = rotations.c.retired_at.is_(None)
_IN_FOLDER = Prepared(
    select(*_DEFINITION).where(
        rotations.c.project == bindparam("project"),
        rotations.c.environment == bindparam("environment"),
        rotations.c.path == bindparam("path"),
        _LIVING,
    )
)
_ELSEWHERE = Prepared(select(*_DEFINITION).where(text("rotations.elsewhere"), _LIVING))
_USERS = Prepared(
    select(rotations.c.name, rotations.c.own_connection)
    .where(rotations.c.connection == bindparam("connection"))
    .order_by(rotations.c.own_connection.desc(), rotations.c.name)
    .limit(bindparam("most"))
)


def named(tx: Transaction, names: Collection[str]) -> list[Defined]:
    """The definitions of these names, retired ones too."""
    ids = [row[0] for row in tx.select(_NAMED, names)] if names else []
    return defined_of(tx, ids) if ids else []


def of_files(tx: Transaction) -> list[Defined]:
    """The definitions that came from configuration files, and all retired ones."""
    ids = list(dict.fromkeys(row[0] for each in (_OF_FILES, _RETIRED) for row in tx.rows(each)))
    return defined_of(tx, ids) if ids else []


def pass_by(tx: Transaction, folder: Folder | None, take: Callable[[Rotation], object]) -> None:
    """Hand over the living rotations of that folder one by one; None: those that deliver elsewhere than to theirs."""
    place = {"project": folder.project, "environment": folder.environment, "path": folder.path} if folder else None
    for row in tx.stream(_IN_FOLDER if folder else _ELSEWHERE, place):
        take(rotation_of.__wrapped__(*row))


def users_of(tx: Transaction, connection: str, most: int) -> list[tuple[str, bool]]:
    """Names of rotations that use the connection, retired ones too, and whether it is for that of its own secret."""
    return [(row[0], bool(row[1])) for row in tx.rows(_USERS, {"connection": connection, "most": most})]
