"""Does `rotator inventory` find what expires, and does what it writes take over what exists without touching it?"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from rotator.config import load
from tests.cli.workspace import Said, Tenant, Workspace

DAY = timedelta(days=1)


def secret(tenant: Tenant, application: dict[str, str], *, days: int, name: str = "by hand") -> str:
    ends = (datetime.now(UTC) + days * DAY).isoformat(timespec="seconds").replace("+00:00", "Z")
    body = {"passwordCredential": {"displayName": name, "endDateTime": ends}}
    return str(tenant.graph("POST", f"applications/{application['objectId']}/addPassword", body)["keyId"])


def lines(said: Said) -> dict[str, dict[str, Any]]:
    assert said.status == 0, said.err
    return {each["keyId"]: each for each in said.json["credentials"]}


def test_it_tells_what_is_ours_and_what_nobody_rotates(workspace: Workspace, tenant: Tenant) -> None:
    ours, other = tenant.application(displayName="Stock One"), tenant.application(displayName="Stock Two")
    workspace.add("stock-one", ours)
    assert workspace.rotator("run", "--once").status == 0
    [current] = tenant.credentials(ours)
    soon, long = secret(tenant, other, days=10), secret(tenant, other, days=700)
    before = tenant.credentials(other)

    found = lines(workspace.rotator("inventory", "stock", "--json"))

    assert found[current["keyId"]]["rotation"] == "stock-one"
    assert found[current["keyId"]]["findings"] == []
    assert (found[soon]["findings"], found[soon]["rotation"], found[soon]["daysLeft"]) == (["expiring"], None, 9)
    assert found[long]["findings"] == ["long-lived"]
    assert list(found) == [soon, current["keyId"], long], "the first to end comes first"
    assert tenant.credentials(other) == before


def test_only_what_is_asked_for_is_shown(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application(displayName="Filter Me")
    soon, late = secret(tenant, application, days=10), secret(tenant, application, days=100)

    assert list(lines(workspace.rotator("inventory", "filter me", "--expiring", "30d", "--json"))) == [soon]
    assert list(lines(workspace.rotator("inventory", application["clientId"], "--json"))) == [soon, late]
    assert list(lines(workspace.rotator("inventory", "filter", "--finding", "expiring", "--json"))) == [soon]
    rows = list(csv.DictReader(io.StringIO(workspace.rotator("inventory", "filter me", "--csv").out)))
    assert [(row["keyId"], row["findings"]) for row in rows] == [(soon, "expiring"), (late, "")]
    table = workspace.rotator("inventory", "filter me").out
    assert "Filter Me" in table
    assert "2 of" in table


def test_what_the_portal_hides_and_what_nobody_owns_is_found(workspace: Workspace, tenant: Tenant) -> None:
    hidden, lost = tenant.application(displayName="Hidden One"), tenant.application(displayName="Lost One")
    place = f"servicePrincipals(appId='{hidden['clientId']}')"
    key = tenant.graph("POST", f"{place}/addPassword", {"passwordCredential": {"displayName": "of the principal"}})
    orphaned = secret(tenant, lost, days=100)
    tenant.control("POST", "owners", {"application": lost["objectId"], "remove": True})

    found = lines(workspace.rotator("inventory", " one", "--json"))

    assert (found[key["keyId"]]["heldBy"], found[orphaned]["heldBy"]) == ("service-principal", "application")
    assert "hidden" in found[key["keyId"]]["findings"]
    assert found[orphaned]["findings"] == ["no-owner"]


def test_a_secret_with_our_name_that_no_ledger_holds_is_an_orphan(workspace: Workspace, tenant: Tenant) -> None:
    workspace.document["state"]["installation"] = "stocked"
    assert workspace.rotator("run", "--once").status == 0
    application = tenant.application(displayName="Orphanage")
    key = secret(tenant, application, days=100, name="rotator/stocked/abc.1-wxyz/gone")
    foreign = secret(tenant, application, days=100, name="rotator/elsewhere/abc.1-wxyz/gone")

    found = lines(workspace.rotator("inventory", "orphanage", "--json"))

    assert (found[key]["findings"], found[foreign]["findings"]) == (["orphan"], [])


def test_what_a_retired_rotation_left_is_nobodys_and_no_orphan(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application(displayName="Left Behind")
    workspace.add("left", application)
    assert workspace.rotator("run", "--once").status == 0
    [key] = [each["keyId"] for each in tenant.credentials(application)]
    workspace.document["rotations"].clear()
    assert workspace.rotator("run", "--once").status == 0

    found = lines(workspace.rotator("inventory", "left behind", "--unmanaged", "--json"))

    assert (found[key]["rotation"], found[key]["findings"]) == (None, [])


def test_a_connection_that_cannot_sign_in_is_told_and_the_status_is_1(workspace: Workspace) -> None:
    said = workspace.rotator("inventory", ROTATOR_TEST_SECRET="wrong")

    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "contoso: " in said.err


def test_what_it_writes_adopts_the_secret_that_ends_last_and_touches_nothing(
    workspace: Workspace, tenant: Tenant
) -> None:
    application = tenant.application(displayName='Écrit "à la main": №1')
    secret(tenant, application, days=10)
    late = secret(tenant, application, days=100)
    file = workspace.folder / "adopted.yaml"

    said = workspace.rotator("inventory", application["objectId"], "--write-config", str(file))
    assert said.status == 0, said.err
    workspace.document["include"] = [str(file)]
    workspace.write()
    before = tenant.credentials(application)
    assert workspace.rotator("run", "--once").status == 0

    [rotation] = load(workspace.config, check_references=False).rotations
    assert (rotation.name, rotation.auto, rotation.application.name) == (
        "crit-la-main-1",
        False,
        'Écrit "à la main": №1',
    )
    [shown] = workspace.rotator("status", rotation.name, "--json").json["secretRotations"]
    assert [each["keyId"] for each in shown["credentials"]] == [late]
    assert tenant.credentials(application) == before
    again = workspace.rotator("inventory", application["objectId"], "--write-config", str(file))
    assert (again.status, "exists already" in again.err) == (2, True)
    nothing = workspace.rotator("inventory", application["objectId"], "--write-config", str(file) + "2")
    assert "nothing to write" in nothing.out


def test_a_person_is_asked_about_each_one(workspace: Workspace, tenant: Tenant) -> None:
    first, second, third = (tenant.application(displayName=f"Walk {n}") for n in (1, 2, 3))
    for n, application in enumerate((first, second, third), 1):
        secret(tenant, application, days=10 * n)
    early = secret(tenant, first, days=9)
    file = workspace.folder / "adopted.yaml"

    with mock.patch("sys.stdin", io.StringIO("7\n2\nNo name\nwalker\ns\nq\n")):
        said = workspace.rotator("inventory", "walk ", "--adopt", "--write-config", str(file))

    assert said.status == 0, said.err
    text = file.read_text()
    assert f"  - name: walker\n    connection: contoso\n    parameters: {{objectId: {first['objectId']}" in text
    assert f"initial: {{adopt: {early}}}" in text
    assert "Left alone" in text
    assert text.count("- name:") == 1


def test_usage_that_graph_does_not_tell_is_a_problem_and_the_rest_is_listed(
    workspace: Workspace, tenant: Tenant
) -> None:
    application = tenant.application(displayName="Unasked")
    key = secret(tenant, application, days=10)

    said = workspace.rotator("inventory", "unasked", "--usage", "--json")

    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "AuditLog.Read.All" in said.err
    assert [each["keyId"] for each in said.json["credentials"]] == [key]


def test_usage_shows_when_each_was_last_used(workspace: Workspace, tenant: Tenant) -> None:
    tenant.control("POST", "clients", {"clientId": tenant.place["adminClientId"], "grant": ["AuditLog.Read.All"]})
    application = tenant.application(displayName="Used Now")
    workspace.add("asked", application)
    assert workspace.rotator("run", "--once").status == 0

    said = workspace.rotator("inventory", "used now", "--usage", "--unused-after", "1d", "--json")
    table = workspace.rotator("inventory", "used now", "--usage")

    [found] = said.json["credentials"]
    assert (said.status, found["findings"]) == (0, [])
    assert datetime.now(UTC) - datetime.fromisoformat(found["lastUsedAt"]) < timedelta(minutes=5)
    assert "last used" in table.out


def test_options_of_usage_that_cannot_be_are_refused_in_one_line(workspace: Workspace) -> None:
    for options, why in (
        (("--finding", "unused"), "--finding unused needs --usage"),
        (("--usage", "--unused-after", "soon"), "--unused-after 'soon' is not a span"),
    ):
        said = workspace.rotator("inventory", *options)
        assert (said.status, why in said.err) == (2, True)
