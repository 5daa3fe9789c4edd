"""What do changed definitions do to the books? (rotation.md section 7)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count

from rotator.domain.definition import Defined, definition_hash
from rotator.domain.edits import Add, Change, Edit, Inherit, Retire, edits, sharing
from rotator.domain.model import Application, DestinationRule, Rotation, Switches
from rotator.domain.schedule import Schedule
from tests.builders import CLIENT, MAPPING, OBJECT, TENANT, a_file_destination, a_rotation, an_application
from tests.fakes import START

NOW = START + timedelta(days=5)
OTHER = "99999999-9999-4999-8999-999999999999"


def known(rotation: Rotation, **switches: object) -> Defined:
    return Defined(rotation, replace(Switches(START), **switches), definition_hash(rotation))  # type: ignore[arg-type]


def found(books: Sequence[Defined], *wanted: Rotation) -> list[Edit]:
    made, problems = compared(books, *wanted)
    assert problems == []
    return made


def compared(books: Sequence[Defined], *wanted: Rotation) -> tuple[list[Edit], list[str]]:
    numbers = count(100)
    return edits(books, [replace(each, id="") for each in wanted], NOW, lambda: f"new-{next(numbers)}")


def test_l9_a_restart_with_the_same_definitions_makes_no_edits() -> None:
    billing, payroll = a_rotation(), a_rotation(id="rotation-2", name="payroll", application=elsewhere())

    assert found([known(billing), known(payroll)], payroll, billing) == []


def test_l9_ids_that_were_looked_up_since_make_no_edit() -> None:
    written = a_rotation(application=Application(TENANT, client_id=CLIENT))
    looked_up = replace(written, application=an_application())
    books = Defined(looked_up, Switches(START), definition_hash(written))

    assert found([books], written) == []


def test_a_new_definition_is_added_under_a_new_id() -> None:
    assert found([], a_rotation()) == [Add(a_rotation(id="new-100"))]


def test_a_changed_description_moves_no_due_time() -> None:
    new = a_rotation(description="Invoices")

    assert found([known(a_rotation())], new) == [Change(new, changed_at=None)]


def test_a_changed_schedule_is_dated_so_that_the_past_waits_for_the_next_slot() -> None:
    new = a_rotation(schedule=Schedule(7, 2, 30))

    assert found([known(a_rotation())], new) == [Change(new, changed_at=NOW)]


def test_turning_automatic_rotation_on_is_dated_and_turning_it_off_is_not() -> None:
    on, off = a_rotation(auto=True), a_rotation(auto=False)

    assert found([known(off)], on) == [Change(on, changed_at=NOW)]
    assert found([known(on)], off) == [Change(off, changed_at=None)]


def test_a_changed_mapping_is_a_change_of_the_same_rotation() -> None:
    new = a_rotation(mapping={**MAPPING, "clientSecret": "OTHER"})

    assert found([known(a_rotation())], new) == [Change(new, changed_at=None)]


def test_a_rotation_without_a_definition_is_retired() -> None:
    assert found([known(a_rotation())]) == [Retire("rotation-1", NOW)]


def test_a_rotation_is_retired_only_once() -> None:
    assert found([known(a_rotation(), retired_at=START)]) == []


def test_one_that_comes_back_is_restored_under_its_old_id() -> None:
    assert found([known(a_rotation(), retired_at=START)], a_rotation()) == [Change(a_rotation(), changed_at=NOW)]


def test_a_new_name_inherits_the_ledger_of_a_retired_rotation() -> None:
    new = a_rotation(name="billing")

    assert found([known(a_rotation(), retired_at=START)], new) == [Inherit(new, "rotation-1")]


def test_a_new_name_in_the_same_edit_inherits_and_retires_nothing() -> None:
    new = a_rotation(name="billing")

    assert found([known(a_rotation())], new) == [Inherit(new, "rotation-1")]


def test_a_new_name_on_other_places_inherits_nothing() -> None:
    new = a_rotation(name="billing", destinations=(a_file_destination(),), mapping={})

    assert found([known(a_rotation())], new) == [
        Retire("rotation-1", NOW),
        Add(replace(new, id="new-100")),
    ]


def test_a_new_name_on_another_application_inherits_nothing() -> None:
    new = a_rotation(name="billing", application=elsewhere())

    assert found([known(a_rotation())], new) == [Retire("rotation-1", NOW), Add(replace(new, id="new-100"))]


def test_a_retired_rotation_is_inherited_once() -> None:
    one, two = a_rotation(name="one"), a_rotation(name="two")

    assert found([known(a_rotation(), retired_at=START)], one, two) == [
        Inherit(one, "rotation-1"),
        Add(replace(two, id="new-100")),
    ]


def test_the_embedded_store_is_one_place_for_each_name_in_a_folder() -> None:
    embedded = (DestinationRule("embedded", "embedded"),)
    old = a_rotation(destinations=embedded, mapping={"clientSecret": "A"})
    new = a_rotation(name="billing", destinations=embedded, mapping={"clientSecret": "B"})

    assert [type(edit) for edit in found([known(old)], new)] == [Retire, Add]


def test_a_rotation_in_use_is_never_inherited_from() -> None:
    second = a_rotation(name="second")

    assert found([known(a_rotation())], a_rotation(), second) == [Add(replace(second, id="new-100"))]


def test_a_changed_application_is_a_problem() -> None:
    made, problems = compared(
        [known(a_rotation())], a_rotation(application=elsewhere(), defined_at="conf.d/billing.yaml:3:5")
    )

    assert made == []
    assert problems == [
        (
            f"conf.d/billing.yaml:3:5: billing-api: its application was {OBJECT} in tenant {TENANT}"
            f" and is now {OTHER} in tenant {TENANT} (replaces: billing-api, if that is meant)"
        )
    ]


def test_a_changed_tenant_is_a_problem() -> None:
    moved = a_rotation(application=an_application(tenant_id=OTHER))

    _, problems = compared([known(a_rotation())], moved)

    assert len(problems) == 1
    assert f"tenant {OTHER}" in problems[0]


def test_a_changed_application_replaces_itself_when_it_says_so() -> None:
    new = a_rotation(application=elsewhere(), replaces="billing-api")
    added = replace(new, id="new-100")

    assert found([known(a_rotation())], new) == [Retire("rotation-1", NOW), Add(added)]
    assert found([known(a_rotation(), retired_at=NOW), known(added)], new) == []


def test_what_is_replaced_may_not_be_defined_still() -> None:
    new = a_rotation(name="billing", application=elsewhere(), replaces="billing-api")

    _, problems = compared([known(a_rotation())], a_rotation(), new)

    assert problems == ["billing: replaces billing-api, which is defined still (take that one out)"]


def test_a_replaced_rotation_retires() -> None:
    new = a_rotation(name="billing", application=elsewhere(), replaces="billing-api")

    assert found([known(a_rotation())], new) == [Retire("rotation-1", NOW), Add(replace(new, id="new-100"))]


def test_a_definition_by_client_id_meets_one_by_object_id_once_both_are_known() -> None:
    by_object = a_rotation(application=Application(TENANT, object_id=OBJECT))
    by_client = a_rotation(application=Application(TENANT, client_id=CLIENT))
    books = Defined(a_rotation(), Switches(START), definition_hash(by_object))

    assert found([books], by_client) == [Change(by_client, changed_at=None)]


def test_ids_are_compared_without_regard_to_case() -> None:
    shouted = a_rotation(application=an_application(object_id="ABCDEF00-0000-4000-8000-000000000000"))
    spoken = a_rotation(application=an_application(object_id="abcdef00-0000-4000-8000-000000000000"))

    assert found([known(shouted)], spoken) == [Change(spoken, changed_at=None)]


def test_a_connection_that_signs_in_as_another_application_begins_anew() -> None:
    own = a_rotation(name="connection-contoso", own_connection="contoso", destinations=(), mapping={})
    moved = replace(own, application=elsewhere())

    assert found([known(own)], moved) == [Retire("rotation-1", NOW), Add(replace(moved, id="new-100"))]


def test_two_rotations_on_one_application_are_told() -> None:
    by_client = Application(TENANT, client_id=CLIENT.upper())
    second = a_rotation(name="second", application=by_client, defined_at="config.yaml:9:5")

    assert sharing([a_rotation(), second, a_rotation(name="third", application=elsewhere())]) == [
        "config.yaml:9:5: second: the same application as billing-api (one rotation an application is simpler)"
    ]


def elsewhere() -> Application:
    return an_application(object_id=OTHER, client_id="88888888-8888-4888-8888-888888888888")


def test_what_the_api_made_stays_when_the_configuration_does_not_name_it() -> None:
    assert found([known(a_rotation(api_made=True))]) == []


def test_what_the_api_made_is_not_taken_for_a_rotation_that_was_renamed() -> None:
    made = found([known(a_rotation(api_made=True))], a_rotation(name="another"))
    assert made == [Add(a_rotation(id="new-100", name="another"))]


def test_the_configuration_takes_over_what_the_api_made_under_the_same_name() -> None:
    (change,) = found([known(a_rotation(api_made=True))], a_rotation())
    assert isinstance(change, Change)
    assert change.rotation == a_rotation()
