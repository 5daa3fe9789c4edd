"""Does a secret live its whole life as rotation.md says?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rotator.domain.events import AttemptBegan, AttemptEnded, Issued, Promoted, Revoked, SignInTried, StepEnded
from rotator.domain.model import CredentialState, Initial, RotationStatus
from tests.builders import OBJECT, rotations
from tests.engine.harness import DAY, HOUR, PREFIX, Harness, billing


def april(day: int, hour: int = 2, minute: int = 30) -> datetime:
    return datetime(2026, 4, day, hour, minute, tzinfo=UTC)


async def test_a_new_definition_is_rotated_at_once(harness: Harness) -> None:
    await harness.define(billing())
    await harness.run_for(HOUR)
    facts = await harness.facts()
    assert (facts.standing.status, facts.standing.state) == (RotationStatus.SUCCESS, "active")
    assert "proved in 2 sign-ins; delivered to embedded, vault" in facts.standing.message
    assert harness.places["vault"].text == harness.shown(billing()) == "text-0"
    assert [c.state for c in facts.credentials] == [CredentialState.CURRENT]


async def test_the_next_ones_follow_the_schedule_and_never_drift(harness: Harness) -> None:
    await harness.define(billing())
    await harness.run_for(95 * DAY)
    slots = [event.at for event in harness.engine.events(Promoted)]
    wanted = [datetime(2026, month, 1, 2, 30, tzinfo=UTC) for month in (4, 5)] + [
        datetime(2026, 5, 31, 2, 30, tzinfo=UTC)
    ]
    assert [at.replace(second=0, microsecond=0) for at in slots[1:]] == wanted


async def test_two_secrets_alternate_and_the_older_goes_at_the_next_promotion(harness: Harness) -> None:
    await harness.define(billing())
    await harness.run_for(35 * DAY)
    assert harness.ours() == ["key-1", "key-2"]
    assert [c.slot for c in (await harness.facts()).credentials] == [0, 1]
    await harness.run_for(30 * DAY)
    assert harness.ours() == ["key-2", "key-3"]
    assert [event.key_id for event in harness.engine.events(Revoked)] == ["key-1"]


async def test_a_fixed_overlap_ends_the_replaced_one_when_it_is_over(harness: Harness) -> None:
    await harness.define(billing(overlap=48 * HOUR))
    await harness.run_for(31 * DAY)
    assert harness.ours() == ["key-1", "key-2"]
    await harness.run_for(2 * DAY)
    assert harness.ours() == ["key-2"]


async def test_without_overlap_the_replaced_one_goes_minutes_later(harness: Harness) -> None:
    await harness.define(billing(overlap=timedelta(0)))
    await harness.run_for(april(1) - harness.clock.now() + timedelta(minutes=10))
    assert harness.ours() == ["key-2"]


async def test_a_secret_lives_as_long_as_the_definition_says(harness: Harness) -> None:
    await harness.define(billing())
    await harness.run_for(HOUR)
    (password,) = harness.entra.living(OBJECT)
    assert password.expires_at - password.starts_at == timedelta(days=63)


async def test_a_display_name_says_whose_it_is_ids_first(harness: Harness) -> None:
    await harness.define(billing(name="a-name-that-is-so-long-that-it-does-not-fit-as-a-whole-12345678"))
    await harness.run_for(HOUR)
    (password,) = harness.entra.living(OBJECT)
    attempt = harness.engine.events(AttemptBegan)[0].attempt
    assert password.display_name.startswith(f"{PREFIX}{attempt}.1-")
    assert len(password.display_name) <= 90
    assert "/a-name-that-is-so-long" in password.display_name


async def test_a_text_that_begins_with_a_dash_is_revoked_and_issued_again(harness: Harness) -> None:
    harness.entra.texts = iter(["-bad", "good"])
    await harness.define(billing())
    await harness.run_for(HOUR)
    assert harness.places["vault"].text == "good"
    assert harness.ours() == ["key-2"]
    assert "-bad" not in [call[2] for call in harness.entra.calls if call[0] == "prove"]


async def test_the_fourth_text_is_taken_however_it_begins(harness: Harness) -> None:
    harness.entra.texts = iter(["-1", "-2", "-3", "-4", "-5"])
    await harness.define(billing())
    await harness.run_for(HOUR)
    assert harness.places["vault"].text == "-4"
    assert harness.ours() == ["key-4"]


async def test_a_name_that_entra_changed_ends_the_attempt_and_the_key(harness: Harness) -> None:
    harness.entra.rename = lambda name: name[:20]
    await harness.define(billing())
    await harness.run_for(timedelta(seconds=30))
    facts = await harness.facts()
    assert facts.standing.status is RotationStatus.FAILED
    assert "Entra named the new credential" in facts.standing.message
    assert harness.ours(prefix="rotator/") == []
    assert not harness.places["vault"].text


async def test_a_definition_may_wait_for_its_first_slot(harness: Harness) -> None:
    await harness.define(billing(initial=Initial.WAIT))
    await harness.run_for(16 * HOUR)
    assert harness.ours() == []
    await harness.run_for(HOUR)
    assert harness.ours() == ["key-1"]


async def test_observers_hear_of_every_step_and_of_no_secret(harness: Harness) -> None:
    await harness.define(billing())
    await harness.run_for(HOUR)
    told = harness.engine.told
    assert [event.step for event in harness.engine.events(StepEnded)] == [
        "preflight",
        "issue",
        "verify",
        "deliver",
        "promote",
        "close",
    ]
    assert [(event.tries, event.in_a_row) for event in harness.engine.events(SignInTried)] == [(1, 1), (2, 2)]
    assert len(harness.engine.events(Issued)) == len(harness.engine.events(Promoted)) == 1
    assert [event.outcome for event in harness.engine.events(AttemptEnded)] == ["succeeded"]
    assert "text-0" not in repr(told)


async def test_a_rotation_without_destinations_is_promoted_once_proved(harness: Harness) -> None:
    await harness.define(billing(destinations=()))
    await harness.run_for(HOUR)
    assert (await harness.current()).key_id == "key-1"


async def test_many_rotations_live_side_by_side(harness: Harness) -> None:
    await harness.define(*rotations(12, destinations=()))
    await harness.run_for(HOUR)
    assert [(await harness.current(f"api-{n}")).state.value for n in range(1, 13)] == ["current"] * 12
    assert harness.engine.troubles == []
