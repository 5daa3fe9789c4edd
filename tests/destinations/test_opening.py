"""Is every kind opened alike, and is what cannot be opened told like a mistake in the configuration?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rotator.destinations import KINDS, options_of
from rotator.destinations.options import KindOptions
from rotator.domain.model import DestinationRule
from rotator.errors import ConfigError
from tests.builders import a_rotation
from tests.destinations.places import a_place

DOCS = Path(__file__).parents[2] / "docs" / "destinations"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_options_and_a_page(kind: str) -> None:
    assert issubclass(options_of(kind), KindOptions)
    page = (DOCS / f"{kind}.md").read_text("utf-8")
    assert all(f"`{field.alias}`" in page for field in options_of(kind).model_fields.values())


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (DestinationRule("x", "pigeon"), f"kind: 'pigeon' is not allowed ({' | '.join(KINDS)})"),
        (DestinationRule("x", "file", options={"path": "x"}), "file: path: 'x' is not allowed (an absolute path"),
        (DestinationRule("x", "file", options={"path": "/x", "more": 1}), "file: more: Extra inputs"),
        (DestinationRule("x", "embedded", names={"clientSecret": "a/b"}), "x: names: 'a/b' is not allowed"),
        (DestinationRule("x", "embedded", names={"secret": "a"}), "x: names: secret is not a field"),
    ],
)
def test_a_rule_that_cannot_be_opened_is_a_mistake_with_its_place(rule: DestinationRule, told: str) -> None:
    place = a_place("embedded", Path())
    rotation = a_rotation(defined_at="conf.d/billing.yaml:12:5")
    place.rule = lambda *_args, **_kwargs: rule  # type: ignore[method-assign]
    with pytest.raises(ConfigError) as caught:
        place.open(rotation)
    assert caught.value.problems[0].startswith("conf.d/billing.yaml:12:5: destinations: ")
    assert told in caught.value.problems[0]


def test_names_default_to_the_mapping_of_the_rotation(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names: there is none"):
        a_place("dotenv", tmp_path).open(a_rotation(mapping={}))


def test_a_kind_costs_nothing_until_it_is_named() -> None:
    code = "import sys, rotator.destinations; print(*({'pydantic', 'rotator.destinations.file'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


_LOADED = """
import sys
from pathlib import Path
from rotator.config import load
load({path!r}, check_references=False)
print(*sorted(name for name in sys.modules if name.split(".")[0] in {foreign!r} or name in {foreign!r}))
"""
_VENDORS = {"boto3", "botocore", "google", "jinja2", "nacl", "requests", "azure", "msgraph"}


def loaded_with(path: Path, foreign: set[str]) -> str:
    """Of those libraries what is imported once that configuration has been read."""
    script = _LOADED.format(path=str(path), foreign=foreign)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_no_library_of_a_vendor_is_loaded_by_a_configuration_that_names_every_kind() -> None:
    assert loaded_with(DOCS.parents[1] / "config.example.yaml", _VENDORS) == ""


def test_a_kind_that_no_rotation_names_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "connections: [{name: c, method: azure-cli, credentials: {tenantId: 11111111-1111-4111-8111-111111111111}}]\n"
        "rotations:\n"
        "  - {name: a, connection: c, rotationInterval: 30, secretsMapping: {clientId: A, clientSecret: B},\n"
        "     parameters: {clientId: 33333333-3333-4333-8333-333333333333}}\n"
    )
    others = {f"rotator.destinations.{module}" for kind, module in KINDS.items() if kind != "embedded"}
    assert loaded_with(path, _VENDORS | {"httpx"} | others) == ""
