"""Which tables does the API need? Identities, how they sign in, their tokens, and the audit."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table

from rotator.store.schema import TEXT, metadata


def _at(name: str) -> Column[int]:
    return Column(name, BigInteger)


def _text(name: str) -> Column[str]:
    return Column(name, TEXT, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _of_identity() -> Column[str]:
    return Column("identity_id", TEXT, ForeignKey("identities.id", ondelete="CASCADE"), nullable=False)


identities = Table(
    "identities",
    metadata,
    Column("id", TEXT, primary_key=True),
    _text("name"),
    # A list of {role, project, environment, path}.
    _text("grants"),
    _at("created_at"),
    _at("updated_at"),
    Index("identities_by_name", "name", unique=True),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", TEXT, primary_key=True),
    _of_identity(),
    _text("method"),
    _text("handle"),
    _number("ttl"),
    _number("max_ttl"),
    _number("uses"),
    _text("trusted"),
    _text("facts"),
    _at("created_at"),
    _at("updated_at"),
    Index("sign_ins_by_identity", "identity_id", "method", unique=True),
    Index("sign_ins_by_handle", "method", "handle", unique=True),
)

client_secrets = Table(
    "client_secrets",
    metadata,
    Column("id", TEXT, primary_key=True),
    _of_identity(),
    _text("digest"),
    _text("prefix"),
    _text("description"),
    _at("created_at"),
    _at("expires_at"),
    _number("uses_limit"),
    _number("uses"),
    _at("revoked_at"),
    Index("client_secrets_by_identity", "identity_id"),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    # SHA-256 of the text, which has 256 bits of its own: nothing slower is needed.
    Column("digest", TEXT, primary_key=True),
    _text("id"),
    _of_identity(),
    _text("method"),
    _at("created_at"),
    _at("expires_at"),
    _number("uses_limit"),
    _number("uses"),
    Index("access_tokens_by_identity", "identity_id", "method"),
    Index("access_tokens_by_expiry", "expires_at"),
    sqlite_with_rowid=False,
)

# One chain for each node; each row's hash covers the one before. Triggers refuse UPDATE and DELETE.
audit = Table(
    "audit",
    metadata,
    _text("node"),
    _number("n"),
    Column("at", BigInteger, nullable=False),
    _text("kind"),
    _text("actor"),
    _text("identity_id"),
    _text("address"),
    _text("request_id"),
    _text("facts"),
    _text("hash"),
    PrimaryKeyConstraint("node", "n"),
    Index("audit_by_time", "at"),
    sqlite_with_rowid=False,
)
