"""Under whose name does a command write in the audit, and in which chain?"""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING

from rotator.domain.access import Note

if TYPE_CHECKING:
    from rotator.store.access import AccessStore
    from rotator.store.store import SqlStore


def audit_of(store: SqlStore) -> AccessStore:
    """A chain of its own: the daemon's has its configured name, and commands read the state block alone."""
    return store.access(f"{socket.gethostname()}/commands")


def note(kind: str, **facts: object) -> Note:
    """A row to be, in the name of whoever runs the command."""
    return Note(kind, f"host:{person()}", facts=facts)


def person() -> str:
    """Who does it: a name, not a proof."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
