"""Is what Prometheus is told true? The real engine on the real store, and what its numbers say of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.edits import Retire
from rotator.domain.events import LeaseWasLost, OrphanFound, Revoked
from rotator.domain.model import CredentialState, Facts, FreezeWindow, Initial, Standing, Switches
from rotator.errors import StoreUnavailable
from rotator.observers.keeping import EVERY, Keeper
from rotator.observers.metrics import Metrics
from rotator.observers.standings import Standings
from tests.builders import a_credential, a_delivery, a_rotation, rotations, some_facts
from tests.docs.pages import ROOT, page, rows
from tests.engine.harness import DAY, HOUR, Harness, billing
from tests.fakes import START
from tests.observers.reading import Samples

EXPIRY = "rotator_credential_expiry_timestamp_seconds"
#: Those of the contract; more may come, none may go.
PROMISED = {
    "rotator_build_info",
    "rotator_rotations_total",
    "rotator_rotation_duration_seconds",
    "rotator_step_duration_seconds",
    EXPIRY,
    "rotator_last_success_timestamp_seconds",
    "rotator_next_rotation_timestamp_seconds",
    "rotator_overdue_seconds",
    "rotator_pending_revocations",
    "rotator_orphans",
    "rotator_drift",
    "rotator_destination_writes_total",
    "rotator_graph_requests_total",
    "rotator_graph_throttled_total",
    "rotator_lease_lost_total",
    "rotator_scheduler_lag_seconds",
    "rotator_config_last_reload_successful",
}


@dataclass
class Measured:
    harness: Harness
    metrics: Metrics
    keeper: Keeper

    async def scrape(self) -> Samples:
        await self.keeper.look()
        return Samples(self.keeper.text())


@pytest.fixture
async def measured(tmp_path: Path) -> AsyncIterator[Measured]:
    harness = Harness(tmp_path)
    metrics = Metrics()
    world = harness.engine.world
    harness.engine.dispatcher.take(replace(world, observers=(metrics,)), concurrency=8)
    yield Measured(harness, metrics, Keeper(metrics, harness.store, harness.clock))
    harness.store.close()


async def test_every_promised_number_is_told_before_anything_has_happened(measured: Measured) -> None:
    assert set((await measured.scrape()).families()) >= PROMISED


async def test_the_page_on_metrics_explains_each_number_once(measured: Measured) -> None:
    told = set((await measured.scrape()).families())

    explained = [cells[0].strip("`") for cells in rows(page(ROOT / "docs" / "metrics.md").text)]

    assert sorted(explained) == sorted(told)


async def test_a_rotation_is_counted_timed_and_shown_with_its_ends(measured: Measured) -> None:
    await measured.harness.define(billing())
    await measured.harness.turn()

    told = await measured.scrape()

    current = await measured.harness.current()
    assert told.value(EXPIRY, rotation="billing-api", state="current") == current.expires_at.timestamp()
    assert told.value("rotator_rotations_total", result="success") == 1
    assert told.value("rotator_rotation_duration_seconds_count") == 1
    assert told.value("rotator_step_duration_seconds_count", step="verify") == 1
    assert told.value("rotator_destination_writes_total", kind="embedded", result="success") == 1
    assert told.value("rotator_rotations", status="success") == 1
    assert told.value("rotator_overdue_seconds", rotation="billing-api") == 0
    success = told.value("rotator_last_success_timestamp_seconds", rotation="billing-api")
    following = told.value("rotator_next_rotation_timestamp_seconds", rotation="billing-api")
    assert success
    assert following
    assert 29 * 86400 < following - success < 32 * 86400


async def test_nodes_that_have_read_different_definitions_are_told_of(measured: Measured) -> None:
    answers = iter([True, False])

    async def differing() -> bool:
        return next(answers)

    keeper = Keeper(measured.metrics, measured.harness.store, measured.harness.clock, differing=differing)
    for wanted in (1, 0):
        await keeper.look()
        assert Samples(keeper.text()).value("rotator_definitions_differ") == wanted


async def test_the_replaced_secret_is_pending_until_it_is_revoked(measured: Measured) -> None:
    await measured.harness.define(billing(overlap=timedelta(days=2)))
    await measured.harness.turn()
    await measured.harness.ask("rotate")
    await measured.harness.turn()
    assert (await measured.scrape()).value("rotator_pending_revocations") == 1

    await measured.harness.run_for(3 * DAY)

    told = await measured.scrape()
    assert told.value("rotator_pending_revocations") == 0
    assert told.of(EXPIRY) == [{"rotation": "billing-api", "state": "current"}]


def test_a_failing_rotation_grows_overdue_though_its_retries_are_planned() -> None:
    standings = Standings(10)
    standings.learn([some_facts(standing=Standing("rotation-1", failures=3, retry_at=START + HOUR))])

    told = Samples(standings.text((START + 2 * HOUR).timestamp()))

    assert told.value("rotator_overdue_seconds", rotation="billing-api") == 7200
    assert told.value("rotator_next_rotation_timestamp_seconds", rotation="billing-api") == (START + HOUR).timestamp()


def test_in_a_freeze_nothing_is_overdue() -> None:
    standings = Standings(10)
    standings.freeze = lambda: [FreezeWindow(START - HOUR, START + DAY)]
    standings.learn([some_facts()])

    for at, seconds in ((START + DAY, 0), (START + DAY + HOUR, 3600)):
        told = Samples(standings.text(at.timestamp()))
        assert told.value("rotator_overdue_seconds", rotation="billing-api") == seconds


@pytest.mark.parametrize(
    "facts",
    [
        some_facts(a_rotation(auto=False, initial=Initial.WAIT)),
        some_facts(a_rotation(), switches=Switches(START, paused=True)),
        some_facts(a_rotation(auto=False), standing=Standing("rotation-1", anchor_at=START - 90 * DAY)),
    ],
    ids=["made without automatic rotation", "paused", "automatic rotation is off"],
)
def test_what_is_not_to_come_by_itself_is_never_overdue(facts: Facts) -> None:
    standings = Standings(10)
    standings.learn([facts])

    told = Samples(standings.text((START + 365 * DAY).timestamp()))

    assert told.value("rotator_overdue_seconds", rotation="billing-api") == 0


def test_of_several_retiring_secrets_the_last_end_is_told() -> None:
    standings = Standings(10)
    ends = [START + 3 * DAY, START + 9 * DAY, START + 5 * DAY]
    retiring = tuple(
        a_credential(key_id=str(n), state=CredentialState.RETIRING, expires_at=end) for n, end in enumerate(ends)
    )
    standings.learn([some_facts(credentials=retiring)])

    told = Samples(standings.text(START.timestamp()))

    assert told.value(EXPIRY, rotation="billing-api", state="retiring") == (START + 9 * DAY).timestamp()
    assert told.value("rotator_pending_revocations") == 3


def test_drift_is_told_by_destination_and_only_of_those_still_defined() -> None:
    standings = Standings(10)
    rows = (a_delivery(drifted=True), a_delivery(destination="file:x", drifted=True, removed=True))
    standings.learn([some_facts(deliveries=rows)])

    told = Samples(standings.text(0))

    assert told.of("rotator_drift") == [{"destination": "embedded"}]
    assert told.value("rotator_drift", destination="embedded") == 1


def test_a_retired_rotation_is_not_told() -> None:
    standings = Standings(10)
    standings.learn([some_facts(switches=Switches(START, retired_at=START), credentials=(a_credential(),))])

    assert Samples(standings.text(0)).of(EXPIRY) == []


def test_above_the_limit_only_those_that_need_attention_are_told_one_by_one() -> None:
    standings = Standings(2)
    well = Standing("rotation", state="rotated", anchor_at=START)
    ill = Standing("rotation", state="rotated", anchor_at=START - 90 * DAY)
    found = [
        some_facts(each, created_at=START - 100 * DAY, standing=ill if each.name == "api-2" else well)
        for each in rotations(3)
    ]

    standings.learn(found[:2])
    assert len(Samples(standings.text(START.timestamp())).of("rotator_overdue_seconds")) == 2
    standings.learn(found)

    assert Samples(standings.text(START.timestamp())).of("rotator_overdue_seconds") == [{"rotation": "api-2"}]


def test_an_orphan_is_told_until_it_is_gone_or_no_longer_seen() -> None:
    metrics = Metrics()
    for key in ("one", "two"):
        metrics.told(OrphanFound("billing-api", START, key, "rotator/abcd2345/1.1-wxyz/x", "left alone"))
    assert Samples(metrics.text(START)).value("rotator_orphans") == 2

    metrics.told(Revoked("billing-api", START, "one", "asked for"))
    assert Samples(metrics.text(START + HOUR)).value("rotator_orphans") == 1

    assert Samples(metrics.text(START + DAY)).value("rotator_orphans") == 0


def test_requests_to_graph_are_counted_by_what_they_do() -> None:
    metrics = Metrics()
    metrics.answered("addPassword", 200)
    metrics.answered("reading the application", 429)
    metrics.answered("reading the application", 0)

    told = Samples(metrics.text(START))

    assert told.value("rotator_graph_requests_total", operation="addPassword", status="200") == 1
    assert told.value("rotator_graph_requests_total", operation="reading_the_application", status="none") == 1
    assert told.value("rotator_graph_throttled_total") == 1


def test_a_lost_lease_and_a_refused_reload_are_told() -> None:
    metrics = Metrics()
    metrics.told(LeaseWasLost("billing-api", START, "another node"))
    metrics.reloaded(False)

    told = Samples(metrics.text(START))

    assert told.value("rotator_lease_lost_total") == 1
    assert told.value("rotator_config_last_reload_successful") == 0
    metrics.reloaded(True)
    assert Samples(metrics.text(START)).value("rotator_config_last_reload_successful") == 1


def test_the_end_of_what_a_connection_signs_in_with_is_told() -> None:
    metrics = Metrics()
    metrics.connection_ends = lambda: {"contoso": START}

    told = Samples(metrics.text(START)).value("rotator_connection_expiry_timestamp_seconds", connection="contoso")

    assert told == START.timestamp()


async def test_what_has_changed_is_seen_at_the_next_look_whoever_s_turn_it_is(measured: Measured) -> None:
    await measured.harness.define(*rotations(3))
    await measured.scrape()
    measured.metrics.changed.clear()
    await measured.harness.store.pause("rotation-2")
    measured.keeper._waiting = ["api-1"]
    measured.metrics.changed.add("api-2")

    told = await measured.scrape()

    following = told.of("rotator_next_rotation_timestamp_seconds")
    assert sorted(each["rotation"] for each in following) == ["api-1", "api-3"]


async def test_what_needs_attention_is_looked_at_again_whoever_s_turn_it_is(measured: Measured) -> None:
    await measured.harness.define(*rotations(3))
    measured.harness.clock.advance(60)
    assert (await measured.scrape()).value("rotator_overdue_seconds", rotation="api-2") == 60
    await measured.harness.store.pause("rotation-2")
    measured.keeper._waiting = ["api-1"]

    assert (await measured.scrape()).value("rotator_overdue_seconds", rotation="api-2") == 0


async def test_of_very_many_only_those_that_need_somebody_are_kept_and_all_are_counted(measured: Measured) -> None:
    measured.metrics.standings.per_rotation = 2
    await measured.harness.define(*rotations(3))
    for well in ("rotation-1", "rotation-3"):
        await measured.harness.store.pause(well)
    measured.harness.clock.advance(60)
    told = await measured.scrape()
    assert told.of("rotator_overdue_seconds") == [{"rotation": "api-2"}]
    assert measured.metrics.standings.names() == ["api-2"]
    assert told.value("rotator_rotations", status="new") == 3

    measured.harness.clock.advance(301)
    await measured.harness.store.define([Retire("rotation-2", START)])
    told = await measured.scrape()
    assert {each["rotation"] for each in told.of("rotator_overdue_seconds")} == {"api-1", "api-3"}
    assert told.value("rotator_rotations", status="new") == 2


async def test_a_rotation_that_is_gone_is_no_longer_told(measured: Measured) -> None:
    await measured.harness.define(*rotations(2))
    await measured.scrape()

    await measured.harness.store.define([Retire("rotation-1", START)])

    assert {each["rotation"] for each in (await measured.scrape()).of("rotator_overdue_seconds")} == {"api-2"}


async def test_what_waits_for_its_turn_is_told_as_lag(measured: Measured) -> None:
    await measured.harness.define(billing())
    measured.harness.clock.advance(90)

    assert (await measured.scrape()).value("rotator_scheduler_lag_seconds") == 90


async def test_time_goes_on_between_two_looks(measured: Measured) -> None:
    await measured.harness.define(billing(schedule=a_rotation().schedule))
    await measured.scrape()
    measured.harness.clock.advance(3600)

    told = Samples(measured.keeper.text())

    assert told.value("rotator_overdue_seconds", rotation="billing-api") == 3600


async def test_a_database_that_does_not_answer_costs_nothing_but_the_news(measured: Measured) -> None:
    await measured.harness.define(billing())
    books = Flaky(measured.harness)
    keeper = Keeper(measured.metrics, books, measured.harness.clock)
    running = asyncio.create_task(keeper.run())
    await _until(lambda: measured.harness.clock.next_wake is not None)
    assert Samples(keeper.text()).of("rotator_overdue_seconds") == []

    books.broken = False
    measured.harness.clock.advance(EVERY)
    await _until(lambda: bool(Samples(keeper.text()).of("rotator_overdue_seconds")))

    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


class Flaky:
    """The store, which does not answer while it is broken."""

    def __init__(self, harness: Harness) -> None:
        self._store = harness.store
        self.broken = True

    def __getattr__(self, name: str) -> Any:
        if self.broken:
            raise StoreUnavailable("it is down")
        return getattr(self._store, name)


async def _until(happened: Callable[[], bool]) -> None:
    for _ in range(2000):
        if happened():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")
