"""Are connections changed and taken out as a person meant it, with no secret shown and no rotation left without one?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rotator.domain.access import Grant, Role
from tests.web.dashboard.person import Person, Seen, signed_in
from tests.web.house import CONNECTIONS, House, configured, open_house


async def form_of(person: Person, connection_id: str) -> dict[str, str]:
    """What the form would send as it is shown."""
    fields = (await person.get(f"/connections/{connection_id}/edit")).all("input")
    sent = {each["name"]: each["value"] for each in fields if each.get("type") != "checkbox"}
    sent |= {each["name"]: each["value"] for each in fields if each.get("type") == "checkbox" and "checked" in each}
    return {name: value for name, value in sent.items() if name != "form"}


async def test_it_is_renamed_and_described_and_goes_on_signing_in(house: House) -> None:
    made = await house.connection()
    async with signed_in(house) as person:
        assert (await person.get("/connections")).all("a", href=f"/connections/{made['id']}/edit")
        form = await form_of(person, made["id"])
        assert form["clientSecret"] == ""
        sent = await person.send(f"/connections/{made['id']}/edit", **{**form, "name": "contoso", "description": "<i>"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/connections")
        assert "It signs in" in Seen((await person.send(f"/connections/{made['id']}/try")).text).text
    now = (await house.get(f"{CONNECTIONS}/{made['id']}"))["appConnection"]
    assert (now["name"], now["description"]) == ("contoso", "<i>")
    assert now["credentialsHash"] == made["credentialsHash"]
    rows = (await house.get("/api/v1/audit", kind="connection.change"))["auditLogs"]
    assert rows[0]["facts"]["changed"] == ["description", "name"]


async def test_saving_it_as_it_is_changes_nothing(house: House) -> None:
    made = await house.connection()
    async with signed_in(house) as person:
        sent = await person.send(f"/connections/{made['id']}/edit", **await form_of(person, made["id"]))
        assert sent.status_code == 303
    assert (await house.get(f"{CONNECTIONS}/{made['id']}"))["appConnection"]["version"] == made["version"]
    assert (await house.get("/api/v1/audit", kind="connection.change"))["auditLogs"] == []


async def test_a_new_secret_is_kept_only_when_it_signs_in_and_is_never_sent_back(house: House) -> None:
    made = await house.connection()
    admin = house.running.simulation.population.admin_secret
    async with signed_in(house) as person:
        form = await form_of(person, made["id"])
        wrong = await person.send(
            f"/connections/{made['id']}/edit", **{**form, "description": "new", "clientSecret": "not-the-secret"}
        )
        page = Seen(wrong.text)
        assert wrong.status_code == 400
        assert "not-the-secret" not in wrong.text
        assert page.all("input", name="description")[0]["value"] == "new"
        assert page.all("p", role="alert")
        right = await person.send(f"/connections/{made['id']}/edit", **{**form, "clientSecret": admin})
        assert right.status_code == 303
        assert admin not in (await person.http.get(f"/connections/{made['id']}/edit")).text


async def test_another_client_id_needs_its_secret_too(house: House) -> None:
    made = await house.connection()
    async with signed_in(house) as person:
        form = await form_of(person, made["id"])
        sent = await person.send(
            f"/connections/{made['id']}/edit", **{**form, "clientId": house.application().client_id}
        )
        assert sent.status_code == 422
        assert [each["name"] for each in Seen(sent.text).all("input") if "aria-invalid" in each] == ["clientSecret"]


async def test_its_own_rotation_is_switched_on_and_off(house: House) -> None:
    made = await house.connection()
    async with signed_in(house) as person:
        form = await form_of(person, made["id"])
        on = await person.send(f"/connections/{made['id']}/edit", **{**form, "auto": "yes", "interval": "45"})
        assert on.status_code == 303
        now = (await house.get(f"{CONNECTIONS}/{made['id']}"))["appConnection"]
        assert (now["isAutoRotationEnabled"], now["rotation"]["rotationInterval"]) == (True, 45)
        form = await form_of(person, made["id"])
        assert (form["auto"], form["interval"]) == ("yes", "45")
        form.pop("auto")
        assert (await person.send(f"/connections/{made['id']}/edit", **form)).status_code == 303
    now = (await house.get(f"{CONNECTIONS}/{made['id']}"))["appConnection"]
    assert now["isAutoRotationEnabled"] is False


async def test_two_people_at_once_lose_nothing_and_the_second_is_told(house: House) -> None:
    made = await house.connection()
    path = f"/connections/{made['id']}/edit"
    async with signed_in(house) as one, signed_in(house) as other:
        first, second = await form_of(one, made["id"]), await form_of(other, made["id"])
        assert (await one.send(path, **{**first, "description": "of the first"})).status_code == 303
        late = await other.send(path, **{**second, "description": "of the second"})
        page = Seen(late.text)
        assert late.status_code == 409
        assert "Somebody else has changed this connection" in page.text
        assert "its description is of the first" in page.text.lower()
        assert page.all("input", name="description")[0]["value"] == "of the second"
        assert (await house.get(f"{CONNECTIONS}/{made['id']}"))["appConnection"]["description"] == "of the first"
        again = {each["name"]: each["value"] for each in page.all("input") if each.get("type") != "checkbox"}
        assert (await other.http.post(path, data=again)).status_code == 303
    assert (await house.get(f"{CONNECTIONS}/{made['id']}"))["appConnection"]["description"] == "of the second"


async def test_one_that_rotations_use_is_not_deleted_and_they_are_listed(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house) as person:
        page = await person.get(f"/connections/{made['connectionId']}/delete")
        assert page.all("a", href=f"/rotations/{made['id']}")
        assert not page.all("button", class_="danger")
        refused = await person.send(f"/connections/{made['connectionId']}/delete", name="fabrikam")
        assert refused.status_code == 400
        assert "is used by billing-api" in refused.text
        form = await form_of(person, made["connectionId"])
        renamed = await person.send(f"/connections/{made['connectionId']}/edit", **{**form, "name": "other"})
        assert renamed.status_code == 400
        assert "is used by billing-api" in renamed.text


async def test_one_that_nothing_uses_is_deleted_once_its_name_is_typed(house: House) -> None:
    made = await house.connection()
    path = f"/connections/{made['id']}/delete"
    async with signed_in(house) as person:
        assert (await person.send(path, name="other")).status_code == 422
        gone = await person.send(path, name="fabrikam")
        assert (gone.status_code, gone.headers["location"]) == (303, "/connections")
        assert "fabrikam" not in (await person.get("/connections")).text
        assert (await person.send(path, name="fabrikam")).status_code == 404
    rows = (await house.get("/api/v1/audit", kind="connection.delete"))["auditLogs"]
    assert len(rows) == 1


async def test_a_connection_that_was_deleted_while_its_form_was_open_says_so(house: House) -> None:
    made = await house.connection()
    async with signed_in(house) as person:
        form = await form_of(person, made["id"])
        await house.ask("DELETE", f"{CONNECTIONS}/{made['id']}")
        for path in ("edit", "delete", "try", "rotate"):
            answer = await person.send(f"/connections/{made['id']}/{path}", **form)
            assert answer.status_code == 404, path
            assert "not found" in answer.text


@pytest.mark.parametrize("part", ["edit", "delete"])
async def test_one_that_a_file_defines_is_changed_there_only(house: House, tmp_path: Path, part: str) -> None:
    (tmp_path / "yaml").mkdir()
    async with open_house(tmp_path / "yaml", house.running, document=configured(house.running)) as opened:
        (connection,) = (await opened.get("/api/v1/app-connections"))["appConnections"]
        async with signed_in(opened) as person:
            page = await person.get("/connections")
            assert "config.yaml" in page.text
            assert not page.all("a", href=f"/connections/{connection['id']}/{part}")
            refused = await person.send(f"/connections/{connection['id']}/{part}", name="contoso")
            assert refused.status_code == 409
            assert "config.yaml" in refused.text


@pytest.mark.parametrize("part", ["edit", "delete"])
async def test_only_admins_of_everything_change_one_of_everybody(house: House, part: str) -> None:
    made = await house.connection()
    for grant, status in (
        (Grant(Role.READER), 403),
        (Grant(Role.ADMIN, "payments"), 403),
        (Grant(Role.READER, "x"), 404),
    ):
        async with signed_in(house, grant) as person:
            await person.get(f"/connections/{made['id']}/{part}", status)
            assert (await person.send(f"/connections/{made['id']}/{part}", name="fabrikam")).status_code == status


async def test_script_in_every_field_is_text(house: House) -> None:
    made = await house.connection()
    said = '"><script>alert(1)</script>'
    fields = ("name", "description", "tenantId", "clientId", "interval", "auto", "version")
    async with signed_in(house) as person:
        form = await form_of(person, made["id"])
        for sent in (dict.fromkeys(fields, said), {**form, **dict.fromkeys(fields[:-1], said)}):
            answer = await person.send(f"/connections/{made['id']}/edit", **sent)
            assert answer.status_code in {409, 422}
            assert "<script>alert" not in answer.text
        answer = await person.send(f"/connections/{made['id']}/delete", name=said)
        assert "<script>alert" not in answer.text
        new = await person.send("/connections/new", **dict.fromkeys(("name", "method", "cloud", *fields), said))
        assert new.status_code == 422
        assert "<script>alert" not in new.text
