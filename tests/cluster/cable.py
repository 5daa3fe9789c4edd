"""How is a node cut off from a server? By a cable between them that can be pulled, or go silent."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from pathlib import Path


class Cable:
    """Leads from a port on loopback to a server: PostgreSQL in that folder, or whoever listens on that other port."""

    def __init__(self, server: Path | int) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._plugged = threading.Event()
        self._plugged.set()
        self._carrying = threading.Event()
        self._carrying.set()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def pull(self) -> None:
        """Every connection ends, and new ones end at once."""
        self._plugged.clear()
        for each in list(self._open):
            _end(each)

    def plug(self) -> None:
        """As before."""
        self._plugged.set()

    def hush(self) -> None:
        """Whoever sends something waits for an answer; what was sent arrives at `speak`."""
        self._carrying.clear()

    def speak(self) -> None:
        """Let everything arrive."""
        self._carrying.set()

    def close(self) -> None:
        self.pull()
        self.speak()
        _end(self._listener)

    def _changed(self, text: bytes) -> bytes:
        return text

    def _connected(self) -> socket.socket:
        if isinstance(self._server, int):
            return socket.create_connection(("127.0.0.1", self._server))
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(self._server / ".s.PGSQL.5432"))
        return far

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._plugged.is_set():
                    _end(near)
                    continue
                far = self._connected()
                for one, other in ((near, far), (far, near)):
                    self._open.add(one)
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while text := one.recv(65536):
                self._carrying.wait()
                other.sendall(self._changed(text))
        self._open.discard(one)
        _end(one)
        _end(other)


class Pooler(Cable):
    """Tells of no server process but of one of its own, as PgBouncer does."""

    def _changed(self, text: bytes) -> bytes:
        return re.sub(rb"K\x00\x00\x00\x0c....", b"K\x00\x00\x00\x0c\x00\x00\x00\x07", text, flags=re.DOTALL)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
