"""What can a template do, and what not? And what becomes of credentials that systemd alone may read?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rotator.destinations.formats.atomic import Unfit
from rotator.destinations.formats.rendering import rendered
from rotator.domain.model import Secret
from rotator.errors import DestinationRefused
from tests.builders import CLIENT
from tests.destinations.places import FIRST, NAMES, SECOND, a_parcel, a_place
from tests.destinations.places_files import CredentialsPlace, TemplatePlace

TEXTS = {"ID": Secret(CLIENT), "SECRET": Secret('it\'s $5 "a" <b>')}
FIELDS = {"clientId": "ID", "clientSecret": "SECRET"}


@pytest.fixture
def place(tmp_path: Path) -> TemplatePlace:
    made = a_place("template", tmp_path)
    assert isinstance(made, TemplatePlace)
    return made


@pytest.fixture
async def credentials(tmp_path: Path) -> AsyncIterator[CredentialsPlace]:
    async with a_place("credentials", tmp_path).living() as living:
        assert isinstance(living, CredentialsPlace)
        yield living


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("{{ clientId }} {{ names.ID }}\n", f"{CLIENT} {CLIENT}\n"),
        ("{{ clientSecret }}", 'it\'s $5 "a" <b>'),
        ("{{ clientSecret | shell }}", "'it'\"'\"'s $5 \"a\" <b>'"),
        ("{{ clientId[:4] | b64encode }}", "MzMzMw=="),
        ("{% for name in names | sort %}{{ name }} {% endfor %}", "ID SECRET "),
        ("{{ {'id': clientId} | tojson }}", f'{{"id": "{CLIENT}"}}'),
        ("no variable\n", "no variable\n"),
    ],
)
def test_a_template_makes_what_it_says(source: str, made: str) -> None:
    assert rendered(source, "x.j2", TEXTS, FIELDS).decode() == made


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("\n{% for %}", r"x\.j2:2"),
        ("{{ keyId }}", "'keyId' is undefined"),
        ("{{ clientId.__class__.__mro__ }}", "unsafe"),
        ("{{ ''.join.__globals__ }}", "__globals__"),
        ("{{ names.clear() }}", "unsafe"),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{% for n in range(1000000) %}{% endfor %}", "too big"),
        ("{{ 1 / 0 }}", "division"),
        ("{{ 'x' * 5000000 }}", "4 MiB"),
    ],
)
def test_what_a_template_may_not_do_is_told_in_one_line(source: str, told: str) -> None:
    with pytest.raises(Unfit, match=told) as caught:
        rendered(source, "x.j2", TEXTS, FIELDS)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("source", ["{{ {}[clientSecret] }}", "{{ names[clientSecret] }}"])
def test_what_goes_wrong_with_a_text_does_not_tell_it(source: str) -> None:
    with pytest.raises(Unfit) as caught:
        rendered(source, "x.j2", {"SECRET": Secret("other~text")}, {"clientSecret": "SECRET"})
    assert "other~text" not in str(caught.value)


async def test_a_template_that_is_edited_makes_the_file_anew(place: TemplatePlace) -> None:
    written = await place.open().write(a_parcel(), over=None)
    place.template.write_text("# edited\n" + place.template.read_text())
    found = await place.open().read()
    assert found is not None
    assert (found.marker, found.version != written.version) == (written.marker, True)
    await place.open().write(a_parcel(), over=found)
    assert place.path.read_text().startswith("# edited\n")


async def test_check_finds_what_is_wrong_with_a_template_before_there_is_a_secret(place: TemplatePlace) -> None:
    place.options()
    place.template.write_text("{{ expiresAt }}")
    with pytest.raises(DestinationRefused, match="'expiresAt' is undefined"):
        await place.open().check()
    place.template.write_bytes(b"\xff\xfe")
    with pytest.raises(DestinationRefused, match="not UTF-8"):
        await place.open().check()
    destination = place.open()
    place.template.unlink()
    with pytest.raises(DestinationRefused, match="there is no template"):
        await destination.check()


async def test_no_plain_text_is_on_the_disk(credentials: CredentialsPlace) -> None:
    """The program that stands in for systemd's hides nothing; what it is given is all there is of the text."""
    credentials.make_program("#!/bin/sh\nsha256sum\n")
    await credentials.open().write(a_parcel(), over=None)
    files = [path for path in credentials.folder.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert not any(FIRST in path.read_text() for path in files)


async def test_writing_again_encrypts_nothing_again(credentials: CredentialsPlace) -> None:
    written = await credentials.open().write(a_parcel(), over=None)
    sealed = (credentials.path / NAMES["clientSecret"]).read_text()
    assert await credentials.open().write(a_parcel(), over=written) == written
    assert (credentials.path / NAMES["clientSecret"]).read_text() == sealed
    await credentials.open().write(a_parcel(SECOND, "key-2"), over=written)
    assert credentials.shows()[NAMES["clientSecret"]] == SECOND


@pytest.mark.parametrize("script", ["#!/bin/sh\ncat >&2; exit 1\n", "#!/bin/sh\ncat > /dev/null\n"])
async def test_an_encryption_that_fails_writes_nothing_and_tells_no_text(
    credentials: CredentialsPlace, script: str
) -> None:
    credentials.make_program(script)
    with pytest.raises(DestinationRefused, match="systemd-creds cannot encrypt") as caught:
        await credentials.open().write(a_parcel(), over=None)
    assert FIRST not in str(caught.value)
    with pytest.raises(DestinationRefused, match="cannot encrypt"):
        await credentials.open().check()
    assert credentials.shows() == {}
