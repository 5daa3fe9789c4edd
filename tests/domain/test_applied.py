"""Do the facts after some changes look as the store would tell them?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rotator.domain.applied import applied
from rotator.domain.changes import (
    ClearHints,
    ConnectionWorked,
    EndRequest,
    EraseText,
    ForgetDelivery,
    ResolveApplication,
    SealText,
)
from rotator.domain.model import CredentialState, Facts, Secret, Standing
from tests.builders import (
    KEY,
    a_credential,
    a_delivery,
    a_request,
    an_attempt,
    an_entry,
    an_intent,
    some_facts,
)
from tests.fakes import START

OPEN = replace(some_facts(), attempt=an_attempt(), journal=(an_entry(),))


def after(facts: Facts, *changes: object) -> Facts:
    return applied(facts, changes)  # type: ignore[arg-type]


def test_a_standing_replaces_the_one_before() -> None:
    standing = Standing("rotation-1", state="active", failures=2)
    assert after(some_facts(), standing).standing == standing


def test_a_new_attempt_begins_with_an_empty_journal() -> None:
    facts = after(OPEN, an_attempt(id="attempt-2"))
    assert facts.attempt == an_attempt(id="attempt-2")
    assert facts.journal == ()


def test_the_same_attempt_anew_keeps_its_journal() -> None:
    assert after(OPEN, an_attempt(resume_at=START)).journal == (an_entry(),)


def test_an_attempt_that_has_ended_is_no_longer_open() -> None:
    facts = after(OPEN, an_attempt(ended_at=START))
    assert (facts.attempt, facts.journal) == (None, ())


def test_entries_are_appended_to_the_open_attempt() -> None:
    entry = an_entry(step="issue")
    assert after(OPEN, entry).journal == (an_entry(), entry)


def test_entries_outside_an_attempt_belong_to_no_journal_of_one() -> None:
    assert after(some_facts(), an_entry(attempt_id="")).journal == ()


def test_a_credential_changes_in_its_place_and_a_new_one_comes_last() -> None:
    facts = after(some_facts(), a_credential(), a_credential(key_id="other", state=CredentialState.PENDING))
    facts = after(facts, a_credential(state=CredentialState.RETIRING))
    assert [(c.key_id, c.state.value) for c in facts.credentials] == [(KEY, "retiring"), ("other", "pending")]


def test_a_revoked_credential_leaves_the_facts() -> None:
    facts = after(some_facts(), a_credential(), a_credential(state=CredentialState.REVOKED))
    assert facts.credentials == ()


def test_only_open_intents_are_facts() -> None:
    facts = after(some_facts(), an_intent(), an_intent(n=2))
    assert [intent.n for intent in facts.intents] == [1, 2]
    facts = after(facts, an_intent(outcome="issued"), an_intent(n=2, closed_at=START))
    assert facts.intents == ()


def test_a_delivery_is_one_row_a_destination_and_can_be_forgotten() -> None:
    facts = after(some_facts(), a_delivery(), a_delivery(destination="file"), a_delivery(message="full"))
    assert {d.destination: d.message for d in facts.deliveries} == {"file": "", "embedded": "full"}
    assert [d.destination for d in after(facts, ForgetDelivery("rotation-1", "file")).deliveries] == ["embedded"]


def test_an_answered_request_is_no_longer_waiting() -> None:
    facts = replace(some_facts(), requests=(a_request(), a_request(id="request-2")))
    assert [r.id for r in after(facts, EndRequest("request-1", "done", "")).requests] == ["request-2"]


def test_reconciled_hints_are_gone_and_others_stay() -> None:
    facts = some_facts()
    facts = replace(facts, switches=replace(facts.switches, hints=("embedded", "file")))
    assert after(facts, ClearHints("rotation-1", ("embedded",))).switches.hints == ("file",)


def test_a_sealed_text_is_kept_until_it_is_erased() -> None:
    facts = after(some_facts(), a_credential(has_text=False), SealText(KEY, Secret("text")))
    assert facts.credentials[0].has_text
    assert not after(facts, EraseText(KEY)).credentials[0].has_text


def test_resolved_ids_are_those_of_the_rotation() -> None:
    application = after(some_facts(), ResolveApplication("rotation-1", "object", "client", "name")).rotation.application
    assert (application.object_id, application.client_id, application.name) == ("object", "client", "name")


def test_rows_of_others_change_nothing() -> None:
    assert after(OPEN, ConnectionWorked("contoso")) == OPEN


def test_changes_apply_in_their_order() -> None:
    later = an_attempt(id="attempt-2", started_at=START + timedelta(hours=1))
    facts = after(OPEN, an_attempt(ended_at=START), later, an_entry(attempt_id="attempt-2"))
    assert facts.attempt == later
    assert facts.journal == (an_entry(attempt_id="attempt-2"),)
