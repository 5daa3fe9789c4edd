"""What keeps unsealed secrets in our memory to ourselves? No core dumps, no debugger of the same user."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress

#: prctl(2)
_PR_SET_DUMPABLE = 4


def harden() -> None:
    """Forbid core dumps, and on Linux ptrace and /proc/PID/mem to others of the same user, as far as we may."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
