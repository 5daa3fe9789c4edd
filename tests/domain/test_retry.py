"""Are retries spaced as rotation.md section 4 says?"""

from datetime import timedelta

import pytest

from rotator.domain.retry import retry_delay

LIFETIME = timedelta(days=60)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (500, 60)]
)
def test_the_wait_doubles_from_a_minute_and_then_is_hourly(failures: int, minutes: int) -> None:
    assert retry_delay(failures, expires_in=None, lifetime=LIFETIME, noise=0) == timedelta(minutes=minutes)


@pytest.mark.parametrize(("noise", "minutes"), [(-1, 54), (0.5, 63), (1, 66)])
def test_noise_moves_a_wait_by_a_tenth_at_most(noise: float, minutes: int) -> None:
    assert retry_delay(9, expires_in=None, lifetime=LIFETIME, noise=noise) == timedelta(minutes=minutes)


@pytest.mark.parametrize("left", [timedelta(days=3) - timedelta(seconds=1), timedelta(0), timedelta(days=-4)])
def test_with_less_than_a_twentieth_left_the_wait_is_at_most_15_minutes(left: timedelta) -> None:
    assert retry_delay(9, expires_in=left, lifetime=LIFETIME, noise=1) == timedelta(minutes=15)
    assert retry_delay(2, expires_in=left, lifetime=LIFETIME, noise=0) == timedelta(minutes=2)


def test_with_a_twentieth_left_the_wait_is_still_hourly() -> None:
    assert retry_delay(9, expires_in=timedelta(days=3), lifetime=LIFETIME, noise=0) == timedelta(hours=1)


def test_before_any_failure_the_wait_is_the_first_one() -> None:
    assert retry_delay(0, expires_in=None, lifetime=LIFETIME, noise=0) == timedelta(minutes=1)
