"""Is a rotation changed and deleted as a person meant it, and never over what somebody else has changed meanwhile?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from rotator.domain.access import Grant, Role
from tests.web.dashboard.person import Person, Seen, signed_in
from tests.web.house import RAW, ROTATIONS, House, configured, open_house

HERE = {"workspaceId": "payments", "environment": "prod"}


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Return once it is so."""
    for _ in range(400):
        if await is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it is not so after 8 s")


async def _reads(house: House, name: str) -> bool:
    return (await house.ask("GET", f"{RAW}/{name}", params=HERE)).status_code == 200


async def form_of(person: Person, rotation_id: str, **changes: str) -> dict[str, str]:
    """What the review's form would send once these things had been said."""
    begun = {each["name"]: each["value"] for each in (await person.get(f"/rotations/{rotation_id}/edit")).all("input")}
    page = await person.get(f"/rotations/{rotation_id}/edit?{urlencode({'seen': begun['seen'], **changes, 'step': 6})}")
    return {each["name"]: each["value"] for each in page.all("input", type="hidden") if each["name"] != "form"}


async def review(person: Person, rotation_id: str, **changes: str) -> Seen:
    return await person.get(f"/rotations/{rotation_id}/edit?{urlencode({**changes, 'step': 6})}")


async def now_of(house: House, rotation_id: str) -> Any:
    return (await house.get(f"{ROTATIONS}/{rotation_id}"))["secretRotation"]


async def test_the_steps_are_filled_with_how_it_is(house: House) -> None:
    made = await house.rotation(rotateAt={"hours": 2, "minutes": 30, "timeZone": "Europe/Oslo"}, rotateAtUtc=None)
    async with signed_in(house) as person:
        base = f"/rotations/{made['id']}"
        assert (await person.get(base)).all("a", href=f"{base}/edit")
        schedule = await person.get(f"{base}/edit")
        held = {each["name"]: each["value"] for each in schedule.all("input") if "name" in each}
        assert (held["interval"], held["time"], held["zone"]) == ("30", "02:30", "Europe/Oslo")
        assert "fabrikam" in (await person.get(f"{base}/edit?step=1")).text
        picked = (await person.get(f"{base}/edit?step=3")).all("input", name="app")
        assert [each["value"][:36] for each in picked if "checked" in each] == [house.application().object_id]
        names = await person.get(f"{base}/edit?step=4")
        assert names.all("input", name="idName")[0]["value"] == "BILLING_ID"
        assert not names.all("input", name="project", type="text")
        assert (await person.get(f"{base}/edit?step=5")).all("input", name="name")[0]["value"] == "billing-api"
        assert "Nothing would change." in (await person.get(f"{base}/edit?step=6")).text


async def test_the_review_says_what_changes_and_what_that_means_before_anything_does(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house) as person:
        page = await review(person, made["id"], interval="60", idName="OTHER_ID", overlap="24h")
        for said in (
            "every 30 days at 02:30 UTC",
            "every 60 days at 02:30 UTC",
            "Next by itself:",
            "The names move at once",
            "OTHER_ID, BILLING_SECRET",
            "for 24 hours",
        ):
            assert said in page.text, said
        assert "the names are free" in page.text
        stopped = await review(person, made["id"], auto="no")
        assert "only when somebody asks" in stopped.text
    assert (await now_of(house, made["id"]))["rotationInterval"] == 30


async def test_what_was_reviewed_is_saved_and_nothing_else(house: House) -> None:
    made = await house.rotation(lifetime="200d", labels={"team": "billing"})
    before = await house.ask("GET", f"{RAW}/BILLING_SECRET", params=HERE)
    async with signed_in(house, Grant(Role.ADMIN, "payments")) as person:
        said = await form_of(person, made["id"], interval="60", secretName="NEW_SECRET", description="")
        saved = await person.send(f"/rotations/{made['id']}/edit", **said)
        assert (saved.status_code, saved.headers["location"]) == (303, f"/rotations/{made['id']}")
    now = await now_of(house, made["id"])
    assert (now["rotationInterval"], now["description"]) == (60, None)
    assert (now["lifetime"], now["labels"]) == ("200d", {"team": "billing"})
    await until(lambda: _reads(house, "NEW_SECRET"))
    moved = await house.ask("GET", f"{RAW}/NEW_SECRET", params=HERE)
    assert moved.json()["secret"]["secretValue"] == before.json()["secret"]["secretValue"]
    rows = (await house.get("/api/v1/audit", kind="rotation.change"))["auditLogs"]
    assert rows[0]["facts"]["changed"] == ["description", "rotateAt", "rotationInterval", "secretsMapping"]


async def test_another_application_is_refused_with_what_to_do_instead(house: House) -> None:
    made = await house.rotation()
    other = house.application(1)
    app = f"{other.object_id} {other.client_id} {other.display_name}"
    async with signed_in(house) as person:
        page = await review(person, made["id"], app=app)
        assert "Delete this rotation, and make one for the other application" in page.text
        assert not page.all("button", class_="primary")
        sent = await person.send(f"/rotations/{made['id']}/edit", **await form_of(person, made["id"], app=app))
        assert sent.status_code == 409
    assert (await now_of(house, made["id"]))["parameters"]["objectId"] == house.application().object_id


async def test_a_name_that_another_rotation_has_is_refused_and_nothing_is_lost(house: House) -> None:
    made = await house.rotation()
    names = {"clientId": "OTHER_ID", "clientSecret": "OTHER_SECRET"}
    await house.post(ROTATIONS, house.rotation_body(made["connectionId"], name="other", secretsMapping=names))
    async with signed_in(house) as person:
        form = await form_of(person, made["id"], name="other", idName="OTHER_ID", interval="60")
        refused = await person.send(f"/rotations/{made['id']}/edit", **form)
        page = Seen(refused.text)
        assert refused.status_code == 400
        assert "There is a rotation named other already" in page.text
        assert page.all("input", name="interval")[0]["value"] == "60"
        taken = await review(person, made["id"], idName="OTHER_ID")
        assert "is in use in payments/prod/ by other" in taken.text
        assert not taken.all("button", class_="primary")


async def test_the_same_application_by_another_name_is_no_change(house: House) -> None:
    made = await house.rotation()
    app = house.application()
    async with signed_in(house) as person:
        page = await review(person, made["id"], app=f"{app.object_id} {app.client_id} Some other name")
        assert "Nothing would change." in page.text


async def test_two_people_at_once_lose_nothing_and_the_second_sees_what_the_first_did(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house) as one, signed_in(house) as other:
        first = await form_of(one, made["id"], interval="60")
        second = await form_of(other, made["id"], description="For bills and dunning")
        assert (await one.send(f"/rotations/{made['id']}/edit", **first)).status_code == 303
        late = await other.send(f"/rotations/{made['id']}/edit", **second)
        page = Seen(late.text)
        assert late.status_code == 409
        assert "Somebody else has changed this rotation" in page.text
        for said in ("For bills and dunning", "every 60 days at 02:30 UTC", "every 30 days at 02:30 UTC"):
            assert said in page.text
        now = await now_of(house, made["id"])
        assert (now["rotationInterval"], now["description"]) == (60, "For bills")
        # He takes the interval of the other, and saves his own.
        again = {each["name"]: each["value"] for each in page.all("input", type="hidden") if each["name"] != "form"}
        saved = await other.send(f"/rotations/{made['id']}/edit", **{**again, "interval": "60"})
        assert saved.status_code == 303
    now = await now_of(house, made["id"])
    assert (now["rotationInterval"], now["description"]) == (60, "For bills and dunning")


async def test_both_saving_in_the_same_moment_only_one_does(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house) as one, signed_in(house) as other:
        forms = [await form_of(one, made["id"], interval="60"), await form_of(other, made["id"], interval="90")]
        sent = await asyncio.gather(
            *(who.send(f"/rotations/{made['id']}/edit", **form) for who, form in zip((one, other), forms, strict=True))
        )
        assert sorted(each.status_code for each in sent) == [303, 409]


@pytest.mark.parametrize("part", ["edit", "delete"])
async def test_what_a_file_defines_is_shown_with_where_and_cannot_be_changed(
    house: House, tmp_path: Path, part: str
) -> None:
    (tmp_path / "yaml").mkdir()
    async with open_house(tmp_path / "yaml", house.running, document=configured(house.running)) as opened:
        (facts,) = await opened.engine.store.facts()
        base = f"/rotations/{facts.rotation.id}"
        async with signed_in(opened) as person:
            page = await person.get(base)
            assert "config.yaml" in page.text
            assert not page.all("a", href=f"{base}/{part}")
            refused = await person.get(f"{base}/{part}", 409)
            assert "config.yaml" in refused.text
            assert (await person.send(f"{base}/{part}", name="payroll")).status_code == 409


@pytest.mark.parametrize("part", ["edit", "delete"])
async def test_who_is_no_admin_there_changes_and_deletes_nothing(house: House, part: str) -> None:
    made = await house.rotation()
    base = f"/rotations/{made['id']}"
    for grant, status in ((Grant(Role.OPERATOR, "payments"), 403), (Grant(Role.ADMIN, "other"), 404)):
        async with signed_in(house, grant) as person:
            await person.get(f"{base}/{part}", status)
            assert (await person.send(f"{base}/{part}", name="billing-api")).status_code == status
    assert (await now_of(house, made["id"]))["name"] == "billing-api"


async def test_a_rotation_that_was_deleted_while_its_form_was_open_says_so(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house) as person:
        form = await form_of(person, made["id"], interval="60")
        assert (await house.ask("DELETE", f"{ROTATIONS}/{made['id']}")).status_code == 200
        answer = await person.send(f"/rotations/{made['id']}/edit", **form)
        assert answer.status_code == 404
        assert "has been forgotten" in answer.text
        assert (await person.send(f"/rotations/{made['id']}/delete", name="billing-api")).status_code == 404
        assert (await person.send(f"/rotations/{made['id']}/rotate")).status_code == 404


async def test_deleting_asks_for_the_name_and_leaves_the_secret_alive_unless_told(house: House) -> None:
    made = await house.rotation()
    base = f"/rotations/{made['id']}"
    async with signed_in(house) as person:
        page = await person.get(f"{base}/delete")
        assert {each["value"] for each in page.all("input", type="radio") if "checked" in each} == {"keep"}
        wrong = await person.send(f"{base}/delete", name="billing", secrets="remove")
        assert wrong.status_code == 422
        assert [each["value"] for each in Seen(wrong.text).all("input", type="radio") if "checked" in each] == [
            "remove",
            "keep",
        ]
        gone = await person.send(f"{base}/delete", name="billing-api", secrets="keep", credentials="keep")
        assert (gone.status_code, gone.headers["location"]) == (303, "/")
        await person.get(base, 404)
    assert len(house.living()) == 1
    kept = await house.ask("GET", f"{RAW}/BILLING_SECRET", params=HERE)
    assert kept.status_code == 200
    rows = (await house.get("/api/v1/audit", kind="rotation.delete"))["auditLogs"]
    assert rows[0]["actor"].startswith("person-")


async def test_deleting_takes_away_and_revokes_what_it_is_told_to(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house) as person:
        choice = {"name": "billing-api", "secrets": "remove", "credentials": "revoke"}
        gone = await person.send(f"/rotations/{made['id']}/delete", **choice)
        assert gone.status_code == 303
    assert house.living() == []
    gone = await house.ask("GET", f"{RAW}/BILLING_SECRET", params=HERE)
    assert gone.status_code == 404


async def test_a_deletion_that_entra_refuses_is_told_on_the_page_and_can_be_asked_for_again(house: House) -> None:
    made = await house.rotation()
    base, choice = f"/rotations/{made['id']}", {"name": "billing-api", "credentials": "revoke"}
    house.running.simulation.entra.faults.add(match="removePassword", status=403, times=1)
    async with signed_in(house) as person:
        refused = await person.send(f"{base}/delete", **choice)
        assert refused.headers["location"].startswith(f"{base}?asked=")
        page = await person.get(refused.headers["location"])
        assert "not revoked" in page.text
        assert page.all("a", href=f"{base}/delete")
        assert not page.all("a", href=f"{base}/edit")
        await person.get(f"{base}/edit", 409)
        again = await person.send(f"{base}/delete", **choice)
        assert again.headers["location"] == "/"
    assert house.living() == []


async def test_script_in_every_field_of_the_form_is_text(house: House) -> None:
    made = await house.rotation()
    said = '"><script>alert(1)</script>'
    fields = (
        "interval",
        "time",
        "zone",
        "overlap",
        "auto",
        "app",
        "idName",
        "secretName",
        "name",
        "description",
        "seen",
    )
    async with signed_in(house) as person:
        for step in range(1, 7):
            query = urlencode({**dict.fromkeys(fields, said), "step": step, "q": said})
            for path in (f"/rotations/{made['id']}/edit", "/rotations/new"):
                answer = await person.http.get(f"{path}?{query}")
                assert "<script>alert" not in answer.text
        for path in (f"/rotations/{made['id']}/edit", f"/rotations/{made['id']}/delete", "/rotations/new"):
            answer = await person.send(path, **dict.fromkeys(fields, said))
            assert answer.status_code == 422
            assert "<script>alert" not in answer.text
