"""Is the text of a secret shown to those alone who may read it, on their request, and with a row of the audit?"""

from __future__ import annotations

import io
from uuid import uuid4

from rotator.domain.access import Grant, Role
from tests.web.dashboard.person import Person, Seen, signed_in
from tests.web.house import ROTATIONS, House

READER = Grant(Role.READER, "payments", "prod", "/")


async def text_of(house: House, rotation_id: str) -> str:
    found = (await house.get(f"{ROTATIONS}/{rotation_id}/generated-credentials"))["generatedCredentials"]
    return str(found[0]["clientSecret"])


async def reads(house: House) -> list[dict[str, object]]:
    rows = (await house.get("/api/v1/audit", kind="secret.read"))["auditLogs"]
    return [row["facts"] for row in rows]


async def test_it_is_shown_in_the_answer_to_a_form_alone_and_recorded(house: House) -> None:
    made = await house.rotation()
    text, base = await text_of(house, made["id"]), f"/rotations/{made['id']}"
    async with signed_in(house, READER) as person:
        before = await person.http.get(base)
        asked = Seen(before.text).all("form", action=f"{base}/reveal")
        assert len(asked) == 2
        assert text not in before.text
        shown = await person.send(f"{base}/reveal", name="BILLING_SECRET")
        assert shown.status_code == 200
        assert text in Seen(shown.text).text
        assert shown.headers["cache-control"] == "no-store"
        assert text not in (await person.http.get(base)).text
        assert text not in (await person.http.get(f"{base}/reveal")).text
    where = {"project": "payments", "environment": "prod", "path": "/"}
    assert await reads(house) == [{**where, "name": "BILLING_SECRET", "version": 1}]


async def test_a_page_with_scripts_gets_the_part_alone(house: House) -> None:
    made = await house.rotation()
    async with signed_in(house, READER) as person:
        token = await person.form_token()
        shown = await person.http.post(
            f"/rotations/{made['id']}/reveal",
            data={"form": token, "name": "BILLING_SECRET"},
            headers={"hx-request": "true"},
        )
        assert await text_of(house, made["id"]) in shown.text
        assert "<html" not in shown.text
        assert "delay:60s" in shown.text


async def test_no_log_bears_it(house: House, logged: io.StringIO) -> None:
    made = await house.rotation()
    text = await text_of(house, made["id"])
    async with signed_in(house, READER) as person:
        shown = await person.send(f"/rotations/{made['id']}/reveal", name="BILLING_SECRET")
    assert text in shown.text
    assert "/reveal" in logged.getvalue()
    assert text not in logged.getvalue()


async def refused(person: Person, path: str, **values: str) -> int:
    answer = await person.http.post(path, data=values)
    return answer.status_code


async def test_it_is_shown_to_nobody_else_and_for_no_other_name(house: House) -> None:
    made = await house.rotation()
    other = await house.post(
        ROTATIONS,
        house.rotation_body(
            made["connectionId"],
            name="payroll",
            secretPath="/payroll",
            secretsMapping={"clientId": "PAYROLL_ID", "clientSecret": "PAYROLL_SECRET"},
        ),
    )
    base = f"/rotations/{made['id']}/reveal"
    async with signed_in(house, READER) as person:
        token = await person.form_token()
        assert await refused(person, base, name="BILLING_SECRET") == 403
        assert await refused(person, base, name="BILLING_SECRET", form="0" * 64) == 403
        assert await refused(person, base, name="PAYROLL_SECRET", form=token) == 404
        assert await refused(person, base, form=token) == 404
        assert await refused(person, f"/rotations/{uuid4()}/reveal", name="BILLING_SECRET", form=token) == 404
        crossed = f"/rotations/{other['secretRotation']['id']}/reveal"
        assert await refused(person, crossed, name="BILLING_SECRET", form=token) == 404
        assert (await person.http.get(f"{base}?name=BILLING_SECRET")).text.count("version") == 0
    async with signed_in(house, Grant(Role.READER, "payments", "prod", "/payroll")) as person:
        assert await refused(person, base, name="BILLING_SECRET", form=await person.form_token()) == 404
    assert await reads(house) == []


async def test_only_names_that_are_kept_here_are_offered(house: House) -> None:
    made = await house.rotation(destinations=[{"kind": "embedded", "names": {"clientSecret": "ONLY_THIS"}}])
    async with signed_in(house, READER) as person:
        page = await person.get(f"/rotations/{made['id']}")
        assert [each["value"] for each in page.all("input", name="name")] == ["ONLY_THIS"]
