"""Where do the benchmarks find an Entra? In a process of its own, over HTTPS, as `rotator simulate` serves it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import certifi
import httpx
import psutil


class Tenant:
    """A simulated tenant in another process; `control` speaks to its control address."""

    def __init__(self, ready: dict[str, Any], pid: int) -> None:
        self.authority: str = ready["authority"]
        self.graph: str = ready["graph"]
        self.scope: str = ready["scope"]
        self.ca_file: str = ready["caFile"]
        self.tenant_id: str = ready["tenantId"]
        self.client_id: str = ready["adminClientId"]
        self.client_secret: str = ready["adminClientSecret"]
        self.applications: list[dict[str, str]] = ready["applications"]
        self._control: str = ready["control"]
        self._process = psutil.Process(pid)

    @property
    def token_url(self) -> str:
        return f"{self.authority}/{self.tenant_id}/oauth2/v2.0/token"

    def control(self, method: str, path: str, **body: object) -> Any:
        """Ask the control address."""
        with httpx.Client(verify=_context(self.ca_file), trust_env=False) as http:
            answer = http.request(method, f"{self._control}/{path}", json=body or None)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def advance(self, span: timedelta) -> None:
        """Let that much time pass in the tenant at once."""
        self.control("POST", "clock", advance=span.total_seconds())

    def answer_after(self, latency: float) -> None:
        """Hold every answer back for so many seconds."""
        self.control("POST", "settings", latency=latency)

    def calls(self) -> Counter[str]:
        """How often each operation was asked for since the last time."""
        seen = Counter(entry["operation"] for entry in self.control("GET", "log"))
        self.control("DELETE", "log")
        return seen

    def cpu_seconds(self) -> float:
        """What the simulator itself has used."""
        used = self._process.cpu_times()
        return float(used.user + used.system)


@contextmanager
def tenant(applications: int, *, secrets: int = 0) -> Iterator[Tenant]:
    """A tenant with so many applications, all owned by its administrator, each with so many secrets."""
    command = [sys.executable, "-c", _SERVE, str(applications), str(secrets)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Tenant(json.loads(process.stdout.readline()), process.pid)
        finally:
            process.terminate()


#: `rotator simulate` without the command line.
_SERVE = """
import asyncio, signal, sys
from rotator.simulator.server import serve
from rotator.simulator.simulation import SimulatorOptions

async def served():
    async with serve(SimulatorOptions("127.0.0.1:0", int(sys.argv[1]), 7)) as running:
        simulation = running.simulation
        for application in simulation.population.applications:
            for _ in range(int(sys.argv[2])):
                simulation.entra.tenant.passwords.add(application, display_name="made for a benchmark")
        print(running.ready.line(), flush=True)
        await asyncio.get_running_loop().create_future()

async def main():
    serving = asyncio.create_task(served())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    await asyncio.wait({serving})

asyncio.run(main())
"""


#: The database of a configuration: a file in its folder.
_FILE = 'url: "sqlite:///state.db"'


def nowhere(applications: int) -> Tenant:
    """A tenant that cannot be reached, for what must not ask it."""
    ready: dict[str, Any] = dict.fromkeys(("control", "adminClientSecret"), "unused")
    ready |= {"authority": "https://localhost:1", "graph": "https://localhost:1/v1.0", "scope": "https://none/.default"}
    ready |= {"tenantId": str(UUID(int=1)), "adminClientId": str(UUID(int=2))}
    ready["applications"] = [
        {"objectId": str(UUID(int=2 * n)), "clientId": str(UUID(int=2 * n + 1))} for n in range(5, applications + 5)
    ]
    ready["caFile"] = certifi.where()
    return Tenant(ready, os.getpid())


def write_configuration(
    folder: Path, where: Tenant, *, rotations: int, initial: str = "rotate", state: str = _FILE
) -> Path:
    """A configuration with one rotation for each of the first applications, the odd ones at noon, in that folder."""
    (folder / "admin-secret").write_text(where.client_secret, "utf-8")
    (folder / "admin-secret").chmod(0o600)
    blocks = [_HEAD.format(where=where, initial=initial, state=state)]
    rules = enumerate(where.applications[:rotations])
    blocks += [_ROTATION.format(n=n, hours=12 * (n % 2), application=one) for n, one in rules]
    path = folder / "config.yaml"
    path.write_text("".join(blocks), "utf-8")
    return path


_HEAD = """\
state: {{{state}}}
daemon: {{concurrency: 8, limits: {{rotationsPerHour: 1000000}}}}
logging: {{level: warning, format: json}}
clouds:
  simulated:
    authority: {where.authority}
    graph: {where.graph}
    scope: {where.scope}
    caFile: {where.ca_file}
connections:
  - name: simulated
    method: client-secret
    cloud: simulated
    credentials:
      tenantId: {where.tenant_id}
      clientId: {where.client_id}
      clientSecret: {{file: admin-secret}}
defaults:
  type: azure-client-secret
  connection: simulated
  project: benchmarks
  environment: prod
  rotationInterval: 1
  overlap: 6h
  minOverlap: 0s
  verify: {{successes: 3, interval: 0s}}
  initial: {initial}
  destinations: [{{kind: embedded}}]
rotations:
"""
_ROTATION = """\
  - name: rotation-{n}
    rotateAtUtc: {{hours: {hours}, minutes: 0}}
    parameters: {{objectId: {application[objectId]}, clientId: {application[clientId]}}}
    secretsMapping: {{clientId: CLIENT_ID_{n}, clientSecret: CLIENT_SECRET_{n}}}
"""


def _context(ca_file: str) -> Any:
    import ssl

    return ssl.create_default_context(cafile=ca_file)
