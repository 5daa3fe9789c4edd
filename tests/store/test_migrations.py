"""Does an old database become a new one whole, or stay as it was?"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from rotator.store import schema
from rotator.store.making import statements
from rotator.store.migrating import MIGRATIONS, migrate
from rotator.store.opening import open_store
from rotator.store.sqlite import KIND
from tests.fakes import ManualClock, SeededChance

FIRST = Path(__file__).with_name("schema-0001.sql")
NEXT = '''"""Next."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("rotations", sa.Column("colour", sa.Text))
    with op.batch_alter_table("leases") as leases:
        leases.add_column(sa.Column("shade", sa.Text))
    {then}
'''


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of the first schema, with its data."""
    made = tmp_path / "state.db"
    open_store(f"sqlite:///{made}", chance=SeededChance(), database_time=ManualClock().now).close()
    return made


def with_next(folder: Path, then: str) -> Path:
    migrations = folder / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    (migrations / "versions" / "0002_next.py").write_text(NEXT.replace("{then}", then))
    return migrations


def asked(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


COLUMNS = "SELECT name FROM pragma_table_info('rotations') UNION SELECT name FROM pragma_table_info('leases')"


def test_the_first_schema_stays_as_it_was_released() -> None:
    """A change to `schema.py` needs a migration and a revision; before the first release the file is printed anew."""
    assert schema.REVISION == "0001"
    assert ";\n".join(line.strip() for line in statements(KIND)) + ";\n" == FIRST.read_text()


def test_the_migrations_end_at_the_revision_of_the_schema() -> None:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(MIGRATIONS))
    revisions = [each.revision for each in reversed(list(script.walk_revisions()))]
    assert script.get_heads() == [schema.REVISION]
    assert tuple(revisions) == schema.REVISIONS


def test_a_migration_keeps_the_data(path: Path, tmp_path: Path) -> None:
    before = asked(path, "SELECT * FROM meta")
    migrate(path, with_next(tmp_path, "pass"))
    assert asked(path, "SELECT version_num FROM alembic_version") == [("0002",)]
    assert {("colour",), ("shade",)} <= set(asked(path, COLUMNS))
    assert asked(path, "SELECT * FROM meta") == before
    migrate(path, tmp_path / "migrations")
    assert asked(path, "SELECT version_num FROM alembic_version") == [("0002",)]


def test_a_migration_that_fails_changes_nothing(path: Path, tmp_path: Path) -> None:
    before = asked(path, "SELECT sql FROM sqlite_master")
    with pytest.raises(ZeroDivisionError):
        migrate(path, with_next(tmp_path, "1 / 0"))
    assert asked(path, "SELECT sql FROM sqlite_master") == before
    assert asked(path, "SELECT version_num FROM alembic_version") == [("0001",)]
