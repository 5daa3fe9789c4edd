"""Where does a daemon leave its signs of life when its database is no file?"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def signs_of(url: str) -> Path:
    """Beside which path a daemon leaves its signs of life when its database is no file: in the folder for such things.

    systemd names one to a service and to a person's session; elsewhere it is one of our own that nobody else may enter.
    """
    given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(given) if given else Path(tempfile.gettempdir()) / f"rotator-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        if given or folder.lstat().st_uid == os.getuid():
            return folder / f"rotator-{hashlib.sha256(url.encode()).hexdigest()[:12]}"
    return Path("/nonexistent") / "rotator"
