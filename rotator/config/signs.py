"""Where does a daemon leave files of its own when its database is no file: signs of life, and what waits for it?"""

from __future__ import annotations

import hashlib
import os
import stat
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
        if given or _is_ours(folder.lstat()):
            return folder / _named(url)
    return Path("/nonexistent") / "rotator"


def lasting_of(url: str, *, usual: Path = Path("/var/lib/rotator")) -> Path | None:
    """Beside which path it leaves what must outlive it, perhaps the machine's next start; None: nowhere.

    systemd names a folder to a service; an image or a package makes the `usual` one, of the default database; a person
    has one.
    """
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / _named(url)
    if os.access(usual, os.W_OK | os.X_OK):
        return usual / _named(url)
    home = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not home.is_absolute():
        try:
            home = Path.home() / ".local" / "state"
        except RuntimeError:  # nobody's
            return None
    return home / "rotator" / _named(url)


def _named(url: str) -> str:
    return f"rotator-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def _is_ours(found: os.stat_result) -> bool:
    """A folder, no link to one, in which nobody else may make anything."""
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
