"""Do the buckets stay below Graph's quotas, whatever they are asked for?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.domain import pacing
from rotator.domain.model import Connection

CONTOSO = Connection("contoso", "Tenant-1", "Client-1")


@pytest.mark.parametrize(
    ("at", "quota", "span"),
    [(1, 3_000, timedelta(seconds=150)), (2, 70_000, timedelta(minutes=5)), (3, 18_000, timedelta(minutes=5))],
)
def test_in_any_span_of_a_quota_at_most_nine_tenths_of_it_leave(at: int, quota: int, span: timedelta) -> None:
    bucket = pacing.writes(CONTOSO)[at]
    most = round(bucket.burst + span / bucket.every)
    assert 0.85 * quota < most <= 0.9 * quota


def test_connections_of_one_application_to_one_tenant_share_what_it_may_write() -> None:
    other = pacing.writes(Connection("another", "tenant-1", "client-1"))
    assert other[1:] == pacing.writes(CONTOSO)[1:]
    assert other[0] != pacing.writes(CONTOSO)[0]


def test_an_application_shares_the_bucket_of_its_tenant_with_others_and_no_other() -> None:
    names = {bucket.name for bucket in pacing.writes(CONTOSO)}
    shared = names & {bucket.name for bucket in pacing.writes(Connection("b", "tenant-1", "client-2"))}
    assert shared == {"writes in tenant-1"}


def test_connections_whose_application_is_not_known_share_no_application() -> None:
    one, two = (pacing.writes(Connection(name, "tenant-1", "")) for name in ("a", "b"))
    assert {b.name for b in one} & {b.name for b in two} == {"writes in tenant-1"}
