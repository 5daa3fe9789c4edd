"""What do app management policies allow, and when is Graph asked for them?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rotator.entra.policies import Bounds, of_application, of_tenant, parse_duration
from rotator.errors import DirectoryThrottled, PolicyRefused
from rotator.simulator.policies import AppManagementPolicy
from rotator.simulator.simulation import SimulatorOptions
from tests.entra.connecting import Connected, in_process
from tests.fakes import START

LIFETIME = {"restrictionType": "passwordLifetime", "maxLifetime": "P90D", "state": "enabled"}
ADDITION = {"restrictionType": "passwordAddition", "maxLifetime": None, "state": "enabled"}


def tenant(*restrictions: dict[str, Any], enabled: bool = True) -> dict[str, Any]:
    return {"isEnabled": enabled, "applicationRestrictions": {"passwordCredentials": list(restrictions)}}


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P90D", timedelta(days=90)),
        ("P4DT12H30M5S", timedelta(days=4, hours=12, minutes=30, seconds=5)),
        ("P1Y", timedelta(days=365)),
        ("P1M", timedelta(days=28)),
        ("P2W", timedelta(days=14)),
        ("PT0.5S", timedelta(0)),
        ("P", None),
        ("PT", None),
        ("90", None),
        (None, None),
        ("P99999999999999999999D", timedelta.max),
    ],
)
def test_durations_are_iso_8601(text: object, length: timedelta | None) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    ("restriction", "applies"),
    [
        ({}, True),
        ({"state": "disabled"}, False),
        ({"restrictForAppsCreatedAfterDateTime": "2020-01-01T00:00:00Z"}, True),
        ({"restrictForAppsCreatedAfterDateTime": "2030-01-01T00:00:00Z"}, False),
        ({"restrictForAppsCreatedAfterDateTime": "whenever"}, True),
        ({"excludeActors": {"customSecurityAttributes": []}}, True),
        ({"excludeActors": {"customSecurityAttributes": [{"id": "Robots_mayKeepSecrets"}]}}, False),
    ],
)
def test_a_restriction_binds_by_state_age_and_exemption(restriction: dict[str, Any], *, applies: bool) -> None:
    bounds = of_tenant(tenant({**LIFETIME, **restriction}), START)
    assert bounds == (Bounds(timedelta(days=90)) if applies else Bounds())


def test_the_shortest_lifetime_counts_and_a_disabled_policy_does_not() -> None:
    assert of_tenant(tenant(LIFETIME, {**LIFETIME, "maxLifetime": "P30D"}), START).longest == timedelta(days=30)
    assert of_tenant(tenant(LIFETIME, enabled=False), START) == Bounds()
    assert of_tenant(tenant(ADDITION), START).forbidden


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": [{"isEnabled": False}]}, {"value": "nonsense"}])
def test_an_application_without_a_policy_of_its_own_has_no_bounds_of_its_own(body: dict[str, Any]) -> None:
    assert of_application(body, START) is None


def set_default(there: Connected, *restrictions: dict[str, Any]) -> None:
    policy = there.simulation.entra.tenant.default_policy
    policy.enabled, policy.restrictions = True, list(restrictions)


def set_own(there: Connected, *restrictions: dict[str, Any]) -> None:
    own = AppManagementPolicy("00000000-0000-4000-8000-000000000001", "own", restrictions=list(restrictions))
    there.simulation.entra.tenant.policies[own.policy_id] = own
    there.simulation.population.applications[0].policies = [own.policy_id]


async def test_the_tenants_policy_bounds_the_lifetime(near: Connected) -> None:
    assert await near.directory.longest_lifetime(near.object_id) is None
    near.clock.advance(3601)  # type: ignore[attr-defined]
    set_default(near, LIFETIME)
    assert await near.directory.longest_lifetime(near.object_id) == timedelta(days=90)


async def test_an_applications_own_policy_comes_first(near: Connected) -> None:
    set_default(near, LIFETIME, ADDITION)
    set_own(near, {**LIFETIME, "maxLifetime": "P180D"})
    assert await near.directory.longest_lifetime(near.object_id) == timedelta(days=180)
    assert near.requests("getDefaultPolicy") == 0


async def test_a_policy_against_new_secrets_is_a_refusal_that_names_the_application(near: Connected) -> None:
    set_default(near, ADDITION)
    for _ in range(2):
        with pytest.raises(PolicyRefused, match=r"forbids new secrets for 'Billing API'.*exempted"):
            await near.directory.longest_lifetime(near.object_id)
    assert near.requests("getDefaultPolicy") == 1


async def test_policies_are_believed_for_an_hour(near: Connected) -> None:
    for _ in range(3):
        await near.directory.longest_lifetime(near.object_id)
    assert (near.requests("listPoliciesOfApplication"), near.requests("getDefaultPolicy")) == (1, 1)
    other = near.simulation.population.applications[1].object_id
    await near.directory.longest_lifetime(other)
    assert (near.requests("listPoliciesOfApplication"), near.requests("getDefaultPolicy")) == (2, 1)


async def test_policies_that_may_not_be_read_bound_nothing() -> None:
    async with in_process(simulated=SimulatorOptions(roles=("Application.ReadWrite.OwnedBy",))) as there:
        set_default(there, LIFETIME)
        assert await there.directory.longest_lifetime(there.object_id) is None


async def test_a_throttled_read_of_policies_is_not_mistaken_for_no_policy(near: Connected) -> None:
    near.fault(match="^listPoliciesOfApplication", status=429, times=1)
    with pytest.raises(DirectoryThrottled):
        await near.directory.longest_lifetime(near.object_id)
    set_default(near, LIFETIME)
    assert await near.directory.longest_lifetime(near.object_id) == timedelta(days=90)
