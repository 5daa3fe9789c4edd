"""Which secrets that exist may be adopted, and under which names? For commands and pages alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from rotator.domain.inventory import Finding, Item

_SLUG = 56


def is_adoptable(item: Item, now: datetime) -> bool:
    """Is it a valid secret of an application, that nobody rotates and that is no orphan of ours?"""
    ends = item.held.expires_at
    usable = item.held.kind == "secret" and not item.rotation and ends is not None and ends > now
    return usable and not item.holder.is_principal and Finding.ORPHAN not in item.findings


def slugs_of(name: str) -> Iterator[str]:
    """Names for the rotation of an application, the best first, without end."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG].strip("-") or "application"
    yield plain
    number = 2
    while True:
        yield f"{plain}-{number}"
        number += 1


def word_of(slug: str) -> str:
    """What the names of its mapped secrets begin with."""
    return slug.upper().replace("-", "_")
