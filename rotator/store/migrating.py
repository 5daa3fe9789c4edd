"""How does a database of an older schema become one of the newest? By Alembic, in one transaction.

A new database is made from `schema.py` and stamped; Alembic is imported only where there is something to migrate.
"""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from rotator.store.sqlite import connect

MIGRATIONS = Path(__file__).with_name("migrations")
_log = logging.getLogger(__name__)


def migrate(path: Path, migrations: Path = MIGRATIONS) -> None:
    """Migrate to the newest schema; on any error nothing is changed. Whoever comes second finds nothing to do."""
    engine = create_engine("sqlite+pysqlite://", creator=lambda: connect(path), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    _log.info("Brought the schema of %s up to date", path)
