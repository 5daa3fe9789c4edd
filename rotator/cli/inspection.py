"""What would refuse a rotation, asked of the real tenant and destinations without changing anything there?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.domain.alarms import connection_alarm
from rotator.domain.lifetime import allowed_lifetime, longest_interval
from rotator.engine.clockwatch import TOLERANCE
from rotator.entra.expiry import expiry_of
from rotator.errors import ConfigError, NotOurs, PolicyRefused, RequestRefused, RotatorError

if TYPE_CHECKING:
    from rotator.destinations.hooks import Runner
    from rotator.domain.model import DestinationRule, Rotation
    from rotator.entra.client_secrets import ClientSecrets
    from rotator.entra.directories import EntraDirectories
    from rotator.entra.directory import EntraDirectory
    from rotator.ports import Clock, Destinations, Registration

_AT_ONCE = 8
#: Earlier than this before its end the credential of a connection is nothing that refuses a rotation.
_FAILS_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one connection or rotation. `ok` None: it could not be made."""

    subject: str
    check: str
    ok: bool | None
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is asked with; `installation` is whose marks are ours."""

    directories: EntraDirectories
    destinations: Destinations
    clock: Clock
    installation: str
    secrets: ClientSecrets
    hooks: Runner

    async def everything(self, connections: Sequence[str], rotations: Sequence[Rotation]) -> list[Finding]:
        """The connections first; rotations of one that cannot sign in are not looked at."""
        found: list[Finding] = []
        broken = set()
        for findings in await asyncio.gather(*(self._connection(name) for name in connections)):
            found += findings
            broken |= {each.subject for each in findings if each.check == "sign-in" and not each.ok}
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(rotation: Rotation) -> list[Finding]:
            if rotation.connection in broken:
                return [Finding(rotation.name, "application", None, "not checked: its connection cannot sign in")]
            async with gate:
                return [each async for each in self._rotation(rotation)]

        for findings in await asyncio.gather(*map(one, rotations)):
            found += findings
        return found

    async def _connection(self, name: str) -> list[Finding]:
        try:
            directory = await self.directories.open(name)
        except RotatorError as problem:
            return [_failed(name, "sign-in", problem)]
        signed_in = await _checked(name, "sign-in", directory.sign_in())
        credential = await self._credential(name)
        if not signed_in.ok:
            return [signed_in, *(each for each in credential if each.ok is False)]
        return [signed_in, *credential, self._clocks(name, directory)]

    async def _credential(self, name: str) -> list[Finding]:
        """The end of what it signs in with; nothing for a method without a credential."""
        try:
            found = await expiry_of(name, self.secrets, self.directories)
        except RotatorError as problem:
            return [Finding(name, "credential", None, f"when it expires is not known: {problem.what}", problem.hint)]
        if found is None:
            return []
        code = connection_alarm(found.expires_at, self.clock.now(), near=_FAILS_WITHIN)
        said = f"the {found.what} is {found}"
        if code == "CONNECTION_EXPIRED" or (code and not found.ours):
            return [Finding(name, "credential", ok=False, message=said, hint="Put a new one where it is configured")]
        return [Finding(name, "credential", ok=True, message=said)]

    def _clocks(self, name: str, directory: EntraDirectory) -> Finding:
        """Law L13: the host's clock against the `Date` of Entra's answer."""
        said = directory.entra_time()
        if said is None:
            return Finding(name, "clock", None, "no answer of Entra bore a date")
        apart = self.clock.now() - said[0] - timedelta(seconds=self.clock.monotonic() - said[1])
        shown = f"{abs(apart.total_seconds()):.0f} s {'ahead of' if apart > timedelta(0) else 'behind'} Entra's"
        if abs(apart) > TOLERANCE:
            return Finding(name, "clock", ok=False, message=f"this machine's clock is {shown}", hint="Set it (NTP)")
        return Finding(name, "clock", ok=True, message=shown)

    async def _rotation(self, rotation: Rotation) -> AsyncIterator[Finding]:
        name = rotation.name
        try:
            directory = await self.directories.open(rotation.connection)
            registration = await directory.registration(rotation.application)
            _same_application(rotation, registration)
        except RotatorError as problem:
            yield _failed(name, "application", problem)
            return
        application = registration.application
        yield Finding(name, "application", ok=True, message=application.name or application.object_id)
        yield self._not_itself(rotation, registration)
        yield await _right(name, directory, application.object_id)
        yield await _checked(name, "policy", _policy(rotation, directory, application.object_id))
        if registration.room_for is not None:
            yield _room(rotation, registration)
        for rule in rotation.destinations:
            yield await _checked(name, rule.name, self._destination(rotation, rule))
        for hook in rotation.hooks:
            yield await _checked(name, f"hook {hook.name}", self.hooks.check(rotation, hook.name))

    def _not_itself(self, rotation: Rotation, registration: Registration) -> Finding:
        """Law L15."""
        connection = self.directories.connection(rotation.connection)
        same = connection.client_id.lower() == registration.application.client_id.lower()
        if same and not rotation.own_connection:
            what = f"it aims at the application that connection '{connection.name}' signs in with"
            hint = f"Set isAutoRotationEnabled on connection '{connection.name}' instead, or use another connection"
            return Finding(rotation.name, "own application", ok=False, message=what, hint=hint)
        return Finding(rotation.name, "own application", ok=True)

    async def _destination(self, rotation: Rotation, rule: DestinationRule) -> None:
        destination = self.destinations.open(rotation, rule)
        try:
            await destination.check()
            placed = await destination.read()
        finally:
            await destination.close()
        if placed is None or rule.adopt:
            return
        marker = placed.marker
        if marker is None or (marker.installation, marker.rotation_id) != (self.installation, rotation.id):
            hint = "Move it away, or take it over with 'adopt: true' at this destination"
            raise NotOurs(rule.name, "read", "something is there that this rotation did not put there", hint=hint)


async def _checked(subject: str, check: str, work: Awaitable[None]) -> Finding:
    try:
        await work
    except RotatorError as problem:
        return _failed(subject, check, problem)
    return Finding(subject, check, ok=True)


def _failed(subject: str, check: str, problem: RotatorError) -> Finding:
    what = "; ".join(problem.problems) if isinstance(problem, ConfigError) else problem.what
    return Finding(subject, check, ok=False, message=what, hint=problem.hint)


async def _right(name: str, directory: EntraDirectory, object_id: str) -> Finding:
    try:
        known = await directory.confirm_right(object_id)
    except RotatorError as problem:
        return _failed(name, "permission", problem)
    if known:
        return Finding(name, "permission", ok=True)
    return Finding(name, "permission", None, "the token of a person does not tell; the first rotation will")


async def _policy(rotation: Rotation, directory: EntraDirectory, object_id: str) -> None:
    """Law L10 under the tenant's app management policies."""
    cap = await directory.longest_lifetime(object_id)
    if cap is None or allowed_lifetime(rotation, cap) is not None:
        return
    days = longest_interval(rotation, cap)
    hint = f"Lower rotationInterval to {days} or less" if days else "Ask for an exemption from the policy"
    raise PolicyRefused(
        "policy", f"secrets may live {cap.days} days: too short for interval, overlap and margin", hint=hint
    )


def _room(rotation: Rotation, registration: Registration) -> Finding:
    """Where personal accounts may sign in only two secrets fit."""
    held, most = len(registration.credentials), registration.room_for or 0
    what = f"it holds {held} of at most {most} secrets"
    if held >= most and not rotation.id:
        hint = f"Remove one that is not used: {', '.join(each.key_id for each in registration.credentials)}"
        return Finding(rotation.name, "room", ok=False, message=what, hint=hint)
    return Finding(rotation.name, "room", ok=True, message=what)


def _same_application(rotation: Rotation, registration: Registration) -> None:
    ours, found = rotation.application, registration.application
    if ours.client_id and ours.client_id.lower() != found.client_id.lower():
        raise RequestRefused(
            "check",
            f"object id {found.object_id} belongs to client id {found.client_id}, not {ours.client_id}",
            hint="Correct parameters.objectId or parameters.clientId; one of them is enough",
        )
