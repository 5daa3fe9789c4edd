"""Who is told that the daemon lives, and how it stands? systemd by its socket, `rotator healthcheck` by a file."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: A daemon that has not shown itself for so many seconds hangs; its loop turns at least every 18.
SILENT_AFTER = 60.0
#: The file is written at most this often.
_WRITE_EVERY = 5.0


class Systemd:
    """Notifies over the datagram socket of $NOTIFY_SOCKET (sd_notify(3)); without an address it says nothing."""

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def say(self, *lines: str) -> None:
        """Send the assignments in one datagram; nobody listening is no error."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            sock.sendto("\n".join(lines).encode(), self._address)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the file says: the process, the monotonic time of the last beat, and its state."""

    pid: int
    monotonic: float
    state: str
    #: Empty, or why the last reload was refused.
    reload: str = ""


class Life:
    """The daemon's signs of life. `beat` belongs to the scheduler's loop alone: when that hangs, all is silent."""

    def __init__(self, systemd: Systemd, pulse_file: Path | None, *, monotonic: Callable[[], float]) -> None:
        self._systemd = systemd
        self._file = pulse_file
        self._monotonic = monotonic
        self._written_at = float("-inf")
        self._state = "starting"
        self._reload = ""

    def beat(self) -> None:
        """The scheduler's loop has turned."""
        self._systemd.say("WATCHDOG=1")
        if self._monotonic() - self._written_at >= _WRITE_EVERY:
            self._write()

    def ready(self, status: str) -> None:
        """Store and configuration are open."""
        self._state = "ready"
        # The file first: whoever has been told asks for it at once.
        self._write()
        self._systemd.say("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The configuration is being read again; the time and the word must be one datagram (systemd.service(5))."""
        self._systemd.say("RELOADING=1", f"MONOTONIC_USEC={int(self._monotonic() * 1_000_000)}")

    def reloaded(self, problem: str = "") -> None:
        """It has been read, or refused for that reason."""
        self._reload = problem
        self.ready(
            f"reload refused, the old configuration is in use: {problem}" if problem else "configuration reloaded"
        )

    def stopping(self, status: str) -> None:
        """Draining has begun."""
        self._state = "stopping"
        self._systemd.say("STOPPING=1", f"STATUS={status}")
        self._write()

    def gone(self) -> None:
        """The last sign."""
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink()

    def _write(self) -> None:
        if self._file is None:
            return
        self._written_at = self._monotonic()
        text = json.dumps(
            {"pid": os.getpid(), "monotonic": self._written_at, "state": self._state, "reload": self._reload}
        )
        # A full disk must not stop the daemon: a file that grows old says enough.
        with suppress(OSError):
            fresh = self._file.with_name(self._file.name + ".new")
            fresh.write_text(text, "utf-8")
            fresh.replace(self._file)


def pulse_file(database: Path) -> Path:
    """Where the daemon of that database leaves its pulse."""
    return database.with_name(database.name + ".alive")


def read_pulse(path: Path) -> Pulse | None:
    """The last pulse, or None when there is none that can be read."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return Pulse(int(found["pid"]), float(found["monotonic"]), str(found["state"]), str(found["reload"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
