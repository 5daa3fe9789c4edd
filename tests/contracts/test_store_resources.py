"""Does the database keep connections, projects and mapped secrets of the API as it must?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

from rotator.domain.changes import Change, SealText, SwitchMapped
from rotator.domain.edits import Add
from rotator.domain.model import Folder, Secret
from rotator.domain.resources import REFRESH_TOKEN, MadeConnection, Project, RefreshTurn
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
    change = partial(books.store.resources.change_connection, with_secrets=True)
    assert await change(replace(kept, secrets={"clientSecret": Secret("second")}))
    assert not await change(replace(kept, secrets={"clientSecret": Secret("old")}))
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


async def test_a_refresh_token_is_used_by_one_at_a_time(books: Books) -> None:
    await books.store.resources.add_connection(replace(MADE, secrets={REFRESH_TOKEN: Secret("one")}))
    take, end = books.store.resources.take_refresh_turn, books.store.resources.end_refresh_turn
    turn = await take("fabrikam", "a", TTL)
    assert turn == RefreshTurn(Secret("one"))
    assert await take("fabrikam", "b", TTL) is None
    assert await end("fabrikam", "a", turn=turn, new=RefreshTurn(Secret("two")))
    assert await take("fabrikam", "b", TTL) == RefreshTurn(Secret("two"))


async def test_of_many_who_want_the_first_turn_at_once_one_gets_it(books: Books) -> None:
    take = books.store.resources.take_refresh_turn
    turns = await asyncio.gather(*(take("contoso", f"holder-{n}", TTL) for n in range(20)))
    assert sum(turn is not None for turn in turns) == 1


async def test_a_turn_that_its_holder_never_ended_ends_by_itself(books: Books) -> None:
    await books.store.resources.add_connection(replace(MADE, secrets={REFRESH_TOKEN: Secret("one")}))
    take, end = books.store.resources.take_refresh_turn, books.store.resources.end_refresh_turn
    lost = await take("fabrikam", "a", TTL)
    assert lost is not None
    books.clock.advance(TTL.total_seconds())
    turn = await take("fabrikam", "b", TTL)
    assert turn == lost
    assert await end("fabrikam", "b", turn=turn, new=RefreshTurn(Secret("two")))
    assert not await end("fabrikam", "a", turn=lost, new=RefreshTurn(Secret("late")))
    assert await take("fabrikam", "c", TTL) == RefreshTurn(Secret("two"))


async def test_a_refresh_token_that_was_given_anew_is_not_written_over_nor_brought_back(books: Books) -> None:
    await books.store.resources.add_connection(replace(MADE, secrets={REFRESH_TOKEN: Secret("one")}))
    (read,) = await books.store.resources.connections()
    turn = await books.store.resources.take_refresh_turn("fabrikam", "a", TTL)
    assert turn is not None
    anew = replace(read, secrets={REFRESH_TOKEN: Secret("anew")})
    assert await books.store.resources.change_connection(anew, with_secrets=True)
    late = RefreshTurn(Secret("late"))
    assert not await books.store.resources.end_refresh_turn("fabrikam", "a", turn=turn, new=late)
    (read,) = await books.store.resources.connections()
    assert read.secrets == anew.secrets
    stale = replace(read, secrets=MADE.secrets, document={"description": "other"})
    assert await books.store.resources.change_connection(stale, with_secrets=False)
    assert (await books.store.resources.connections())[0].secrets == anew.secrets


async def test_what_follows_a_configured_refresh_token_is_kept_until_its_connection_is_gone_for_90_days(
    books: Books,
) -> None:
    take, end = books.store.resources.take_refresh_turn, books.store.resources.end_refresh_turn
    turn = await take("contoso", "a", TTL)
    assert turn == RefreshTurn(None)
    assert await end("contoso", "a", turn=turn, new=RefreshTurn(Secret("two"), "of-one"))
    books.clock.advance(timedelta(days=91).total_seconds())
    await books.store.resources.forget_refresh_tokens({"contoso"})
    turn = await take("contoso", "b", TTL)
    assert turn == RefreshTurn(Secret("two"), "of-one")
    await end("contoso", "b", turn=turn)
    await books.store.resources.forget_refresh_tokens({"other"})
    assert await take("contoso", "b", TTL) == turn
    await end("contoso", "b", turn=turn)
    books.clock.advance(timedelta(days=91).total_seconds())
    await books.store.resources.forget_refresh_tokens({"other"})
    assert await take("contoso", "c", TTL) == RefreshTurn(None)
