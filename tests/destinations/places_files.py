"""How does a test look at files in a form of the user's own, and at credentials that only systemd can read?"""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rotator.destinations import Surroundings
from tests.destinations.places import DirectoryPlace, Place

TEMPLATE = "{% for name, text in names.items() %}{{ name }}={{ text | shell }}\n{% endfor %}"
#: What stands in for systemd's: not secret, but different each time, and bound to the name.
SYSTEMD_CREDS = """#!/bin/sh
[ "$1" = encrypt ] && [ "$3 $4" = "- -" ] || exit 9
name=${2#--name=}
number=$(cat FOLDER/number 2>/dev/null || echo 0)
echo $((number + 1)) > FOLDER/number
printf 'sealed %s %s ' "$number" "$name"
cat
"""


class TemplatePlace(Place):
    """Lines by a template; the whole file is one rotation's."""

    shared = False

    @property
    def path(self) -> Path:
        return self.folder / "billing.conf"

    @property
    def template(self) -> Path:
        return self.folder.parent / f"{self.folder.name}.j2"

    def options(self) -> dict[str, Any]:
        if not self.template.exists():
            self.template.write_text(TEMPLATE)
        return {"path": str(self.path), "format": "template", "template": str(self.template)}

    def shows(self) -> dict[str, str]:
        rows = self.path.read_text().splitlines() if self.path.exists() else []
        return {name: "".join(shlex.split(text)) for name, _, text in (row.partition("=") for row in rows)}

    def set(self, name: str, text: str) -> None:
        self._write({**self.shows(), name: text})

    def drop(self, name: str) -> None:
        self._write({each: text for each, text in self.shows().items() if each != name})

    def _write(self, texts: dict[str, str]) -> None:
        self.path.write_text("".join(f"{name}={shlex.quote(text)}\n" for name, text in texts.items()))


class CredentialsPlace(DirectoryPlace):
    """One encrypted file a name; systemd opens them for a unit under that very name."""

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        self.make_program()
        yield self

    def make_program(self, script: str = SYSTEMD_CREDS) -> None:
        programs = self.programs
        programs.mkdir(exist_ok=True)
        program = programs / "systemd-creds"
        program.write_text(script.replace("FOLDER", str(programs)))
        program.chmod(0o755)

    @property
    def programs(self) -> Path:
        return self.folder.parent / f"{self.folder.name}-programs"

    def surroundings(self) -> Surroundings:
        return replace(super().surroundings(), environment={"PATH": f"{self.programs}:{os.environ['PATH']}"})

    def options(self) -> dict[str, Any]:
        if not self.programs.exists():
            self.make_program()
        return super().options() | {"format": "credentials"}

    def shows(self) -> dict[str, str]:
        return {name: self.opened(name, text) for name, text in super().shows().items()}

    def opened(self, name: str, text: str) -> str:
        """As `LoadCredentialEncrypted=` hands it to a unit; what a stranger wrote is not encrypted."""
        if not text.startswith("sealed "):
            return text
        _, _, sealed_for, plain = text.split(" ", 3)
        assert sealed_for == name
        return plain
