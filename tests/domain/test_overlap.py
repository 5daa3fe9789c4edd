"""When may a replaced credential go? (rotation.md section 5)"""

from __future__ import annotations

from datetime import timedelta

from rotator.domain.model import CredentialState
from rotator.domain.overlap import retired, revoke_time
from tests.builders import a_credential
from tests.fakes import START

DAY = timedelta(days=1)


def test_with_a_fixed_overlap_its_time_is_set_when_it_retires() -> None:
    going = retired(a_credential(), 2 * DAY, START)
    assert (going.state, going.retired_at, going.revoke_at) == (CredentialState.RETIRING, START, START + 2 * DAY)


def test_without_overlap_it_may_go_at_once() -> None:
    assert retired(a_credential(), timedelta(0), START).revoke_at == START


def test_until_next_leaves_it_without_a_time() -> None:
    assert retired(a_credential(), None, START).revoke_at is None


def test_the_next_promotion_lets_it_go_once_its_least_overlap_has_passed() -> None:
    waiting = retired(a_credential(), None, START)
    assert revoke_time(waiting, DAY, START + 30 * DAY) == START + 30 * DAY
    assert revoke_time(waiting, DAY, START + timedelta(hours=1)) == START + DAY
