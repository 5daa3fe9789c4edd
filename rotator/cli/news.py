"""What does a line of the journal say to who watches a command? The same as the events of a rotation that runs here."""

from __future__ import annotations

from rotator.domain.model import Entry
from rotator.domain.telling import told
from rotator.observers.progress import News


def news_of(rotation: str, entry: Entry) -> News | None:
    """The entry in words, or None when another one says it better."""
    said = told(entry)
    return News(rotation, entry.step, *said) if said else None
