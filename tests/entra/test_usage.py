"""Is the last use of a secret known where Graph's beta tells it, and is it plain why where it does not?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from rotator.entra.usage import last_uses
from rotator.errors import DirectoryError, PermissionDenied, RequestRefused
from rotator.simulator.simulation import SimulatorOptions
from tests.entra.connecting import Connected, in_process

ROLES = ("Application.ReadWrite.OwnedBy", "AuditLog.Read.All")


@pytest.fixture
async def reporting() -> AsyncIterator[Connected]:
    async with in_process(simulated=SimulatorOptions(seed=3, roles=ROLES)) as connected:
        yield connected


async def test_what_has_signed_in_is_told_with_its_time(reporting: Connected) -> None:
    issued = await reporting.add()
    assert (await reporting.directory.prove(reporting.client_id, issued.text)).accepted
    silent = await reporting.add()

    used = await last_uses(reporting.directory)

    assert used[issued.key_id] == reporting.simulation.entra.tenant.now()
    assert silent.key_id not in used


async def test_many_rows_come_in_pages_and_of_several_the_latest_counts(reporting: Connected) -> None:
    tenant = reporting.simulation.entra.tenant
    for number in range(150):
        made = tenant.create_application(f"service {number}", with_principal=False)
        password, _ = tenant.passwords.add(made)
        password.signed_in_at = datetime(2026, 1, 1, tzinfo=UTC)

    used = await last_uses(reporting.directory)

    assert sum(at.year == 2026 and at.month == 1 for at in used.values()) == 150
    assert reporting.requests("listCredentialSignIns") == 2


async def test_a_missing_permission_is_named(near: Connected) -> None:
    with pytest.raises(PermissionDenied) as told:
        await last_uses(near.directory)
    assert "AuditLog.Read.All" in told.value.hint


async def test_a_tenant_without_the_licence_is_told_so(reporting: Connected) -> None:
    reporting.simulation.entra.tenant.premium = False

    with pytest.raises(DirectoryError) as told:
        await last_uses(reporting.directory)
    assert "P1 or P2" in told.value.hint


async def test_an_empty_report_judges_nothing(reporting: Connected) -> None:
    await reporting.directory.registration(reporting.application)  # signs in, which is forgotten
    for password in reporting.simulation.population.admin.passwords:
        password.signed_in_at = None

    with pytest.raises(RequestRefused, match="the report is empty"):
        await last_uses(reporting.directory)
