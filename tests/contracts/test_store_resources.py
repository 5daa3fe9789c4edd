"""Does the database keep connections, projects and mapped secrets of the API as it must?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rotator.domain.changes import Change, SealText, SwitchMapped
from rotator.domain.edits import Add
from rotator.domain.model import Folder, Secret
from rotator.domain.resources import MadeConnection, Project
from rotator.ports import Marker
from tests.builders import KEY, a_credential, a_rotation
from tests.contracts.stores import TTL, Books

MADE = MadeConnection(
    id="connection-1",
    name="fabrikam",
    project="",
    document={"method": "client-secret"},
    secrets={"clientSecret": Secret("first")},
    fingerprint="f1",
)
FOLDER = Folder()


async def test_a_connection_comes_back_with_its_credentials(books: Books) -> None:
    assert await books.store.resources.add_connection(MADE)
    (kept,) = await books.store.resources.connections()
    assert (kept.name, kept.document, kept.secrets, kept.version) == ("fabrikam", MADE.document, MADE.secrets, 1)
    assert kept.created_at == kept.updated_at == books.clock.now()


async def test_a_name_is_taken_once(books: Books) -> None:
    assert await books.store.resources.add_connection(MADE)
    assert not await books.store.resources.add_connection(replace(MADE, id="connection-2"))
    assert len(await books.store.resources.connections()) == 1


async def test_only_the_version_that_was_read_is_changed(books: Books) -> None:
    await books.store.resources.add_connection(MADE)
    (kept,) = await books.store.resources.connections()
    books.clock.advance(60)
    assert await books.store.resources.change_connection(replace(kept, secrets={"clientSecret": Secret("second")}))
    assert not await books.store.resources.change_connection(replace(kept, secrets={"clientSecret": Secret("old")}))
    (changed,) = await books.store.resources.connections()
    assert (changed.version, changed.secrets["clientSecret"].reveal()) == (2, "second")
    assert changed.updated_at == books.clock.now()


async def test_a_connection_that_is_removed_leaves_no_credential(books: Books) -> None:
    await books.store.resources.add_connection(MADE)
    before = await books.store._runner.read(lambda tx: tx.cursor.execute("SELECT count(*) FROM sealed").fetchone()[0])
    await books.store.resources.remove_connection(MADE.id)
    after = await books.store._runner.read(lambda tx: tx.cursor.execute("SELECT count(*) FROM sealed").fetchone()[0])
    assert after == before - 1
    assert await books.store.resources.connections() == []


async def test_definitions_make_projects_and_folders_by_naming_them(books: Books) -> None:
    await books.defined(a_rotation(folder=Folder("payments", "prod", "/team/billing")))
    assert [each.name for each in await books.store.resources.projects()] == ["payments"]
    assert {each.path for each in await books.store.resources.folders()} == {"/", "/team", "/team/billing"}


async def test_a_project_is_made_once_and_stands_beside_those_that_are_named(books: Books) -> None:
    await books.defined(a_rotation(folder=Folder("payments")))
    assert not await books.store.resources.make_project(Project("payments"))
    assert await books.store.resources.make_project(Project("sales", "Sales", environments=("dev", "prod")))
    found = {each.name: each for each in await books.store.resources.projects()}
    assert (found["sales"].environments, found["sales"].title) == (("dev", "prod"), "Sales")
    assert found["payments"].made_at is None


async def test_a_folder_brings_what_it_stands_in(books: Books) -> None:
    await books.store.resources.make_folder(Folder("sales", "dev", "/a/b"))
    await books.store.resources.make_folder(Folder("sales", "dev", "/a/b"))
    (project,) = await books.store.resources.projects()
    assert (project.name, project.environments) == ("sales", ("dev",))


async def test_readers_see_a_mapped_secret_from_its_promotion_on(books: Books) -> None:
    rotation = a_rotation()
    await books.store.define([Add(rotation)])
    claim = await books.claimed()
    marker = Marker(books.store.installation, rotation.id, KEY, claim.lease.token)
    await books.store.stage(FOLDER, rotation.mapping, marker)
    resources = books.store.resources
    assert await resources.shown_secret(FOLDER, "BILLING_CLIENT_SECRET") is None
    changes: list[Change] = [a_credential(), SealText(KEY, Secret("the text")), SwitchMapped(rotation.id, KEY)]
    await books.store.write(claim.lease, changes, ttl=TTL)
    shown = await resources.shown_secret(FOLDER, "BILLING_CLIENT_SECRET")
    assert shown is not None
    assert (shown.text.reveal(), shown.version, shown.rotation_id, shown.key_id) == ("the text", 1, rotation.id, KEY)
    assert [each.name for each in await resources.shown_secrets(FOLDER)] == sorted(rotation.mapping.values())
    assert await resources.shown_secrets(replace(FOLDER, path="/elsewhere")) == []
    await books.store.wake()
    assert books.clock.now() - shown.updated_at < timedelta(seconds=1)
