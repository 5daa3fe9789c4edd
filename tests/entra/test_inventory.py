"""Does a tenant's list come whole, with what expires, however Graph gives it?"""

from __future__ import annotations

import pytest

from rotator.clock import SystemClock
from rotator.domain.inventory import Holder
from rotator.entra.inventory import Pages, applications, ownerless, principals
from rotator.errors import DirectoryThrottled
from rotator.simulator.simulation import SimulatorOptions
from tests.entra.connecting import Connected, in_process


class NoWait(SystemClock):
    """Remembers how long it should have waited."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


def unhurried(connected: Connected) -> NoWait:
    clock = NoWait()
    connected.directory._clock = clock
    return clock


async def whole(pages: Pages) -> list[Holder]:
    return [holder async for page in pages for holder in page]


async def test_every_application_comes_with_its_secrets_over_several_pages() -> None:
    async with in_process(simulated=SimulatorOptions(applications=1200, seed=3)) as connected:
        issued = await connected.add()

        found = await whole(applications(connected.directory))

        assert len({each.object_id for each in found}) == 1201
        [mine] = [each for each in found if each.object_id == connected.object_id]
        assert [(each.key_id, each.kind, each.expires_at) for each in mine.held] == [
            (issued.key_id, "secret", issued.expires_at)
        ]
        assert connected.requests("listApplications") == 2


async def test_service_principals_come_only_where_they_hold_something(near: Connected) -> None:
    tenant = near.simulation.entra.tenant
    principal = tenant.find_principal(near.client_id)
    assert principal is not None
    tenant.passwords.add(principal, display_name="hidden")

    [found] = await whole(principals(near.directory, tenant.tenant_id))

    assert (found.object_id, found.is_principal, found.is_foreign) == (principal.object_id, True, False)
    assert [each.name for each in found.held] == ["hidden"]


async def test_who_has_no_owner_is_told_by_one_advanced_query(near: Connected) -> None:
    assert await ownerless(near.directory) == frozenset()
    near.simulation.entra.tenant.applications[near.object_id].owners.clear()

    assert await ownerless(near.directory) == frozenset({near.object_id})


async def test_owners_that_graph_does_not_tell_are_not_known(near: Connected) -> None:
    near.fault(match="listApplications", status=403, times=1)

    assert await ownerless(near.directory) is None


async def test_a_throttled_page_is_asked_for_again_when_graph_allows(near: Connected) -> None:
    clock = unhurried(near)
    near.fault(match="listApplications", status=429, times=2, headers={"Retry-After": "7"})

    assert len(await whole(applications(near.directory))) == 4
    assert clock.waited == [7, 7]


async def test_a_list_that_stays_throttled_is_given_up(near: Connected) -> None:
    clock = unhurried(near)
    near.fault(match="listApplications", status=429, times=50, headers={"Retry-After": "3600"})

    with pytest.raises(DirectoryThrottled):
        await whole(applications(near.directory))
    assert clock.waited == [120] * 4
