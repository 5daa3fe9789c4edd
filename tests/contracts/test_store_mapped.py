"""Do the mapped secrets of the embedded store switch all at once, and only for those they belong to?"""

from __future__ import annotations

import pytest

from rotator.domain.changes import ForgetRotation, SealText, SwitchMapped
from rotator.domain.model import CredentialState, Folder, Lease, Secret
from rotator.errors import DestinationUnavailable
from rotator.ports import MappedName, Marker
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
