"""What does a YAML file say, and where?"""

from __future__ import annotations

import pytest

from rotator.config.reading import Place, Table, Unreadable, place_of, read


def table(text: str, *, leave_out: str = "") -> Table:
    twice: list[tuple[Place, str]] = []
    made = read(text, "f", twice=twice, leave_out=leave_out)
    assert twice == []
    return made


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("False", False),
        ("off", "off"),
        ("no", "no"),
        ("'true'", "true"),
        ("0", 0),
        ("-3", -3),
        ("0640", "0640"),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("2026-11-21", "2026-11-21"),
        (".", "."),
        ("", None),
        ("~", None),
        ("null", None),
        ("'5'", "5"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_plain_words_are_read_as_yaml_1_2_does(word: str, value: object) -> None:
    found = table(f"key: {word}")["key"]

    assert found == value
    assert type(found) is type(value)


def test_every_value_and_key_knows_its_place() -> None:
    made = table("a:\n  - b: 1\n    c: {d: x}\n")

    assert place_of(made, ("a", 0, "c", "d")) == ("f", 3, 12)
    assert place_of(made, ("a", 0, "c", "d"), key=True) == ("f", 3, 9)
    assert place_of(made, ("a", 0)) == ("f", 2, 5)
    assert place_of(made, ("a", 0, "missing")) == ("f", 2, 5)
    assert place_of(made, ("a", 7)) == ("f", 2, 3)
    assert place_of(made, ()) == ("f", 1, 1)


def test_an_alias_repeats_a_value() -> None:
    assert table("a: &x {b: [1]}\nc: *x\n")["c"] == {"b": [1]}
    assert table("a: &x word\nc: *x\n")["c"] == "word"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: *x", "f:1:4: *x names nothing that stands before it (&x)"),
        ("a: &x {b: *x}", "f:1:11: *x names nothing that stands before it (&x)"),
        ("a: {<<: {b: 1}}", "f:1:5: merge keys are not supported (use defaults:)"),
        ("? [a]\n: 1", "f:1:3: a key must be a word (key: value)"),
        ("a: !!binary aGk=", "f:1:4: a tag is not allowed (plain values)"),
        ("a: 1\n---\na: 2", "f:2:1: a second document is not allowed (one a file; include: reads several files)"),
        (
            "a:\n  - b\n - c",
            "f:3:2: not valid YAML: while parsing a block mapping (begun on line 1), did not find expected key",
        ),
        ("a: \x07", "f:1:4: not valid YAML: a character that is not allowed"),
        ("a: " + "[" * 100_000, "f:1:43: nested too deeply (at most 40 levels)"),
    ],
)
def test_what_is_not_taken_is_told_with_its_place(text: str, line: str) -> None:
    with pytest.raises(Unreadable) as caught:
        table(text)

    assert str(caught.value) == line


def test_a_key_left_out_is_skipped_whole() -> None:
    text = "a: 1\nrotations:\n  - {a: [1, {b: 2}]}\n  - x\nz: {rotations: [1]}\n"

    assert table(text, leave_out="rotations") == {"a": 1, "z": {"rotations": [1]}}


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a: 1\nrotations: # ours\n- x: 1\n\n# and\n-\n  y\nz: 2\n", {"a": 1, "z": 2}),
        ("a: 1\nrotations:\n  - x", {"a": 1}),
        ("rotations:\n", {}),
        ("a: {b: 1}\nrotations: [\n{c: 1}\n]\nz: 2\n", {"a": {"b": 1}, "z": 2}),
        ("a:\n  rotations:\n    - x\n", {"a": {"rotations": ["x"]}}),
    ],
)
def test_a_key_is_left_out_however_it_is_written(text: str, rest: object) -> None:
    assert table(text, leave_out="rotations") == rest


def test_places_behind_what_is_left_out_stay() -> None:
    made = table("rotations:\n  - a\n  - b\nz: 1\n", leave_out="rotations")
    assert place_of(made, ("z",)) == ("f", 4, 4)
    with pytest.raises(Unreadable, match=r"^f:3:4: "):
        table("rotations:\n  - a\nz: *one\n", leave_out="rotations")


def test_what_follows_does_not_come_to_stand_under_the_key_before() -> None:
    with pytest.raises(Unreadable):
        table("a:\nrotations:\n[1]\n", leave_out="rotations")


def test_a_key_twice_is_told_and_reading_goes_on() -> None:
    twice: list[tuple[Place, str]] = []

    made = read("a: {b: 1, b: 2}\nc: 3\na: 4\n", "f", twice=twice)

    assert [place for place, _ in twice] == [("f", 1, 11), ("f", 3, 1)]
    assert made["c"] == 3
