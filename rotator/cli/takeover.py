"""How does a person take over secrets that exist? By definitions that adopt them, written to a file, one by one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rotator.cli.exits import WrongUse
from rotator.domain.adopting import is_adoptable, slugs_of, word_of
from rotator.domain.inventory import Holder, Item

if TYPE_CHECKING:
    from rotator.cli.inventory import Stock
    from rotator.cli.settings import Settings

_HEADER = """\
# {count} whose secrets nobody rotated yet, from 'rotator inventory'.
# What exists is adopted: recorded, watched and alarmed, not touched. It is not rotated while isAutoRotationEnabled is
# false. First let destinations be where consumers read, or let them read the new names; then set it to true.
rotations:
"""
_DEFINITION = """\
  - name: {name}
    connection: {connection}
    parameters: {{objectId: {object_id}, appName: {app_name}}}
    # {said}
    initial: {{adopt: {key_id}}}
    isAutoRotationEnabled: false
    rotationInterval: 30
    secretsMapping: {{clientId: {word}_CLIENT_ID, clientSecret: {word}_CLIENT_SECRET}}
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An application with secrets that nobody rotates; those that are still valid, the latest to end first."""

    holder: Holder
    connection: str
    secrets: tuple[Item, ...]


def take_over(settings: Settings, stock: Stock, chosen: Sequence[Item], *, file: str, asks: bool) -> None:
    """Write definitions for the chosen secrets; `asks`: about each. Raises WrongUse when the file is there already."""
    path = Path(file)
    if path.exists():
        raise WrongUse(f"{path} exists already", hint="Name a new file; 'include' may list any number.")
    taken = {each.rotation.name for each in stock.facts} | {each.name for each in settings.read().rotations}
    managed = {each.rotation.application.object_id for each in stock.facts if each.switches.retired_at is None}
    found = [each for each in candidates(chosen, stock) if each.holder.object_id not in managed]
    picked = list(_asked(found, taken) if asks else _all(found, taken))
    if not picked:
        print("nothing to write: no valid client secret of an application is left that nobody rotates")
        return
    try:
        path.write_text(definitions(picked), "utf-8")
    except OSError as problem:
        raise WrongUse(f"{path} cannot be written: {problem.strerror}") from None
    print(f"{path}: {_many(len(picked))}; 'include: [{path}]' in the configuration and a reload adopt what they hold")


def candidates(chosen: Sequence[Item], stock: Stock) -> list[Candidate]:
    """The applications among these lines that a definition can be written for."""
    groups: dict[str, list[Item]] = {}
    for item in chosen:
        if is_adoptable(item, stock.now):
            groups.setdefault(item.holder.object_id, []).append(item)
    return [Candidate(items[0].holder, items[0].connection, tuple(reversed(items))) for items in groups.values()]


def definitions(picked: Sequence[tuple[str, Candidate, Item]]) -> str:
    """The file: a name, an application and the secret that is adopted, for each."""
    text = _HEADER.format(count=_many(len(picked)))
    return text + "".join(_definition(name, candidate, item) for name, candidate, item in picked)


def slug_of(name: str, taken: Collection[str]) -> str:
    """A name for the rotation of an application, that nobody has."""
    return next(each for each in slugs_of(name) if each not in taken)


def _all(found: Sequence[Candidate], taken: set[str]) -> Iterator[tuple[str, Candidate, Item]]:
    for candidate in found:
        name = slug_of(candidate.holder.name, taken)
        taken.add(name)
        yield name, candidate, candidate.secrets[0]


def _asked(found: Sequence[Candidate], taken: set[str]) -> Iterator[tuple[str, Candidate, Item]]:
    """Whatever is answered, nothing is changed in Entra."""
    for number, candidate in enumerate(found, 1):
        print(f"\n{number} of {len(found)}: {candidate.holder.name} ({candidate.holder.object_id})")
        for n, each in enumerate(candidate.secrets, 1):
            print(f"  {n}  {_said(each)}")
        answer = _answer(len(candidate.secrets))
        if answer == "q":
            return
        if answer == "s":
            continue
        name = _name(slug_of(candidate.holder.name, taken), taken)
        taken.add(name)
        yield name, candidate, candidate.secrets[int(answer) - 1]


def _answer(most: int) -> str:
    allowed = [*map(str, range(1, most + 1)), "s", "q"]
    while True:
        said = str(typer.prompt("Adopt which? A number, s to skip, q to end", default="1")).strip().lower()
        if said in allowed:
            return said
        print(f"  {said!r} is none of {', '.join(allowed)}")


def _name(default: str, taken: Collection[str]) -> str:
    from rotator.options import is_slug

    while True:
        said = str(typer.prompt("Name of the rotation", default=default)).strip()
        if is_slug(said) and said not in taken:
            return said
        print(f"  {said!r} is {'taken' if said in taken else 'no name (a-z, 0-9 and -)'}")


def _definition(name: str, candidate: Candidate, item: Item) -> str:
    others = [each for each in candidate.secrets if each is not item]
    said = "Adopted: " + _said(item)
    for each in others:
        said += f"\n    # Left alone: {_said(each)}"
    return _DEFINITION.format(
        name=name,
        connection=candidate.connection,
        object_id=candidate.holder.object_id,
        app_name=json.dumps(_printable(candidate.holder.name)[:256].strip() or name, ensure_ascii=False),
        said=said,
        key_id=item.held.key_id,
        word=word_of(name),
    )


def _printable(name: str) -> str:
    return "".join(each for each in name if each.isprintable())


def _said(item: Item) -> str:
    held = item.held
    ends = f"{held.expires_at:%Y-%m-%d}" if held.expires_at else "never"
    name = _printable(held.name)[:64]
    return f"{held.key_id}{f' ({name})' if name else ''}, ends {ends}"


def _many(count: int) -> str:
    return f"{count} application{'' if count == 1 else 's'}"
