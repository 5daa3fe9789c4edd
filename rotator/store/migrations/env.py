"""What does Alembic run with? The connection it is given, inside the transaction that is open on it."""

from __future__ import annotations

from alembic import context

from rotator.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making it anew
)
context.run_migrations()
