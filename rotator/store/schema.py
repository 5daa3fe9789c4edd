"""Which tables does the state database have? One definition for every kind of database.

Instants are whole microseconds since 1970 UTC, structured values are JSON text, secret text stands in `sealed` only.
Columns bear the names of the fields in `domain/model.py`; `rows.py` relies on it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

#: The newest migration; `migrations/versions` holds one file for each.
REVISION = "0001"
REVISIONS = (REVISION,)

metadata = MetaData()

# Ordered by code point everywhere: no index depends on the rules of a language, which change under a server's feet.
TEXT = Text(collation="C").with_variant(Text(), "sqlite")

# Rows stand in the tree of their key: one page less to read, and to write through to the disk, each time.
_ROWID = False


def _at(name: str) -> Column[int]:
    return Column(name, BigInteger)


def _text(name: str) -> Column[str]:
    return Column(name, TEXT, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


#: Of which rows an index is. Told to the dialect where tables are made: naming a dialect here would import it.
ONLY = "only"


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _open_ones(name: str, of_rotation: Column[str], ended_at: Column[int]) -> Index:
    """An index over the rows that have not ended."""
    return Index(name, of_rotation, info={ONLY: ended_at.is_(None)})


def _only(name: str, *columns: str, where: str) -> Index:
    """An index over some rows; a query says the same words, without parameters, to be answered from it."""
    return Index(name, *columns, info={ONLY: text(where)})


#: What needs somebody: few, and found without a look at any other row.
IN_NEED = "failures > 0 OR alarms <> '[]' OR hold <> '' OR status = 'failed'"
#: What has come due and has not ended yet: it may be overdue.
UNDER_WAY = "due_slot IS NOT NULL"


def _application() -> list[Column[str]]:
    return [_text("tenant_id"), _text("object_id"), _text("client_id"), _text("app_name")]


def _of_rotation() -> Column[str]:
    return Column("rotation_id", TEXT, ForeignKey("rotations.id", ondelete="CASCADE"), nullable=False)


version = Table("alembic_version", metadata, Column("version_num", TEXT, primary_key=True))

meta = Table("meta", metadata, Column("name", TEXT, primary_key=True), _text("value"))

rotations = Table(
    "rotations",
    metadata,
    Column("id", TEXT, primary_key=True),
    _text("name"),
    *_application(),
    # The second half of the lease's key: the object id, or `client:<client id>` until it has been looked up.
    _text("lease_key"),
    _text("connection"),
    _text("own_connection"),
    # Of the document, what is looked for among very many: the folder, who owns the definition, and whether it delivers
    # anywhere but to that folder.
    _text("project"),
    _text("environment"),
    _text("path"),
    _flag("api_made"),
    _flag("elsewhere"),
    _text("document"),
    _text("hash"),
    _at("created_at"),
    _at("changed_at"),
    _flag("paused"),
    _at("retired_at"),
    _at("approved_at"),
    _at("wake_at"),
    # Somebody asked for a look since the last claim: a wake-up time set by the holder may only bring it forward.
    _flag("woken"),
    _at("next_slot"),
    # With the connection, so that those of others are passed over without a look at their rows.
    Index("rotations_by_wake", "wake_at", "id", "connection"),
    Index("rotations_by_slot", "connection", "next_slot"),
    Index("rotations_by_name", "name"),
    _only("rotations_by_own_connection", "own_connection", where="own_connection <> ''"),
    Index("rotations_by_folder", "project", "environment", "path"),
    # All that a list of very many is counted and chosen by: their definitions, a hundred times as long, are not read.
    _only(
        "rotations_living",
        *("name", "id", "app_name", "own_connection", "project", "environment", "path", "paused", "retired_at"),
        where="retired_at IS NULL",
    ),
    _only("rotations_paused", "name", "id", where="paused AND retired_at IS NULL"),
    _only("rotations_retired", "id", where="retired_at IS NOT NULL"),
    _only("rotations_of_files", "name", where="NOT api_made"),
    _only("rotations_elsewhere", "id", where="elsewhere"),
)

standings = Table(
    "standings",
    metadata,
    Column("rotation_id", TEXT, ForeignKey("rotations.id", ondelete="CASCADE"), primary_key=True),
    _text("state"),
    Column("status", TEXT),
    _text("message"),
    _at("last_attempted_at"),
    _at("last_rotated_at"),
    _text("last_attempt_id"),
    _flag("last_manual"),
    _at("anchor_at"),
    _at("due_slot"),
    _number("failures"),
    _at("retry_at"),
    _number("active_index"),
    _text("hold"),
    _at("held_at"),
    _at("missing_since"),
    _flag("current_lost"),
    _at("reconciled_at"),
    _text("alarms"),
    _flag("promoted_partly"),
    _only("standings_in_need", "rotation_id", where=IN_NEED),
    _only("standings_under_way", "rotation_id", where=UNDER_WAY),
    sqlite_with_rowid=_ROWID,
)

# Rows are never deleted and `token` only grows (law L8).
leases = Table(
    "leases",
    metadata,
    _text("tenant_id"),
    _text("object_id"),
    _text("holder"),
    Column("token", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    # The rotation it was claimed for.
    _text("rotation_id"),
    PrimaryKeyConstraint("tenant_id", "object_id"),
    sqlite_with_rowid=_ROWID,
)

# Triggers refuse UPDATE and DELETE (law L2); they stand with the other differences between databases.
journal = Table(
    "journal",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    _text("rotation_id"),
    _text("attempt_id"),
    _text("step"),
    _text("phase"),
    Column("at", BigInteger, nullable=False),
    _text("facts"),
    Index("journal_by_rotation", "rotation_id"),
    Index("journal_by_attempt", "attempt_id"),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", TEXT, primary_key=True),
    _text("rotation_id"),
    _text("mode"),
    _text("reason"),
    _flag("manual"),
    _at("started_at"),
    *_application(),
    _text("mapping"),
    _at("due_slot"),
    _at("resume_at"),
    _at("ended_at"),
    Column("outcome", TEXT),
    _text("message"),
    _text("accept_outage"),
    _text("request_id"),
    # That of the rotation when the attempt began: for the storm count.
    _text("connection"),
    Index("attempts_by_rotation", "rotation_id", "started_at"),
    Index("attempts_by_connection", "connection", "started_at"),
)
_open_ones("attempts_open", attempts.c.rotation_id, attempts.c.ended_at)

credentials = Table(
    "credentials",
    metadata,
    Column("key_id", TEXT, primary_key=True),
    _text("rotation_id"),
    *_application(),
    _text("display_name"),
    _at("starts_at"),
    _at("expires_at"),
    _text("state"),
    _text("hint"),
    _text("attempt_id"),
    _flag("adopted"),
    _number("slot"),
    _at("issued_at"),
    _at("promoted_at"),
    _at("retired_at"),
    _at("revoke_at"),
    _at("revoke_intent_at"),
    _at("revoked_at"),
    _number("revoke_failures"),
    _at("revoke_retry_at"),
    _text("revoke_message"),
    Index("credentials_by_rotation", "rotation_id"),
    _only("credentials_retiring", "rotation_id", where="state = 'retiring'"),
)

# Every sealed text of the database; its place is part of what is sealed, so that a row moved elsewhere does not open.
sealed = Table(
    "sealed",
    metadata,
    _text("of_table"),
    _text("of_row"),
    _text("of_column"),
    # Fingerprint of the key-encryption key that wraps the record's own key.
    _text("key"),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("of_table", "of_row", "of_column"),
    Index("sealed_by_key", "key"),
    sqlite_with_rowid=_ROWID,
)

issue_intents = Table(
    "issue_intents",
    metadata,
    _text("rotation_id"),
    _text("attempt_id"),
    _number("n"),
    _text("display_name"),
    _at("opened_at"),
    _text("outcome"),
    _at("first_look_at"),
    _at("closed_at"),
    PrimaryKeyConstraint("rotation_id", "attempt_id", "n"),
    Index("issue_intents_by_name", "display_name"),
    sqlite_with_rowid=_ROWID,
)

deliveries = Table(
    "deliveries",
    metadata,
    _of_rotation(),
    _text("destination"),
    _text("kind"),
    _text("key_id"),
    _text("version"),
    Column("token", BigInteger, nullable=False),
    _at("delivered_at"),
    _at("read_at"),
    _number("failures"),
    _at("retry_at"),
    _text("message"),
    _flag("drifted"),
    _flag("removed"),
    PrimaryKeyConstraint("rotation_id", "destination"),
    _only("deliveries_drifted", "destination", where="drifted AND NOT removed"),
    sqlite_with_rowid=_ROWID,
)

hints = Table(
    "hints",
    metadata,
    _of_rotation(),
    _text("destination"),
    _at("at"),
    PrimaryKeyConstraint("rotation_id", "destination"),
    sqlite_with_rowid=_ROWID,
)

requests = Table(
    "requests",
    metadata,
    Column("id", TEXT, primary_key=True),
    _text("rotation_id"),
    _text("kind"),
    _at("at"),
    _text("by"),
    _text("facts"),
    _at("ended_at"),
    _text("result"),
    _text("message"),
    Index("requests_by_rotation", "rotation_id"),
)
_open_ones("requests_open", requests.c.rotation_id, requests.c.ended_at)

connection_health = Table(
    "connection_health",
    metadata,
    Column("connection", TEXT, primary_key=True),
    _at("opened_at"),
    _at("probe_at"),
    _text("message"),
    sqlite_with_rowid=_ROWID,
)

connection_failures = Table(
    "connection_failures",
    metadata,
    _text("connection"),
    _text("rotation_id"),
    _at("at"),
    PrimaryKeyConstraint("connection", "rotation_id"),
    sqlite_with_rowid=_ROWID,
)

# Keyed fingerprint of the credential as configured (rotation.md section 8).
connection_state = Table(
    "connection_state",
    metadata,
    Column("connection", TEXT, primary_key=True),
    _text("fingerprint"),
    _at("updated_at"),
    sqlite_with_rowid=_ROWID,
)

mapped_names = Table(
    "mapped_names",
    metadata,
    _text("project"),
    _text("environment"),
    _text("path"),
    _text("name"),
    _text("rotation_id"),
    _text("field"),
    _text("key_id"),
    _text("staged_key_id"),
    _number("version"),
    Column("token", BigInteger, nullable=False),
    _text("installation"),
    _at("updated_at"),
    PrimaryKeyConstraint("project", "environment", "path", "name"),
    Index("mapped_names_by_rotation", "rotation_id"),
    sqlite_with_rowid=_ROWID,
)

# The YAML files that the definitions came from, so that an unchanged one is not parsed again.
sources = Table("sources", metadata, Column("path", TEXT, primary_key=True), _text("hash"), sqlite_with_rowid=_ROWID)
