"""Does PgBouncer stand between? A real one in transaction mode, where the machine has it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.postgres import Server, lowly_account

_PATIENCE = 30.0
_SETTINGS = """
[databases]
* = host={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 3
logfile = {folder}/log
"""


@dataclass(frozen=True, slots=True)
class Bouncer:
    """A running one; three connections to the server for each database are all it has."""

    port: int

    def through(self, url: str) -> str:
        """The URL of that database by way of it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{url.partition('@/')[2].partition('?')[0]}"


@contextlib.contextmanager
def bouncer(server: Server) -> Iterator[Bouncer]:
    """Started before a server, and ended. Skips where there is none."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed: nothing here tells whether it works between (apt install pgbouncer)")
    folder = Path(tempfile.mkdtemp(prefix="rotator-pgbouncer-"))
    owner = lowly_account()
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (folder / "users").write_text('"postgres" ""\n')
    (folder / "ini").write_text(_SETTINGS.format(server=server.folder, port=port, folder=folder))
    for name in ("users", "ini"):
        (folder / name).chmod(0o644)
    lowered = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    process = subprocess.Popen([program, "-q", folder / "ini"], cwd="/", stderr=subprocess.DEVNULL, **lowered)  # type: ignore[call-overload]
    try:
        _wait_for(Bouncer(port), folder)
        yield Bouncer(port)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _wait_for(started: Bouncer, folder: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(started.through("@/postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.05)
        else:
            return
