"""Does a store keep what the holder of a lease writes: whole, once, together, in order, for good?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.changes import (
    Change,
    ClearHints,
    ConnectionFailed,
    ConnectionWorked,
    EndRequest,
    EraseText,
    ForgetDelivery,
    ForgetRotation,
    SealText,
)
from rotator.domain.model import (
    Alarm,
    Application,
    CredentialState,
    Entry,
    Mode,
    Outcome,
    RotationStatus,
    Secret,
    Standing,
)
from rotator.errors import LeaseLost
from rotator.ports import Listed
from tests.builders import (
    KEY,
    a_credential,
    a_delivery,
    a_request,
    a_rotation,
    an_application,
    an_attempt,
    an_entry,
    an_intent,
    rotations,
)
from tests.contracts.stores import NEVER, TTL, Books
from tests.fakes import START

AT = [START + timedelta(days=n, microseconds=n) for n in range(12)]


async def test_what_is_written_is_read_back_the_same(books: Books) -> None:
    lease = await books.leased()
    application = Application("tenant", "object", "client", "Name with ünïcode")
    attempt = an_attempt(
        id="a", mode=Mode.COMPROMISED, application=application, due_slot=AT[1], accept_outage=("file:/x",)
    )
    credential = a_credential(application=application, state=CredentialState.PENDING, has_text=False, revoke_at=AT[4])
    intent = an_intent(n=2, first_look_at=AT[1])
    delivery = a_delivery(delivered_at=AT[1], read_at=AT[2], drifted=True, removed=True)
    alarms = (Alarm("A", "b"), Alarm("B", "ü"))
    standing = Standing(
        "rotation-1", "active", RotationStatus.FAILED, "line", AT[0], alarms=alarms, missing_since=AT[5]
    )
    entry = an_entry(attempt_id="a", facts={"tries": 3, "keys": ["k"], "ok": True, "text": "ü"})
    changes: list[Change] = [attempt, credential, intent, delivery, standing, entry]
    await books.store.write(lease, changes, ttl=TTL)
    facts = await books.facts()
    assert facts.attempt == attempt
    assert facts.credentials == (credential,)
    assert facts.intents == (intent,)
    assert facts.deliveries == (delivery,)
    assert facts.standing == standing
    assert facts.journal == (replace(entry, seq=1),)


async def test_a_row_is_replaced_as_a_whole(books: Books) -> None:
    lease = await books.leased()
    await books.store.write(lease, [a_credential(hint="old"), a_delivery(message="broken", failures=3)], ttl=TTL)
    await books.store.write(lease, [a_credential(hint="new"), a_delivery()], ttl=TTL)
    facts = await books.facts()
    assert facts.credentials == (a_credential(hint="new", has_text=False),)
    assert facts.deliveries == (a_delivery(),)


async def test_facts_leave_out_what_has_ended(books: Books) -> None:
    lease = await books.leased()
    revoked = a_credential(key_id="gone", state=CredentialState.REVOKED)
    ended = an_attempt(ended_at=START, outcome=Outcome.FAILED)
    refused = an_intent(outcome="refused")
    await books.store.write(lease, [revoked, a_credential(), ended, an_entry(), refused], ttl=TTL)
    facts = await books.facts()
    assert [credential.key_id for credential in facts.credentials] == [KEY]
    assert (facts.attempt, facts.journal, facts.intents) == (None, (), ())
    assert [credential.key_id for credential in await books.store.ledger("rotation-1")] == [KEY, "gone"]


async def test_L2_all_changes_of_a_write_become_true_or_none(books: Books) -> None:
    lease = await books.leased()
    orphan = a_delivery(rotation_id="no-such-rotation")
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await books.store.write(lease, [an_entry(), a_credential(), orphan], ttl=TTL)
    assert (await books.facts()).credentials == ()
    assert await books.store.journal("rotation-1") == []


async def test_L2_the_journal_keeps_its_order_and_pages(books: Books) -> None:
    lease = await books.leased()
    for step in ("preflight", "issue", "verify"):
        await books.store.write(lease, [an_entry(step=step), an_entry(step=step, phase="outcome")], ttl=TTL)
    entries = await books.store.journal("rotation-1")
    assert [(entry.step, entry.phase) for entry in entries][:3] == [
        ("preflight", "intent"), ("preflight", "outcome"), ("issue", "intent")]  # fmt: skip
    assert [entry.seq for entry in entries] == sorted({entry.seq for entry in entries})
    assert await books.store.journal("rotation-1", after=entries[2].seq, limit=2) == entries[3:5]


async def test_L13_entries_bear_the_time_of_the_database(books: Books) -> None:
    lease = await books.leased()
    books.clock.advance(60)
    written = await books.store.write(lease, [an_entry(at=START + timedelta(days=400))], ttl=TTL)
    (entry,) = await books.store.journal("rotation-1")
    assert entry.at == written.now == START + timedelta(seconds=60)


async def test_history_shows_the_latest_attempts_with_their_entries(books: Books) -> None:
    lease = await books.leased()
    for n in range(3):
        attempt = an_attempt(id=f"attempt-{n}", started_at=AT[n], ended_at=AT[n], outcome=Outcome.SUCCEEDED)
        await books.store.write(lease, [attempt, an_entry(attempt_id=attempt.id, step=f"step-{n}")], ttl=TTL)
    history = await books.store.history("rotation-1", limit=2)
    assert [attempt.id for attempt, _ in history] == ["attempt-2", "attempt-1"]
    assert [entry.step for _, entries in history for entry in entries] == ["step-2", "step-1"]


async def test_L11_a_text_is_kept_until_it_is_erased(books: Books) -> None:
    lease = await books.leased()
    await books.store.write(lease, [a_credential(), SealText(KEY, Secret("hush"))], ttl=TTL)
    assert (await books.facts()).credentials[0].has_text
    assert await books.store.text(KEY) == Secret("hush")
    await books.store.write(lease, [EraseText(KEY)], ttl=TTL)
    assert not (await books.facts()).credentials[0].has_text
    assert await books.store.text(KEY) is None


async def test_requests_and_hints_end_by_the_holders_word(books: Books) -> None:
    lease = await books.leased()
    await books.store.ask(a_request())
    await books.store.hint("rotation-1", "embedded")
    await books.store.hint("rotation-1", "embedded")
    assert (await books.facts()).requests == (a_request(),)
    assert (await books.facts()).switches.hints == ("embedded",)
    hints = ClearHints("rotation-1", ("embedded",))
    await books.store.write(lease, [EndRequest("request-1", "done", "Rotated."), hints], ttl=TTL)
    facts = await books.facts()
    assert (facts.requests, facts.switches.hints) == ((), ())
    asked = await books.store.request("request-1")
    assert asked == a_request(ended_at=START, result="done", message="Rotated.")
    assert await books.store.request("no-such") is None


async def test_a_forgotten_destination_is_not_kept_track_of(books: Books) -> None:
    lease = await books.leased()
    await books.store.write(lease, [a_delivery(), a_delivery(destination="file:/x")], ttl=TTL)
    await books.store.write(lease, [ForgetDelivery("rotation-1", "file:/x")], ttl=TTL)
    assert [delivery.destination for delivery in (await books.facts()).deliveries] == ["embedded"]


async def test_a_forgotten_rotation_leaves_its_ledger_and_journal(books: Books) -> None:
    lease = await books.leased()
    await books.store.write(lease, [a_credential(), a_delivery(), an_entry()], ttl=TTL)
    await books.store.write(lease, [ForgetRotation("rotation-1")], ttl=TTL, wake_at=NEVER, release=True)
    with pytest.raises(KeyError):
        await books.store.look("rotation-1")
    assert await books.store.facts() == []
    assert len(await books.store.ledger("rotation-1")) == len(await books.store.journal("rotation-1")) == 1


async def test_the_books_know_credentials_and_intents_of_any_rotation_and_state(books: Books) -> None:
    lease = await books.leased()
    gone = a_credential(key_id="gone", rotation_id="other", state=CredentialState.REVOKED)
    closed = an_intent(rotation_id="other", display_name="name-1", outcome="issued")
    await books.store.write(lease, [gone, closed], ttl=TTL)
    listed = [Listed(key, name, None, None) for key, name in (("gone", "?"), ("x", "name-1"), ("y", "name-2"))]
    recognised = await books.store.recognise(an_application(), listed)
    assert recognised.ledger == {"gone"}
    assert recognised.intents == {"name-1": closed}
    assert (await books.store.recognise(an_application(), [])).ledger == frozenset()


async def test_L14_the_breaker_counts_distinct_rotations_and_closes_on_success(books: Books) -> None:
    lease = await books.leased()
    probe_at = START + timedelta(minutes=15)

    async def failed(rotation_id: str, minutes: int = 0) -> None:
        failure = ConnectionFailed("contoso", rotation_id, "401", 2, probe_at + timedelta(minutes=minutes))
        await books.store.write(lease, [failure], ttl=TTL)

    for _ in range(3):
        await failed("rotation-1")
    health = (await books.facts()).health
    assert (health.failing, health.opened_at, health.probe_at) == (("rotation-1",), None, None)
    await failed("rotation-2")
    health = (await books.facts()).health
    assert (health.failing, health.opened_at, health.probe_at) == (("rotation-1", "rotation-2"), START, probe_at)
    books.clock.advance(900)
    await failed("rotation-2", minutes=15)
    health = (await books.facts()).health
    assert (health.opened_at, health.probe_at) == (START, probe_at + timedelta(minutes=15))
    await books.store.write(lease, [ConnectionWorked("contoso")], ttl=TTL)
    health = (await books.facts()).health
    assert (health.failing, health.opened_at, health.probe_at, health.message) == ((), None, None, "")


async def test_L14_attempts_of_the_connection_in_the_past_hour_are_counted(books: Books) -> None:
    await books.defined(*rotations(3), a_rotation(id="else", name="else", connection="other"))
    claims = await books.store.claim("node-1", limit=8, ttl=TTL)
    lease = claims[0].lease
    started = [START - timedelta(minutes=minutes) for minutes in (90, 50, 10)]
    attempts = [an_attempt(id=f"a{n}", rotation_id=f"rotation-{n + 1}", started_at=at) for n, at in enumerate(started)]
    elsewhere = an_attempt(id="b", rotation_id="else", started_at=START)
    await books.store.write(lease, [*attempts, elsewhere], ttl=TTL)
    health = (await books.facts("rotation-1")).health
    assert (health.attempts_last_hour, health.oldest_attempt_at) == (2, started[1])
    assert (await books.facts("else")).health.attempts_last_hour == 1


async def test_rotations_that_wake_for_one_slot_are_counted_per_connection(books: Books) -> None:
    await books.defined(*rotations(3), a_rotation(id="else", name="else", connection="other"))
    for claim in await books.store.claim("node-1", limit=8, ttl=TTL):
        standing = replace(claim.facts.standing, state="active", anchor_at=START)
        await books.store.write(claim.lease, [standing], ttl=TTL, wake_at=AT[1], release=True)
    slot = a_rotation().schedule.after_scheduled(START)
    assert await books.store.same_time(a_rotation(), slot) == 3
    assert await books.store.same_time(a_rotation(connection="other"), slot) == 1
    assert await books.store.same_time(a_rotation(), slot + timedelta(seconds=1)) == 0


async def test_one_stale_write_does_not_undo_those_beside_it(books: Books) -> None:
    await books.defined(*rotations(4))
    claims = await books.store.claim("node-1", limit=4, ttl=TTL)
    stale = replace(claims[1].lease, token=99)
    leases = [claims[0].lease, stale, claims[2].lease, claims[3].lease]
    written = await asyncio.gather(
        *(books.store.write(lease, [_note(n)], ttl=TTL) for n, lease in enumerate(leases, 1)), return_exceptions=True
    )
    assert [isinstance(result, LeaseLost) for result in written] == [False, True, False, False]
    kept = [len(await books.store.journal(f"rotation-{n}")) for n in range(1, 5)]
    assert kept == [1, 0, 1, 1]


async def test_a_cancelled_caller_does_not_undo_its_write(books: Books) -> None:
    lease = await books.leased()
    caller = asyncio.create_task(books.store.write(lease, [an_entry()], ttl=TTL))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    await books.store.renew(lease, TTL)
    # A server may carry out what comes later before it.
    for _ in range(200):
        if await books.store.journal("rotation-1"):
            break
    assert len(await books.store.journal("rotation-1")) == 1


def _note(n: int) -> Entry:
    return an_entry(rotation_id=f"rotation-{n}", phase="note")
