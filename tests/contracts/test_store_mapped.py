"""Do the mapped secrets of the embedded store switch all at once, and only for those they belong to?"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rotator.domain.changes import EraseText, ForgetRotation, SealText, SwitchMapped
from rotator.domain.mapped import MappedName
from rotator.domain.model import CredentialState, Folder, Lease, Secret
from rotator.errors import DestinationUnavailable
from rotator.ports import Marker
from tests.builders import CLIENT, KEY, TENANT, a_credential
from tests.contracts.stores import TTL, Books

FOLDER = Folder("payments", "prod", "/api")
NAMES = {"clientId": "ID", "clientSecret": "SECRET", "keyId": "KEY", "tenantId": "TENANT", "expiresAt": "ENDS"}


def marker(key_id: str = KEY, token: int = 1, rotation_id: str = "rotation-1") -> Marker:
    return Marker("abcd2345", rotation_id, key_id, token)


async def shown(books: Books) -> dict[str, str | None]:
    texts = {name: await books.store.mapped_text(FOLDER, name) for name in NAMES.values()}
    return {name: text.reveal() if text else None for name, text in texts.items()}


async def promoted(books: Books) -> Lease:
    lease = await books.leased()
    await books.store.write(lease, [a_credential(), SealText(KEY, Secret("hush"))], ttl=TTL)
    await books.store.stage(FOLDER, NAMES, marker())
    return lease


async def test_a_name_staged_for_the_current_credential_shows_it_at_once(books: Books) -> None:
    await promoted(books)
    assert await shown(books) == {
        "ID": CLIENT, "SECRET": "hush", "KEY": KEY, "TENANT": TENANT, "ENDS": "2026-05-03T10:00:00.000Z"}  # fmt: skip
    found = await books.store.mapped(FOLDER, ["SECRET", "no-such"])
    assert found == {"SECRET": MappedName("SECRET", "rotation-1", "clientSecret", KEY, KEY, 1, 1, "abcd2345")}


async def test_a_pending_credential_shows_only_after_the_switch_and_then_everywhere(books: Books) -> None:
    lease = await promoted(books)
    pending = a_credential(key_id="new", state=CredentialState.PENDING)
    await books.store.write(lease, [pending, SealText("new", Secret("fresh"))], ttl=TTL)
    await books.store.stage(FOLDER, NAMES, marker("new", token=2))
    before = await shown(books)
    assert (before["SECRET"], before["KEY"]) == ("hush", KEY)
    staged = (await books.store.mapped(FOLDER, ["SECRET"]))["SECRET"]
    assert (staged.key_id, staged.staged_key_id, staged.version, staged.token) == (KEY, "new", 1, 2)
    await books.store.write(lease, [SwitchMapped("rotation-1", "new")], ttl=TTL)
    after = await shown(books)
    assert (after["SECRET"], after["KEY"]) == ("fresh", "new")
    assert {name.version for name in (await books.store.mapped_names(FOLDER)).values()} == {2}


async def test_nothing_is_shown_before_the_first_promotion(books: Books) -> None:
    lease = await books.leased()
    await books.store.write(lease, [a_credential(state=CredentialState.PENDING)], ttl=TTL)
    await books.store.stage(FOLDER, NAMES, marker())
    assert set((await shown(books)).values()) == {None}
    assert (await books.store.mapped(FOLDER, ["ID"]))["ID"].key_id == ""


async def test_L8_a_lower_token_stages_nothing(books: Books) -> None:
    await promoted(books)
    await books.store.stage(FOLDER, NAMES, marker(token=5))
    with pytest.raises(DestinationUnavailable, match="fencing token 5"):
        await books.store.stage(FOLDER, NAMES | {"other": "NEW"}, marker("old", token=4))
    assert await books.store.mapped(FOLDER, ["NEW"]) == {}
    assert (await books.store.mapped(FOLDER, ["ID"]))["ID"].staged_key_id == KEY


async def test_whoever_stages_is_asked_with_what_is_there_and_told_what_stands_there_then(books: Books) -> None:
    await promoted(books)
    asked: list[set[str]] = []

    def refuse(found: Mapping[str, MappedName]) -> bool:
        asked.append({name.key_id for name in found.values()})
        return False

    def fail(found: Mapping[str, MappedName]) -> bool:
        raise DestinationUnavailable("embedded", "write", f"{len(found)} of them")

    before = await books.store.mapped(FOLDER, NAMES.values())
    assert await books.store.stage(FOLDER, NAMES, marker("new", token=2), may=refuse) == before
    with pytest.raises(DestinationUnavailable, match="5 of them"):
        await books.store.stage(FOLDER, NAMES, marker("new", token=2), may=fail)
    assert await books.store.mapped(FOLDER, NAMES.values()) == before
    after = await books.store.stage(FOLDER, NAMES, marker("new", token=2), may=lambda _: True)
    assert after == await books.store.mapped(FOLDER, NAMES.values()) != before
    assert asked == [{KEY}]


async def test_names_are_taken_away_only_from_their_own_rotation_and_folder(books: Books) -> None:
    await promoted(books)
    await books.store.unmap(FOLDER, ["ID", "SECRET"], "rotation-2")
    await books.store.unmap(Folder(), ["ID"], "rotation-1")
    assert len(await books.store.mapped_names(FOLDER)) == 5
    await books.store.unmap(FOLDER, ["ID", "SECRET"], "rotation-1")
    assert set(await books.store.mapped_names(FOLDER)) == {"KEY", "TENANT", "ENDS"}
    assert await books.store.mapped_names(Folder()) == {}


async def test_what_consumers_read_outlives_a_rotation_that_is_merely_forgotten(books: Books) -> None:
    lease = await promoted(books)
    await books.store.write(lease, [ForgetRotation("rotation-1")], ttl=TTL, release=True)
    assert (await shown(books))["SECRET"] == "hush"


async def seen(books: Books, version: int, name: str = "SECRET") -> str | None:
    found = await books.store.resources.shown_version(FOLDER, name, version)
    return found.text.reveal() if found else None


async def test_each_version_can_be_read_until_its_credential_is_revoked(books: Books) -> None:
    lease = await promoted(books)
    pending = a_credential(key_id="new", state=CredentialState.PENDING)
    await books.store.write(lease, [pending, SealText("new", Secret("fresh"))], ttl=TTL)
    await books.store.stage(FOLDER, NAMES, marker("new", token=2))
    assert await seen(books, 2) is None
    await books.store.write(lease, [SwitchMapped("rotation-1", "new")], ttl=TTL)
    assert [await seen(books, version) for version in (1, 2, 3)] == ["hush", "fresh", None]
    assert [await seen(books, version, "KEY") for version in (1, 2)] == [KEY, "new"]
    first = await books.store.resources.shown_version(FOLDER, "SECRET", 1)
    assert first is not None
    assert (first.version, first.key_id, first.rotation_id) == (1, KEY, "rotation-1")
    await books.store.write(lease, [EraseText(KEY)], ttl=TTL)
    assert [await seen(books, 1), await seen(books, 1, "KEY"), await seen(books, 2)] == [None, None, "fresh"]


async def test_a_name_that_is_taken_away_takes_its_versions_along(books: Books) -> None:
    await promoted(books)
    await books.store.unmap(FOLDER, ["SECRET"], "rotation-1")
    assert (await seen(books, 1), await seen(books, 1, "ID")) == (None, CLIENT)
    await books.store.stage(FOLDER, {"clientId": "OTHER"}, marker())
    assert (await seen(books, 1, "ID"), await seen(books, 1, "OTHER")) == (None, CLIENT)
