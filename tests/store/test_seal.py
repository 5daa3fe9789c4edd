"""Does a sealed text open only at its place, and only with its key (law L11)?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from rotator.errors import StoreUnusable
from rotator.store.seal import Place, Seal, fingerprint

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = Place.of_credential("key-1")
TEXT = b"8Q~hush"


def test_L11_a_sealed_text_opens_at_its_place_and_shows_nothing_of_itself() -> None:
    seal = Seal([NEW])
    body = seal.close(PLACE, TEXT)
    assert seal.open(PLACE, seal.newest, body) == TEXT
    assert TEXT not in body


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place.of_credential("key-2"),
        replace(PLACE, table="meta"),
        replace(PLACE, column="other"),
        Place("credentials|key-1", "", "text"),
    ],
)
def test_L11_a_ciphertext_moved_to_another_row_does_not_open(elsewhere: Place) -> None:
    seal = Seal([NEW])
    with pytest.raises(StoreUnusable, match="changed or moved"):
        seal.open(elsewhere, seal.newest, seal.close(PLACE, TEXT))


def test_no_two_places_are_bound_alike() -> None:
    parts = ["", "a", "|", "a|", "|a", "||", "\\", "\\|", "a\\"]
    places = {Place(table, row, column).bound for table in parts for row in parts for column in parts}
    assert len(places) == len(parts) ** 3


@pytest.mark.parametrize("position", [0, 39, 40, 51, 52, -1])
def test_a_record_changed_in_any_part_does_not_open(position: int) -> None:
    seal = Seal([NEW])
    body = bytearray(seal.close(PLACE, TEXT))
    body[position] ^= 1
    with pytest.raises(StoreUnusable, match="changed or moved"):
        seal.open(PLACE, seal.newest, bytes(body))


def test_every_record_has_a_key_of_its_own() -> None:
    seal = Seal([NEW])
    bodies = {seal.close(PLACE, TEXT) for _ in range(20)}
    assert len({body[:40] for body in bodies}) == len({body[52:] for body in bodies}) == 20


def test_the_first_key_seals_and_all_open() -> None:
    body = Seal([OLD]).close(PLACE, TEXT)
    both = Seal([NEW, OLD])
    assert both.open(PLACE, fingerprint(OLD), body) == TEXT
    assert both.newest == fingerprint(NEW)
    assert Seal([NEW]).open(PLACE, both.newest, both.close(PLACE, TEXT)) == TEXT


def test_a_key_we_were_not_given_is_named() -> None:
    with pytest.raises(StoreUnusable, match=fingerprint(OLD)):
        Seal([NEW]).open(PLACE, fingerprint(OLD), Seal([OLD]).close(PLACE, TEXT))


def test_a_rewrapped_record_opens_with_the_new_key_alone_and_was_not_sealed_anew() -> None:
    body = Seal([OLD]).close(PLACE, TEXT)
    again = Seal([NEW, OLD]).rewrap(PLACE, fingerprint(OLD), body)
    assert again[40:] == body[40:]
    assert Seal([NEW]).open(PLACE, fingerprint(NEW), again) == TEXT
    with pytest.raises(StoreUnusable):
        Seal([OLD]).open(PLACE, fingerprint(OLD), again)


def test_a_fingerprint_tells_nothing_of_its_key() -> None:
    assert len(fingerprint(OLD)) == 16
    assert fingerprint(OLD) != fingerprint(NEW)
    assert OLD.hex()[:8] not in fingerprint(OLD)


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(StoreUnusable, match="encryptionKeys"):
        Seal([]).close(PLACE, TEXT)
