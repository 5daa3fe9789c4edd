"""Does a dotenv file keep every byte that is not ours, and do its readers get our text back?"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.destinations.formats.atomic import Unfit
from rotator.destinations.formats.envtext import compose, content, parse, quoted, without_mark
from rotator.destinations.marks import Mark
from rotator.ports import Marker
from tests.destinations.places import FIRST

MARK = Mark(Marker("abcd2345", "rotation-1", "key-1", 7), ("ID", "SECRET"))
MARK_LINE = (
    b'# rotator: {"installation": "abcd2345", "rotation": "rotation-1", "key": "key-1", "token": 7,'
    b' "names": ["ID", "SECRET"]}'
)
TEXTS = {"ID": "1234", "SECRET": FIRST}
OURS = MARK_LINE + b"\nID=1234\nSECRET=" + FIRST.encode()

others = st.lists(
    st.sampled_from([
        b"A=1", b"# comment", b"", b"  ", b"export B='x y'", b'C="two\nlines # no"', b"no assignment", b"D=it's",
        b"SECRETS=3", b"XID=4", b"\xff\xfe=5", b'E="open', b"F='a'b'", b"# rotator: {", b"G=a\\", b"X.ID=6", b"=7",
    ]),
    max_size=8,
)  # fmt: skip


def put(data: bytes, texts: dict[str, str] | None = None, mark: Mark = MARK) -> bytes:
    return compose(without_mark(parse(data), "abcd2345", "rotation-1"), texts or TEXTS, mark)


def take(data: bytes) -> bytes:
    return compose(without_mark(parse(data), "abcd2345", "rotation-1"), {}, None, drop=["ID", "SECRET"])


@given(others, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_putting_and_taking_gives_the_file_back(rows: list[bytes], end: bytes, closed: bool) -> None:  # noqa: FBT001
    data = end.join(rows) + (end if closed and rows else b"")
    there = put(data)
    assert set(content(parse(there), ["ID", "SECRET"])) == {"ID", "SECRET"}
    assert put(there) == there
    assert take(there) == data


@given(st.binary(max_size=200).filter(lambda data: b"\0" not in data))
def test_any_file_survives_to_the_byte(data: bytes) -> None:
    assert b"".join(line.raw + line.end for line in parse(data)) == data


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", OURS + b"\n"),
        (b"A=1\n", b"A=1\n" + OURS + b"\n"),
        (b"A=1", b"A=1\n" + OURS),
        (b"A=1\r\n", b"A=1\r\n" + OURS.replace(b"\n", b"\r\n") + b"\r\n"),
        (b"# why\nSECRET=old # o\nA=1\n", b"# why\n" + MARK_LINE + b"\nSECRET=" + FIRST.encode() + b"\nA=1\nID=1234\n"),
        (b"export SECRET=old\nID=\n", MARK_LINE + b"\nexport SECRET=" + FIRST.encode() + b"\nID=1234\n"),
        (b'SECRET="two\nlines"\nA=1\n', MARK_LINE + b"\nSECRET=" + FIRST.encode() + b"\nA=1\nID=1234\n"),
        (b"SECRET=1\nA=1\nSECRET=2\n", MARK_LINE + b"\nSECRET=" + FIRST.encode() + b"\nA=1\nID=1234\n"),
        (b'A="has\nSECRET=not ours\n"\n', b'A="has\nSECRET=not ours\n"\n' + OURS + b"\n"),
        (b"A=it's\nSECRET=old\n", b"A=it's\n" + MARK_LINE + b"\nSECRET=" + FIRST.encode() + b"\nID=1234\n"),
        (b'A="open\nSECRET=old\n', b'A="open\n' + MARK_LINE + b"\nSECRET=" + FIRST.encode() + b"\nID=1234\n"),
        (b"#SECRET=old\n", b"#SECRET=old\n" + OURS + b"\n"),
    ],
)  # fmt: skip
def test_our_lines_stay_where_they_are_and_new_ones_go_to_the_end(before: bytes, after: bytes) -> None:
    assert put(before) == after


def test_a_mark_is_read_back_and_a_strangers_comment_is_none() -> None:
    assert [line.mark for line in parse(OURS) if line.mark] == [MARK]
    for row in (b"# rotator: {}", b"# rotator: {x}", b"# rotator: []", b"# rotator is fine", b"#rotator: {}"):
        assert not [line.mark for line in parse(row) if line.mark]


def test_a_text_file_it_is_not() -> None:
    with pytest.raises(Unfit):
        parse("A=1\n".encode("utf-16"))


@pytest.mark.parametrize("text", ["line\nend", "carriage\rreturn", "bell\a", "tab\t"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(Unfit, match="format: json"):
        quoted(text)


def test_what_entra_issues_needs_no_quotes() -> None:
    for text in (FIRST, "-begins.with~_-", "33333333-3333-4333-8333-333333333333", "2026-05-03T10:00:00.000Z"):
        assert quoted(text) == text


@given(st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs", "Zl", "Zp"])))
def test_a_shell_reads_the_text_back(text: str) -> None:
    """shlex knows no `$` and backquote in double quotes; sh does, and is asked below."""
    shown = quoted(text)
    if "\\$" not in shown and "\\`" not in shown:
        assert "".join(shlex.split(shown)) == text


NASTY = [
    "$HOME",
    "a b",
    "a#b",
    " #x",
    "it's",
    '"',
    "\\",
    "`id`",
    "$(id)",
    "~x",
    "'$\"\\`",
    "a=b",
    "!x",
    "*",
    "",
    "-x",
    "ä",
]


@pytest.mark.skipif(not shutil.which("sh"), reason="needs sh")
def test_a_real_shell_reads_every_nasty_text_back(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text("".join(f"V{n}={quoted(text)}\n" for n, text in enumerate(NASTY)))
    script = f". {path}; " + "".join(f'printf "%s\\n" "$V{n}";' for n in range(len(NASTY)))
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.split("\n")[:-1] == NASTY
