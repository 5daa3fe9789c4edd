"""Which tables do several nodes need to work side by side?"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table

from rotator.store.schema import TEXT, metadata

# A node takes its row away when it ends; what a dead one left is taken away by the others.
nodes = Table(
    "nodes",
    metadata,
    Column("holder", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("version", TEXT, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("visits", Integer, nullable=False),
    Column("draining", Boolean, nullable=False),
    # In the database's real time.
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What each node has last read from its files, by the name that it keeps.
readings = Table(
    "readings",
    metadata,
    Column("node", TEXT, primary_key=True),
    Column("digest", TEXT, nullable=False),
    sqlite_with_rowid=False,
)

# Every set of definitions that has been in the books; the latest `brought_at` is that of those in force.
generations = Table(
    "generations",
    metadata,
    Column("digest", TEXT, primary_key=True),
    Column("brought_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What all nodes share of something: until when it is spent (a bucket), waited for (a line) or to be left alone.
paces = Table(
    "paces",
    metadata,
    Column("name", TEXT, primary_key=True),
    # In the database's real time.
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
