"""Are connections shown to whom they may be shown, tried for real, and made by a form that keeps secrets to itself?"""

from __future__ import annotations

from rotator.domain.access import Grant, Role
from tests.web.dashboard.person import Seen, signed_in
from tests.web.house import House, configured, open_house


def filled(house: House, **changes: str) -> dict[str, str]:
    body = house.connection_body()
    plain = {"name": "fabrikam", "method": "client-secret", "cloud": "simulated", **body["credentials"]}
    return {**plain, **changes}


async def test_a_connection_made_by_the_form_works_and_is_listed(house: House) -> None:
    async with signed_in(house) as person:
        assert (await person.get("/connections/new")).all("input", name="clientSecret", type="password")
        made = await person.send("/connections/new", **filled(house, description="<i>ours</i>"))
        assert (made.status_code, made.headers["location"]) == (303, "/connections")
        listed = await person.http.get("/connections")
        assert "fabrikam" in listed.text
        assert "&lt;i&gt;ours" in listed.text
        assert filled(house)["clientSecret"] not in listed.text
    rows = (await house.get("/api/v1/audit", kind="connection.create"))["auditLogs"]
    assert len(rows) == 1


async def test_what_is_wrong_is_said_at_its_field_and_the_secret_is_not_sent_back(house: House) -> None:
    async with signed_in(house) as person:
        answer = await person.send("/connections/new", **filled(house, name="Not a slug", tenantId="x"))
        page = Seen(answer.text)
        assert answer.status_code == 422
        assert {each["name"] for each in page.all("input") if "aria-invalid" in each} == {"name", "tenantId"}
        assert page.all("input", name="clientId")[0]["value"] == filled(house)["clientId"]
        assert filled(house)["clientSecret"] not in answer.text
        missing = await person.send("/connections/new", name="x", method="certificate", tenantId="")
        assert missing.status_code == 422


async def test_credentials_that_do_not_sign_in_make_no_connection(house: House) -> None:
    async with signed_in(house) as person:
        answer = await person.send("/connections/new", **filled(house, clientSecret="wrong-secret-text"))
        assert answer.status_code == 400
        assert "AADSTS7000215" in answer.text or "client secret" in answer.text
        assert "wrong-secret-text" not in answer.text
    assert (await house.get("/api/v1/app-connections"))["appConnections"] == []


async def test_a_connection_is_tried_for_real(house: House) -> None:
    made = await house.connection()
    async with signed_in(house) as person:
        tried = await person.send(f"/connections/{made['id']}/try")
        assert "It signs in, and sees applications." in tried.text
        population = house.running.simulation.population
        house.running.simulation.entra.tenant.applications.pop(population.admin.object_id, None)
        assert (await person.send("/connections/nobody/try")).status_code == 404


async def test_only_admins_of_everything_make_connections_and_others_see_what_they_may(house: House) -> None:
    made = await house.connection()
    for grant, seen in ((Grant(Role.READER), True), (Grant(Role.READER, "payments"), False)):
        async with signed_in(house, grant) as person:
            assert ("fabrikam" in (await person.get("/connections")).text) is seen
            await person.get("/connections/new", 403)
            assert (await person.send("/connections/new", **filled(house, name="other"))).status_code == 403
            assert (await person.send(f"/connections/{made['id']}/rotate")).status_code == (403 if seen else 404)


async def test_the_secret_of_a_connection_is_rotated_by_its_button(house: House) -> None:
    document = configured(house.running)
    document["connections"][0] |= {"isAutoRotationEnabled": True, "rotation": {"rotationInterval": 60}}
    state = house.engine.configuration.state.path
    assert state is not None
    (state.parent / "own").mkdir()
    async with open_house(state.parent / "own", house.running, document=document) as own, signed_in(own) as person:
        page = await person.get("/connections")
        (action,) = [each["action"] for each in page.all("form") if each["action"].endswith("/rotate")]
        assert (await person.send(action)).status_code == 303
        rows = (await own.get("/api/v1/audit", kind="connection.rotate"))["auditLogs"]
        assert len(rows) == 1
