"""Where do databases begin? Here: a new one is made from `schema.py`, so the first revision has nothing to do."""

from __future__ import annotations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is older than this."""
