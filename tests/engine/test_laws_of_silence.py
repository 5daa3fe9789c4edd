"""Do laws L11 and L12 hold: the text lives sealed or not at all, and nothing fails quietly?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.events import AttemptEnded, RevokeHeld, StepEnded
from rotator.domain.model import RotationStatus
from rotator.errors import (
    ApplicationNotFound,
    DestinationRefused,
    DirectoryThrottled,
    DirectoryUnavailable,
    PermissionDenied,
    SignInRefused,
)
from tests.builders import OBJECT, an_application, rotations
from tests.engine.harness import DAY, HOUR, MINUTE, Harness, billing

CANARY = "canary-Q7~tXv9-never-shown"


def holding(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.iterdir() if text.encode() in path.read_bytes()]


class TestL11:
    """Never in errors, events, journal, or an unsealed column; erased when its credential is revoked."""

    async def test_L11_the_text_is_in_no_file_journal_event_or_message(self, harness: Harness, tmp_path: Path) -> None:
        harness.entra.texts = (f"{CANARY}-{n}" for n in range(100))
        harness.hooks.results = {"restart": [False]}
        await harness.define(billing(overlap=DAY))
        await harness.run_for(HOUR)
        harness.places["vault"].broken = {"write": DestinationRefused("vault", "write", "read-only")}
        await harness.ask("rotate")
        await harness.run_for(3 * DAY)
        harness.places["vault"].up()
        await harness.run_for(40 * DAY)
        told = [repr(event) for event in harness.engine.told] + [repr(t) for t in harness.engine.troubles]
        books = [repr(entry) for entry in await harness.store.journal("rotation-1", limit=10**6)]
        books.append(repr(await harness.facts()))
        assert CANARY not in "".join(told + books)
        assert len(harness.ours()) >= 1
        assert [path.name for path in holding(tmp_path, CANARY)] == []

    async def test_L11_the_text_is_erased_when_its_credential_is_revoked(self, harness: Harness) -> None:
        await harness.define(billing(overlap=DAY))
        await harness.run_for(31 * DAY)
        assert await harness.store.text("key-1") is not None
        await harness.run_for(2 * DAY)
        assert harness.ours() == ["key-2"]
        assert await harness.store.text("key-1") is None
        assert await harness.store.text("key-2") is not None

    async def test_L11_a_text_that_is_not_fit_is_never_kept(self, harness: Harness) -> None:
        harness.entra.texts = iter(["-bad", "good"])
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert await harness.store.text("key-1") is None


class TestL12:
    """Giving up is a named outcome with a message and an event; a failed revoke stays due."""

    @pytest.mark.parametrize(
        "problem",
        [
            PermissionDenied("addPassword", "no", code="Authorization_RequestDenied", hint="Make it an owner"),
            ApplicationNotFound("get", "gone"),
            SignInRefused("token", "expired", code="7000222"),
            DirectoryUnavailable("get", "down"),
            DirectoryThrottled("get", retry_after=MINUTE),
        ],
        ids=lambda problem: type(problem).__name__,
    )
    @pytest.mark.parametrize("operation", ["registration", "longest_lifetime", "add_password"])
    async def test_L12_every_refusal_is_a_status_a_message_and_an_event(
        self, harness: Harness, problem: Exception, operation: str
    ) -> None:
        harness.entra.fail(operation, problem, times=10**6)
        await harness.define(billing())
        asked = await harness.ask("rotate")
        await harness.run_for(10 * MINUTE)
        standing = (await harness.facts()).standing
        assert (standing.status, standing.message) == (RotationStatus.FAILED, str(problem))
        assert await harness.answer(asked) == ("failed", str(problem))
        assert {event.message for event in harness.engine.events(AttemptEnded)} == {str(problem)}
        assert {event.ok for event in harness.engine.events(StepEnded) if event.message} == {False}

    async def test_L12_an_application_that_cannot_be_looked_up_is_told(self, harness: Harness) -> None:
        await harness.define(billing(application=an_application(object_id="", client_id="nobody")))
        harness.entra.apps.clear()
        asked = await harness.ask("rotate")
        await harness.run_for(10 * MINUTE)
        standing = (await harness.facts()).standing
        assert standing.status is RotationStatus.FAILED
        assert "there is no application nobody" in standing.message
        assert (await harness.answer(asked))[0] == "failed"

    async def test_L12_an_application_known_by_its_client_id_is_looked_up(self, harness: Harness) -> None:
        harness.entra.register(an_application())
        await harness.define(billing(application=an_application(object_id="")))
        del harness.entra.apps[""]
        await harness.run_for(HOUR)
        assert (await harness.facts()).rotation.application.object_id == OBJECT
        assert harness.ours(OBJECT) == ["key-1"]

    async def test_L12_a_missing_connection_is_told(self, harness: Harness) -> None:
        await harness.define(billing(connection="gone"))
        asked = await harness.ask("rotate")
        await harness.run_for(10 * MINUTE)
        standing = (await harness.facts()).standing
        assert standing.status is RotationStatus.FAILED
        assert "connection 'gone' is not defined" in standing.message
        assert (await harness.answer(asked))[0] == "failed"

    async def test_L12_a_failed_revoke_stays_due_and_is_told(self, harness: Harness) -> None:
        await harness.define(billing(overlap=DAY))
        await harness.run_for(31 * DAY)
        harness.entra.fail("remove_password", DirectoryUnavailable("removePassword", "down"), times=4)
        await harness.run_for(2 * DAY)
        assert len(harness.engine.events(RevokeHeld)) == 4
        assert harness.ours() == ["key-2"]

    async def test_L12_a_revoke_that_took_effect_with_an_error_is_success_later(self, harness: Harness) -> None:
        await harness.define(billing(overlap=DAY))
        await harness.run_for(31 * DAY)
        harness.entra.fail("remove_password", DirectoryUnavailable("removePassword", "reset"), after=True)
        await harness.run_for(2 * DAY)
        assert [c.key_id for c in (await harness.facts()).credentials] == ["key-2"]

    async def test_L12_a_long_message_is_cut_where_people_read_it(self, harness: Harness) -> None:
        harness.entra.fail("registration", DirectoryUnavailable("get", "x" * 5000), times=10**6)
        await harness.define(billing())
        await harness.run_for(MINUTE)
        assert len((await harness.facts()).standing.message) == 1024

    async def test_L12_a_bug_in_one_visit_is_loud_and_ends_no_other(self, harness: Harness) -> None:
        await harness.define(*rotations(3, destinations=()))
        harness.entra.fail("registration", ZeroDivisionError("a bug"), times=10**6, object_id="object-2")
        await harness.run_for(timedelta(minutes=5))
        assert any(isinstance(trouble, ZeroDivisionError) for trouble in harness.engine.troubles)
        assert len(harness.engine.troubles) < 10
        assert [bool((await harness.facts(f"api-{n}")).current) for n in (1, 2, 3)] == [True, False, True]
