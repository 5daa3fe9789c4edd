"""Where does the demo's tenant come from? A simulator in a process of its own, its clock shared with ours."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from rotator.app import Time
from rotator.clock import SystemClock
from rotator.errors import RotatorError

if TYPE_CHECKING:
    import httpx

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
#: In the tenant's time: secrets need up to an hour, and waver; removals lag behind.
_PROPAGATION = {
    "delay": [300, 3600],
    "flap": {"probability": 0.3, "seconds": 1800},
    "removalLag": [0, 600],
    "staleReads": {"probability": 0.05, "seconds": 60},
}


@dataclass(frozen=True, slots=True)
class Tenant:
    """A running simulator: where it is, and how to speak with its control address."""

    place: dict[str, Any]
    time: Time
    _http: httpx.AsyncClient

    @property
    def applications(self) -> list[dict[str, str]]:
        """With objectId, clientId and displayName."""
        found: list[dict[str, str]] = self.place["applications"]
        return found

    @property
    def denied(self) -> dict[str, str]:
        """The application that we may not change."""
        return self.applications[-1]

    @property
    def throttled(self) -> dict[str, str]:
        """The application whose writes are often refused for their number."""
        return self.applications[-2]

    @property
    def ambiguous(self) -> dict[str, str]:
        """The application whose first new secret is made without our hearing of it."""
        return self.applications[0]

    def now(self) -> datetime:
        """The tenant's time, which is the database's too."""
        return SystemClock().now() + self.time.offset()

    async def set_the_scene(self) -> None:
        """Let Entra behave as Entra does, and worse."""
        await self._control("POST", "propagation", _PROPAGATION)
        await self._control("POST", "owners", {"application": self.denied["objectId"], "remove": True})
        # A real second, in which the whole connection keeps quiet: what is asked of a client passes at no other pace.
        refused = {"status": 429, "headers": {"Retry-After": "1"}, "probability": 0.6}
        await self._control("POST", "faults", {"match": _adding(self.throttled), **refused})
        lost = {"when": "after", "status": 504, "times": 1}
        await self._control("POST", "faults", {"match": _adding(self.ambiguous), **lost})

    async def truth(self) -> list[dict[str, Any]]:
        """Every application with its credentials, and whether each signs in now."""
        found: list[dict[str, Any]] = await self._control("GET", "truth")
        return found

    async def throttlings(self) -> int:
        """How often it has said that there were too many requests."""
        log = await self._control("GET", "log")
        return sum(entry["outcome"] == 429 for entry in log)

    async def _control(self, method: str, what: str, body: object = None) -> Any:
        answer = await self._http.request(method, f"{self.place['control']}/{what}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@asynccontextmanager
async def open_tenant(*, applications: int, pace: float) -> AsyncIterator[Tenant]:
    """Start the simulator, and end it with the block. Raises RotatorError when it does not come up."""
    import httpx

    options = ("--until-eof", "--applications", str(applications), "--time-scale", str(pace), "--seed", "7")
    # In a session of its own: Ctrl-C is for us, who still need it to end well.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "rotator", "simulate", *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        place = await _place(process)
        async with httpx.AsyncClient(verify=_trust(place["caFile"]), timeout=10, trust_env=False) as http:
            yield Tenant(place, await _shared_time(http, place["control"], pace), http)
    finally:
        await _end(process)


def _adding(application: dict[str, str]) -> str:
    return f"addPassword .*{application['objectId']}"


async def _place(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        place: dict[str, Any] = json.loads(line)
    except (TimeoutError, ValueError):
        raise RotatorError("the simulator did not start", hint="Try 'rotator simulate' to see why.") from None
    return place


def _trust(ca_file: str) -> Any:
    import ssl

    return ssl.create_default_context(cafile=ca_file)


async def _shared_time(http: httpx.AsyncClient, control: str, pace: float) -> Time:
    """Our database's time follows the tenant's."""
    clock = SystemClock()
    answer = await http.get(f"{control}/clock")
    real, theirs = clock.monotonic(), datetime.fromisoformat(answer.json()["now"])

    def offset() -> timedelta:
        passed = timedelta(seconds=(clock.monotonic() - real) * pace)
        return theirs + passed - clock.now()

    return Time(offset, pace)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
