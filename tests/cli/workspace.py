"""Where does a command run in a test? In a folder of its own, as a process of its own, against a tenant over HTTPS."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import yaml

from rotator.cli import exits
from rotator.cli.main import main
from tests.nursery import Child

SECRET = "ROTATOR_TEST_SECRET"
#: A loaded machine is slow; a hung one is found all the same.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Tenant:
    """A simulator in a process of its own."""

    def __init__(self) -> None:
        heard, told = os.pipe()
        self._process = Child(["simulate", "--applications", "0"], environment=os.environ, out=told)
        os.close(told)
        with os.fdopen(heard) as lines:
            self.place: dict[str, Any] = json.loads(lines.readline())
        trust = ssl.create_default_context(cafile=self.place["caFile"])
        self._http = httpx.Client(verify=trust, trust_env=False, timeout=30)
        # One that begins with a dash is replaced at once: tests that count would find one more now and then.
        self.control("POST", "settings", {"leadingDashes": 0})

    def control(self, method: str, what: str, body: object = None) -> Any:
        answer = self._http.request(method, f"{self.place['control']}/{what}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def graph(self, method: str, path: str, body: object = None) -> Any:
        """What an administrator does in the portal."""
        place = self.place
        form = {
            "client_id": place["adminClientId"],
            "client_secret": place["adminClientSecret"],
            "scope": place["scope"],
            "grant_type": "client_credentials",
        }
        token = self._http.post(f"{place['authority']}/{place['tenantId']}/oauth2/v2.0/token", data=form).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        answer = self._http.request(method, f"{place['graph']}/{path}", json=body, headers=headers)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def application(self, **wanted: object) -> dict[str, str]:
        """A fresh one."""
        made: list[dict[str, str]] = self.control("POST", "applications", wanted)
        return made[0]

    def credentials(self, application: dict[str, str]) -> list[dict[str, Any]]:
        """What it truly holds and shows."""
        truth = self.control("GET", "truth")
        found: list[dict[str, Any]] = next(
            each["credentials"] for each in truth if each["objectId"] == application["objectId"]
        )
        return [each for each in found if each["listed"]]

    def close(self) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait(PATIENCE)


@dataclass(slots=True)
class Workspace:
    """A folder with a configuration; `document` is written before each command."""

    folder: Path
    tenant: Tenant
    document: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        place = self.tenant.place
        cloud = {key: place[key] for key in ("authority", "graph", "scope", "caFile")}
        ids = {"tenantId": place["tenantId"], "clientId": place["adminClientId"], "clientSecret": {"env": SECRET}}
        self.document = {
            "state": {"url": f"sqlite:///{self.folder / 'state.db'}"},
            "api": {"listen": "off"},
            "clouds": {"simulated": cloud},
            "connections": [{"name": "contoso", "method": "client-secret", "cloud": "simulated", "credentials": ids}],
            "defaults": {"verify": {"successes": 1, "interval": "0s"}},
            "rotations": [],
        }

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def database(self) -> Path:
        return self.folder / "state.db"

    def add(self, name: str, application: dict[str, str], **changes: Any) -> dict[str, Any]:
        """A rotation to the embedded store and to a dotenv file."""
        word = name.upper().replace("-", "_")
        rotation = {
            "name": name,
            "connection": "contoso",
            "rotationInterval": 30,
            "parameters": {"objectId": application["objectId"]},
            "secretsMapping": {"clientId": f"{word}_ID", "clientSecret": f"{word}_SECRET"},
            "destinations": [{"kind": "embedded"}, {"kind": "file", "path": str(self.file(name)), "format": "dotenv"}],
            **changes,
        }
        self.document["rotations"].append(rotation)
        return rotation

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.env"

    def delivered(self, name: str) -> str:
        """The secret in the rotation's file."""
        word = name.upper().replace("-", "_")
        lines = self.file(name).read_text().splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith(f"{word}_SECRET="))

    def write(self) -> None:
        self.config.write_text(yaml.dump(self.document, Dumper=yaml.CSafeDumper, sort_keys=False))

    def rotator(self, *words: str, **environment: str) -> Said:
        """Run a command to its end, in this process: what it imports is imported once."""
        self.write()
        out, err = io.StringIO(), io.StringIO()
        exits.keep_tracebacks_in_files()
        with (
            mock.patch.dict(os.environ, self.environment(**environment)),
            mock.patch.object(sys, "argv", ["rotator", *words]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            status = _ended()
        return Said(status, out.getvalue(), err.getvalue())

    def process(self, *words: str, **environment: str) -> Said:
        """Run a command to its end, as a process of its own."""
        self.write()
        ended = subprocess.run(
            [sys.executable, "-m", "rotator", *words],
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Said(ended.returncode, ended.stdout, ended.stderr)

    def environment(self, **more: str) -> dict[str, str]:
        ours = {"ROTATOR_CONFIG": str(self.config), SECRET: self.tenant.place["adminClientSecret"]}
        return {**os.environ, **ours, **more}

    def daemon(self, *words: str, forked: bool = True) -> Daemon:
        """Start `rotator run` and wait until it says that it is ready."""
        self.write()
        started = Daemon(self, words, forked=forked)
        started.wait_for("READY=1")
        return started


def _ended() -> int:
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


class Daemon:
    """A running daemon, with a service manager that listens."""

    def __init__(self, workspace: Workspace, words: tuple[str, ...] = (), *, forked: bool = True) -> None:
        """As a fork of the nursery, or from nothing as an installation has it."""
        self._log = (workspace.folder / "daemon.log").open("w+b")
        address = str(workspace.folder / "notify")
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(address)
        self._manager.settimeout(0.2)
        self.datagrams: list[str] = []
        environment, log = workspace.environment(NOTIFY_SOCKET=address), self._log.fileno()
        self.process = (
            Child(["run", *words], environment=environment, out=log, err=log)
            if forked
            else subprocess.Popen(
                [sys.executable, "-m", "rotator", "run", *words], env=environment, stdout=log, stderr=log
            )
        )

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait_for(self, text: str) -> str:
        """The first datagram from now on that holds the text."""
        seen = len(self.datagrams) if self.datagrams else 0
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = next((each for each in self.datagrams[seen:] if text in each), None)
            if found is not None:
                return found
            try:
                self.datagrams.append(self._manager.recv(65536).decode())
            except TimeoutError:
                assert self.process.poll() is None, self.log()
        raise AssertionError(f"never heard {text!r}; the log:\n{self.log()}")

    def wait_for_log(self, text: str) -> dict[str, Any]:
        """The first line of the log that holds the text."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = next((line for line in self.log().splitlines() if text in line), None)
            if found is not None:
                line: dict[str, Any] = json.loads(found)
                return line
            time.sleep(0.05)
        raise AssertionError(f"never logged {text!r}:\n{self.log()}")

    def log(self) -> str:
        return Path(self._log.name).read_text()

    def end(self) -> int:
        """Wait for its end; its status."""
        status = self.process.wait(PATIENCE)
        self.close()
        return status

    def close(self) -> None:
        """Nothing is left behind, however the test went."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._manager.close()
        self._log.close()
