"""Which tables hold what was made through the API, besides rotations? Connections, projects and folders."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Table

from rotator.store.schema import TEXT, metadata


def _text(name: str) -> Column[str]:
    return Column(name, TEXT, nullable=False)


# Those of the configuration have no row. Secret text stands in `sealed`, as everywhere.
connections = Table(
    "connections",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False, unique=True),
    # Empty: every project may use it.
    _text("project"),
    _text("document"),
    _text("fingerprint"),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

# What definitions name exists without a row here.
projects = Table(
    "projects",
    metadata,
    Column("name", TEXT, primary_key=True),
    _text("title"),
    _text("description"),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

folders = Table(
    "folders",
    metadata,
    _text("project"),
    _text("environment"),
    _text("path"),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("project", "environment", "path"),
    sqlite_with_rowid=False,
)
