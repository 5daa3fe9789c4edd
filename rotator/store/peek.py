"""Which files did the definitions in a database come from? Asked without its keys and whatever its schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path


def source_hashes(database: Path) -> dict[str, str]:
    """File -> hash; empty when that cannot be told, which only means that the files are read again."""
    if not database.exists():
        return {}
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as books,
    ):
        return {str(path): str(hash_) for path, hash_ in books.execute("SELECT path, hash FROM sources")}
    return {}
