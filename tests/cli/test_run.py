"""Does `rotator run` do what is due, and end as it says when it cannot?"""

from __future__ import annotations

import sqlite3

from tests.cli.workspace import Daemon, Tenant, Workspace


def test_once_does_all_that_is_due_and_then_ends(workspace: Workspace, tenant: Tenant) -> None:
    applications = {name: tenant.application(displayName=name) for name in ("billing", "orders")}
    for name, application in applications.items():
        workspace.add(name, application)

    said = workspace.rotator("run", "--once")

    assert said.status == 0, said.err
    for name, application in applications.items():
        [held] = tenant.credentials(application)
        assert held["signsIn"]
        assert held["displayName"].endswith(f"/{name}")
        assert workspace.delivered(name)


def test_once_again_rotates_nothing(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application()
    workspace.add("billing", application)
    workspace.rotator("run", "--once")
    before = tenant.credentials(application)

    assert workspace.rotator("run", "--once").status == 0
    assert tenant.credentials(application) == before


def test_once_rotates_what_is_named_besides(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application()
    workspace.add("billing", application)
    workspace.rotator("run", "--once")

    assert workspace.rotator("run", "--once", "--rotate", "billing").status == 0
    assert len(tenant.credentials(application)) == 2


def test_once_ends_with_status_1_and_a_hint_when_a_rotation_stands_failed(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("billing", tenant.application(displayName="Billing", owned=False))

    said = workspace.rotator("run", "--once")

    assert said.status == 1
    assert "rotator: billing stands failed" in said.err
    assert "an owner of 'Billing'" in said.err
    assert "Traceback" not in said.err


def test_a_second_daemon_on_one_database_is_refused_with_status_75(workspace: Workspace, daemon: Daemon) -> None:
    said = workspace.rotator("run")

    assert said.status == 75
    assert f"(process {daemon.process.pid}) is at work on {workspace.database}" in said.err
    assert said.err.count("\n") == 1


def test_every_mistake_is_a_line_with_its_place_and_status_78(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("billing", tenant.application(), rotationInterval=1.5)
    workspace.add("orders", tenant.application(), connection="nowhere")
    workspace.document["dashbord"] = {}

    said = workspace.rotator("run", "--once")

    assert said.status == 78
    lines = said.err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith(f"{workspace.config}:") for line in lines[:3])
    assert lines[3] == "rotator: the configuration cannot be used: 3 mistakes. Nothing was changed"
    assert not workspace.database.exists()


def test_a_missing_secret_is_named_with_status_78(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("billing", tenant.application())
    said = workspace.rotator("run", "--once", ROTATOR_TEST_SECRET="")

    assert said.status == 78
    assert "variable ROTATOR_TEST_SECRET is empty" in said.err


def test_a_missing_configuration_is_one_line_with_status_78(workspace: Workspace) -> None:
    said = workspace.rotator("--config", "/nowhere/config.yaml", "run")

    assert said.status == 78
    assert said.err.startswith("/nowhere/config.yaml:1:1: cannot be read")


def test_a_database_of_a_newer_version_is_left_alone_with_status_78(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("billing", tenant.application())
    workspace.rotator("run", "--once")
    with sqlite3.connect(workspace.database) as books:
        books.execute("UPDATE alembic_version SET version_num = '9999'")
    books.close()

    said = workspace.rotator("run", "--once")

    assert said.status == 78
    assert "schema 9999" in said.err
    assert "Traceback" not in said.err


def test_a_database_whose_key_is_lost_is_left_alone_with_status_78(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application()
    workspace.add("billing", application)
    workspace.rotator("run", "--once")
    (workspace.folder / "state.db.key").unlink()

    said = workspace.rotator("run", "--once", "--rotate", "billing")

    assert said.status == 78
    assert len(tenant.credentials(application)) == 1
    assert not (workspace.folder / "state.db.key").exists()


def test_a_database_that_cannot_be_made_is_temporary(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("billing", tenant.application())
    workspace.document["state"]["url"] = f"sqlite:///{workspace.folder}/nowhere/state.db"

    said = workspace.rotator("run", "--once")

    assert said.status == 75
    assert said.err.startswith("rotator: ")


def test_an_unknown_rotation_is_wrong_use(workspace: Workspace, tenant: Tenant) -> None:
    workspace.add("billing", tenant.application())
    assert workspace.rotator("run", "--once", "--rotate", "biling").status == 2


def test_no_secret_shows_at_the_most_verbose_level(workspace: Workspace, tenant: Tenant) -> None:
    application = tenant.application()
    workspace.add("billing", application)

    said = workspace.rotator("--log-level", "debug", "run", "--once")

    secret = workspace.delivered("billing")
    assert secret not in said.out + said.err
    assert tenant.place["adminClientSecret"] not in said.out + said.err
    assert secret.encode() not in workspace.database.read_bytes()
