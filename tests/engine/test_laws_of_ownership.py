"""Do laws L15 and L16 hold: our own credential is guarded, and a world newer than our books holds everything?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rotator.domain.model import CredentialState, Initial, RotationStatus
from rotator.errors import DirectoryUnavailable, PermissionDenied
from tests.builders import CLIENT, OBJECT, an_application
from tests.engine.fake_entra import Password, contoso, unknown
from tests.engine.fake_places import a_place
from tests.engine.harness import DAY, HOUR, MINUTE, PREFIX, Harness, billing


class TestL15:
    """A rotation that targets the application its connection signs in with is refused."""

    async def test_L15_a_rotation_of_the_connections_own_application_is_refused(self, harness: Harness) -> None:
        harness.entra.connections["contoso"] = contoso(client_id=CLIENT.upper())
        await harness.define(billing())
        await harness.run_for(MINUTE / 2)
        standing = (await harness.facts()).standing
        assert standing.status is RotationStatus.FAILED
        assert "isAutoRotationEnabled" in standing.message
        assert harness.entra.count("add_password") == 0

    async def test_L15_an_application_known_by_its_object_id_alone_is_guarded_too(self, harness: Harness) -> None:
        harness.entra.connections["contoso"] = contoso(client_id=CLIENT)
        harness.entra.register(an_application())
        harness.entra.fail("registration", DirectoryUnavailable("get", "down"))
        await harness.define(billing(application=an_application(client_id="")))
        await harness.run_for(10 * MINUTE)
        assert harness.entra.count("add_password") == 0
        assert "isAutoRotationEnabled" in (await harness.facts()).standing.message

    async def test_L15_the_connections_declared_rotation_is_let_through(self, harness: Harness) -> None:
        harness.entra.connections["contoso"] = contoso(client_id=CLIENT)
        await harness.define(billing(own_connection="contoso"))
        await harness.run_for(HOUR)
        assert (await harness.current()).key_id == "key-1"

    async def test_L15_a_method_that_hides_its_application_guards_nothing(self, harness: Harness) -> None:
        harness.entra.connections["contoso"] = contoso(client_id="")
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert (await harness.current()).key_id == "key-1"


async def lost(harness: Harness, *, days: int = 400) -> Password:
    """A credential of ours that a restored database does not know."""
    return harness.entra.put(OBJECT, f"{PREFIX}gone234567.1-abcd/billing-api", days=days)


async def restored(harness: Harness) -> Password:
    """Rotated once; then a database older than Entra: a second secret exists, and the vault bears it."""
    await harness.define(billing(destinations=(a_place(),)))
    await harness.run_for(HOUR)
    newer = await lost(harness)
    marker = harness.places["vault"].marker
    assert marker is not None
    harness.places["vault"].overwritten(newer.text, replace(marker, key_id=newer.key_id, token=marker.token + 50))
    harness.start("node-2")
    await harness.store.wake()
    await harness.turn()
    return newer


class TestL16:
    """Credentials with our prefix that neither the ledger nor an intent names hold the rotation."""

    async def test_L16_an_unknown_credential_of_ours_holds_the_rotation(self, harness: Harness) -> None:
        newer = await restored(harness)
        facts = await harness.facts()
        assert facts.standing.hold == "STATE_OLDER_THAN_ENTRA"
        assert newer.key_id in facts.standing.message
        assert "rotator adopt billing-api" in facts.standing.message
        assert [alarm.code for alarm in facts.standing.alarms] == ["STATE_OLDER_THAN_ENTRA"]

    async def test_L16_while_held_nothing_is_issued_revoked_or_healed(self, harness: Harness) -> None:
        newer = await restored(harness)
        before = harness.ours()
        await harness.run_for(50 * DAY)
        assert harness.ours() == before
        assert harness.places["vault"].text == newer.text

    async def test_L16_adopt_makes_the_key_that_the_destinations_hold_current(self, harness: Harness) -> None:
        newer = await restored(harness)
        asked = await harness.ask("adopt", key_id=newer.key_id)
        await harness.run_for(3 * DAY)
        assert (await harness.answer(asked))[0] == "done"
        facts = await harness.facts()
        assert facts.standing.hold == ""
        assert facts.current is not None
        assert (facts.current.key_id, facts.current.adopted) == (newer.key_id, True)
        assert harness.places["vault"].text == newer.text
        assert harness.ours() == [newer.key_id]

    async def test_L16_adopt_then_rotates_by_the_schedule_and_above_the_tokens_of_before(
        self, harness: Harness
    ) -> None:
        newer = await restored(harness)
        await harness.ask("adopt", key_id=newer.key_id)
        await harness.run_for(35 * DAY)
        marker = harness.places["vault"].marker
        assert marker is not None
        assert marker.token > 51
        assert harness.places["vault"].text != newer.text
        assert harness.engine.troubles == []

    async def test_L16_rotate_leaves_the_hold_and_retires_every_unknown_key(self, harness: Harness) -> None:
        newer = await restored(harness)
        another = await lost(harness)
        asked = await harness.ask("rotate")
        await harness.run_for(HOUR)
        assert (await harness.answer(asked))[0] == "done"
        facts = await harness.facts()
        assert facts.standing.hold == ""
        assert {newer.key_id, another.key_id} <= {c.key_id for c in facts.retiring}
        assert facts.current is not None
        assert harness.places["vault"].text == harness.entra.living(OBJECT)[-1].text
        await harness.run_for(3 * DAY)
        assert newer.removed_at is not None

    async def test_L16_a_request_from_the_restored_database_does_not_leave_the_hold(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        await lost(harness)
        asked = await harness.ask("rotate")
        harness.clock.advance(MINUTE)
        harness.start("node-2")
        await harness.run_for(2 * DAY)
        assert (await harness.facts()).standing.hold
        assert (await harness.answer(asked))[0] == "refused"
        assert harness.entra.count("add_password") == 1

    async def test_L16_leaving_the_hold_closes_the_open_attempt(self, harness: Harness) -> None:
        await harness.define(billing(destinations=(a_place(), a_place("second"))))
        await harness.run_for(HOUR)
        harness.places["second"].broken = {"write": DirectoryUnavailable("write", "down")}
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        open_one = (await harness.facts()).attempt
        await lost(harness)
        harness.start("node-2")
        await harness.store.wake()
        await harness.turn()
        harness.places["second"].up()
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        history = {attempt.id: attempt.outcome for attempt, _ in await harness.store.history("rotation-1")}
        assert open_one is not None
        assert history[open_one.id] == "superseded"
        assert (await harness.facts()).standing.status is RotationStatus.SUCCESS

    async def test_L16_a_revoke_that_is_asked_for_waits_for_the_hold_too(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        await harness.ask("rotate")
        await harness.run_for(HOUR)
        await lost(harness)
        harness.start("node-2")
        asked = await harness.ask("revoke")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "failed"
        assert len(harness.ours()) == 3

    async def test_L16_a_delivery_that_is_asked_for_waits_for_the_hold_too(self, harness: Harness) -> None:
        newer = await restored(harness)
        asked = await harness.ask("deliver")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "refused"
        assert harness.places["vault"].text == newer.text

    async def test_L16_another_installations_credentials_are_foreign(self, harness: Harness) -> None:
        harness.entra.register(an_application())
        theirs = harness.entra.put(OBJECT, "rotator/zzzz7777/other.1-abcd/billing-api")
        await harness.define(billing())
        await harness.run_for(HOUR)
        assert (await harness.facts()).standing.hold == ""
        assert theirs.removed_at is None

    async def test_L16_a_lost_database_holds_every_rotation_that_has_secrets(
        self, harness: Harness, tmp_path: Path
    ) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        (tmp_path / "new").mkdir()
        anew = Harness(tmp_path / "new")
        anew.entra.apps = harness.entra.apps
        await anew.define(billing())
        await anew.run_for(HOUR)
        assert (await anew.facts()).standing.hold
        assert anew.entra.count("add_password") == 0
        anew.store.close()

    async def test_L16_a_failed_comparison_revokes_and_heals_nothing_and_tells_why(self, harness: Harness) -> None:
        await harness.define(billing(overlap=DAY))
        await harness.run_for(31 * DAY)
        harness.start("node-2")
        harness.entra.fail(
            "registration", PermissionDenied("get", "not an owner", hint="Make it an owner"), times=10**6
        )
        asked = await harness.ask("rotate")
        await harness.turn()
        assert (await harness.answer(asked))[0] == "failed"
        await harness.run_for(2 * DAY)
        assert harness.ours() == ["key-1", "key-2"]
        assert "Make it an owner" in (await harness.facts()).standing.message

    async def test_L16_an_open_attempt_issues_nothing_before_the_comparison(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        harness.entra.fail("add_password", unknown())
        await harness.ask("rotate")
        await harness.turn()
        assert harness.entra.count("add_password") == 2
        await lost(harness)
        harness.start("node-2")
        harness.entra.fail("registration", DirectoryUnavailable("get", "down"), times=10**6)
        await harness.run_for(6 * HOUR)
        assert harness.entra.count("add_password") == 2

    async def test_L16_a_hold_found_in_the_middle_of_an_attempt_stops_it_before_the_issue(
        self, harness: Harness
    ) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        truth = harness.entra.longest_lifetime

        async def slow(object_id: str) -> object:
            harness.clock.advance(1)
            await lost(harness)
            return await truth(object_id)

        harness.entra.longest_lifetime = slow  # type: ignore[method-assign,assignment]
        harness.entra.fail("add_password", unknown())
        await harness.ask("rotate")
        await harness.run_for(2 * HOUR)
        # The look after the unknown answer found the stranger: no second issue.
        assert harness.entra.count("add_password") == 2
        assert (await harness.facts()).standing.hold


class TestAdopt:
    """An existing key is recorded without being touched; a later rotation retires it."""

    async def adopted(self, harness: Harness) -> Password:
        harness.entra.register(an_application())
        theirs = harness.entra.put(OBJECT, days=40)
        await harness.define(
            billing(initial=Initial.ADOPT, adopt_key_id=theirs.key_id, destinations=(a_place(adopt=True),))
        )
        harness.places["vault"].overwritten(theirs.text)
        await harness.run_for(HOUR)
        return theirs

    async def test_a_definition_may_begin_with_a_key_that_exists(self, harness: Harness) -> None:
        theirs = await self.adopted(harness)
        current = await harness.current()
        assert (current.key_id, current.adopted, current.has_text) == (theirs.key_id, True, False)
        assert current.expires_at == theirs.expires_at
        assert harness.entra.count("add_password") == 0
        assert harness.places["vault"].text == theirs.text

    async def test_a_later_rotation_retires_and_revokes_it(self, harness: Harness) -> None:
        theirs = await self.adopted(harness)
        await harness.run_for(33 * DAY)
        assert (await harness.current()).key_id != theirs.key_id
        assert theirs.removed_at is None
        assert {c.key_id: c.state for c in (await harness.facts()).credentials}[
            theirs.key_id
        ] is CredentialState.RETIRING
        await harness.run_for(31 * DAY)
        assert theirs.removed_at is not None

    async def test_a_key_that_does_not_exist_is_told_and_nothing_is_issued(self, harness: Harness) -> None:
        await harness.define(billing(initial=Initial.ADOPT, adopt_key_id="no-such-key"))
        await harness.run_for(HOUR)
        standing = (await harness.facts()).standing
        assert (standing.status, harness.ours()) == (RotationStatus.FAILED, [])
        assert "no-such-key" in standing.message

    async def test_adopting_by_request_retires_what_was_current(self, harness: Harness) -> None:
        await harness.define(billing(destinations=()))
        await harness.run_for(HOUR)
        theirs = harness.entra.put(OBJECT)
        asked = await harness.ask("adopt", key_id=theirs.key_id)
        await harness.turn()
        assert (await harness.answer(asked))[0] == "done"
        assert [(c.key_id, c.state.value) for c in (await harness.facts()).credentials] == [
            ("key-1", "retiring"),
            (theirs.key_id, "current"),
        ]
        await harness.run_for(2 * DAY)
        assert harness.ours() == []

    async def test_a_retiring_key_is_kept_while_a_destination_bears_it_and_the_adopted_one_has_no_text(
        self, harness: Harness
    ) -> None:
        await harness.define(billing(destinations=(a_place(),)))
        await harness.run_for(HOUR)
        theirs = harness.entra.put(OBJECT)
        await harness.ask("adopt", key_id=theirs.key_id)
        await harness.run_for(3 * DAY)
        assert harness.ours() == ["key-1"]
        (retiring,) = (await harness.facts()).retiring
        assert "vault still bears it" in retiring.revoke_message

    async def test_adopting_a_key_that_does_not_exist_fails(self, harness: Harness) -> None:
        await harness.define(billing())
        await harness.run_for(HOUR)
        asked = await harness.ask("adopt", key_id="no-such-key")
        await harness.turn()
        result, message = await harness.answer(asked)
        assert (result, "az ad app credential list" in message) == ("failed", True)
