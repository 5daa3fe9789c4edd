"""Is the end of what a connection signs in with known, and told in time but not all the time?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from rotator.domain.model import Application, Credential, Secret
from rotator.entra.client_secrets import ClientSecrets
from rotator.entra.expiry import Expiry, expiry_of
from rotator.entra.expiry_watch import ExpiryWatch
from rotator.errors import RotatorError
from tests.entra.connecting import Connected, in_process, options
from tests.entra.test_login import certificate

DAY = 86400


class Books:
    """What the store remembers of one connection."""

    def __init__(self) -> None:
        self.own: tuple[Credential, Secret] | None = None
        self.said: str | None = None

    async def fingerprint(self, text: Secret) -> str:
        return text.reveal()

    async def connection_fingerprint(self, connection: str) -> str | None:
        return self.said if connection == "contoso" else None

    async def set_connection_fingerprint(self, connection: str, fingerprint: str) -> None:
        assert connection == "contoso"
        self.said = fingerprint

    async def own_credential(self, connection: str) -> tuple[Credential, Secret] | None:
        return self.own if connection == "contoso" else None


class House:
    """A connection to a simulated tenant, and who watches it."""

    def __init__(self, there: Connected) -> None:
        self.there = there
        self.books = Books()
        self.secrets = ClientSecrets(self.books, {"contoso": options(there.simulation)})
        self.watch = ExpiryWatch(self.secrets, there.directories, now=self.now)

    async def now(self) -> datetime:
        return self.there.clock.now()

    def connect(self, **changes: Any) -> None:
        self.secrets.connections = {"contoso": options(self.there.simulation).model_copy(update=changes)}

    async def expiry(self) -> Expiry | None:
        return await expiry_of("contoso", self.secrets, self.there.directories)

    async def listed(self) -> Any:
        """The one secret of the application that we sign in as."""
        client = self.there.simulation.population.admin
        registration = await self.there.directory.registration(Application("", client.object_id))
        return registration.credentials[0]

    async def looked(self) -> list[Any]:
        with capture_logs() as lines:
            await self.watch.look()
        return [(line["log_level"], line.get("alarm", line["event"])) for line in lines]

    def advance(self, days: float) -> None:
        self.there.clock.advance(days * DAY)  # type: ignore[attr-defined]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with in_process() as there:
        yield House(there)


async def test_a_typed_secret_is_found_by_how_it_begins_and_is_not_ours(house: House) -> None:
    listed, found = await house.listed(), await house.expiry()
    assert found == Expiry("client secret", listed.expires_at)
    assert str(found) == f"not ours, expires on {listed.expires_at:%Y-%m-%d %H:%M}Z"


async def test_an_adopted_secret_is_ours(house: House) -> None:
    rotation = SimpleNamespace(adopt=(await house.listed()).key_id.upper(), rotation_interval=60)
    house.connect(is_auto_rotation_enabled=True, rotation=rotation)
    found = await house.expiry()
    assert found is not None
    assert found.ours
    assert found.near == timedelta(days=3), "half the slack of a rotation in time"


async def test_of_several_that_begin_alike_the_earliest_end_counts(house: House) -> None:
    client, first = house.there.simulation.population.admin, await house.listed()
    made = await house.there.add(object_id=client.object_id)
    for each in client.passwords:
        each.hint = first.hint
    found = await house.expiry()
    assert found is not None
    assert found.expires_at == min(made.expires_at, first.expires_at)
    assert "one of" in str(found)


async def test_a_secret_that_is_not_listed_or_may_not_be_read_is_unknown_and_said_once(house: House) -> None:
    house.there.fault(match="Application", status=403, times=2)
    with pytest.raises(RotatorError):
        await house.expiry()
    unknown = ("info", "the expiry of a connection's credential is not known")
    assert [await house.looked() for _ in range(2)] == [[unknown], []]


async def test_a_certificate_tells_its_own_end_and_secretless_methods_have_none(house: House) -> None:
    simulation = house.there.simulation
    body, key, _ = certificate()
    house.secrets.connections = {"contoso": options(simulation, "certificate", certificate=key + body)}
    found = await house.expiry()
    assert found is not None
    assert found.expires_at is not None
    assert timedelta(hours=23) < found.expires_at - datetime.now(UTC) <= timedelta(days=1)
    house.secrets.connections = {"contoso": options(simulation, "certificate", certificate=key)}
    with pytest.raises(RotatorError, match="no certificate in PEM"):
        await house.expiry()
    house.secrets.connections = {"contoso": options(simulation, "managed-identity")}
    assert await house.expiry() is None


async def test_an_alarm_is_told_when_it_begins_when_it_changes_and_once_a_day(house: House) -> None:
    left = ((await house.listed()).expires_at - house.there.clock.now()) / timedelta(days=1)
    assert await house.looked() == []
    house.advance(left - 29)
    assert await house.looked() == [("warning", "CONNECTION_EXPIRING")]
    house.advance(0.5)
    assert await house.looked() == []
    house.advance(0.5)
    assert await house.looked() == [("warning", "CONNECTION_EXPIRING")]
    house.advance(28.5)
    assert ("warning", "CONNECTION_EXPIRED") in await house.looked()
    assert list(house.watch.known()) == ["contoso"]


async def test_an_expired_secret_is_told_though_nothing_can_be_asked_with_it(house: House) -> None:
    house.advance(365 * 3)
    assert await house.looked() == [("warning", "CONNECTION_EXPIRED")]


async def test_the_alarm_ends_with_another_credential_and_nothing_is_kept_of_a_removed_connection(house: House) -> None:
    house.advance(365 * 3)
    await house.looked()
    house.secrets.connections = {"contoso": options(house.there.simulation, "managed-identity")}
    assert await house.looked() == [("info", "CONNECTION_EXPIRED")]
    house.secrets.connections = {}
    assert await house.looked() == []
    assert house.watch.known() == {}
