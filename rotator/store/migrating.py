"""How does a database of an older schema become one of the newest? By Alembic, in one transaction.

A new database is made from `schema.py` and stamped; Alembic is imported only where there is something to migrate.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from rotator.store.sqlite import connect

MIGRATIONS = Path(__file__).with_name("migrations")
_log = logging.getLogger(__name__)


def migrate(path: Path, migrations: Path = MIGRATIONS) -> None:
    """Migrate to the newest schema; on any error nothing is changed. Whoever comes second finds nothing to do."""
    _upgrade(create_engine("sqlite+pysqlite://", creator=lambda: connect(path), poolclass=NullPool), migrations)
    _log.info("Brought the schema of %s up to date", path)


def migrate_server(options: Mapping[str, Any], lock: str, where: str, migrations: Path = MIGRATIONS) -> None:
    """The same for PostgreSQL, with what its driver is to be told; nodes that come at once take turns."""
    import psycopg

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(**options, prepare_threshold=None), poolclass=NullPool
    )
    _upgrade(engine, migrations, lock)
    _log.info("Brought the schema of %s up to date", where)


def _upgrade(engine: Engine, migrations: Path, lock: str = "BEGIN IMMEDIATE") -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    with engine.connect() as connection:
        connection.exec_driver_sql(lock)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
