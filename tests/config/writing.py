"""A folder with a configuration in it, as small as can be, and what loading it says."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from rotator.config import Configuration, load
from rotator.domain.model import Rotation
from rotator.errors import ConfigError

TENANT = "11111111-1111-4111-8111-111111111111"
OURS = "22222222-2222-4222-8222-222222222222"
THEIRS = "33333333-3333-4333-8333-333333333333"
KEY = "44444444-4444-4444-8444-444444444444"

#: Lines 1 to 6; what a test writes begins on line 7.
CONNECTION = f"""\
state: {{url: sqlite:///state.db}}
connections:
  - name: contoso
    method: client-secret
    credentials: {{tenantId: {TENANT}, clientId: {OURS}, clientSecret: {{env: CONTOSO}}}}
rotations:
"""
#: Lines 7 to 10; further options begin on line 11.
ROTATION = f"""\
  - name: billing
    connection: contoso
    parameters: {{clientId: {THEIRS}}}
    secretsMapping: {{clientId: BILLING_ID, clientSecret: BILLING_SECRET}}
"""
INTERVAL = "    rotationInterval: 30\n"


class Folder:
    """The working folder of a test; paths in messages are relative to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str, name: str = "config.yaml") -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def load(self, text: str = "", *, literal: bool = False, references: bool = False) -> Configuration:
        if text:
            self.write(text)
        return load("config.yaml", allow_literal_secrets=literal, check_references=references)

    def rotation(self, options: str = INTERVAL) -> Rotation:
        """The first rotation, with these options (lines with or without indent)."""
        return self.load(CONNECTION + ROTATION + indented(options)).rotations[0]

    def problems(self, text: str = "", *, literal: bool = False, references: bool = False) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, literal=literal, references=references)
        assert str(caught.value) == "\n".join(caught.value.problems)
        assert all("\n" not in line for line in caught.value.problems)
        return caught.value.problems

    def problems_of_rotation(self, options: str) -> list[str]:
        """What is wrong with a rotation that has these options, from line 11 on."""
        return self.problems(CONNECTION + ROTATION + indented(options))


def indented(options: str) -> str:
    return "".join(f"    {line}\n" for line in dedent(options).splitlines())
