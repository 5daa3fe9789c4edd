"""Do the example and the JSON Schema say everything that can be configured?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotator.config import example, load, schema
from tests.config.writing import Folder

Node = dict[str, Any]
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "configuration.md").read_text(encoding="utf-8")
#: Each kind of destination has a page of its own, and so have hooks.
OWN_PAGES = [*sorted((DOCS / "destinations").glob("*.md")), DOCS / "hooks.md"]
PAGES = PAGE + "".join(page.read_text(encoding="utf-8") for page in OWN_PAGES)
#: What all kinds of destinations share, those that speak to a network also; it is shown with some.
SHARED = {"required", "order", "onDrift", "adopt", "names", "endpoint", "caFile", "timeout", "auth"}


def test_the_example_loads_without_warnings(folder: Folder) -> None:
    folder.write(example())

    made = load("config.yaml", check_references=False)

    assert made.warnings == ()
    assert [each.name for each in made.rotations] == [
        "billing-api",
        "payroll",
        "connection-contoso",
        "connection-fabrikam",
    ]


def test_the_example_covers_the_whole_schema() -> None:
    whole = schema()
    written = set(_covered(whole, whole, yaml.safe_load(example())))

    missing = {
        f"{name}.{option}"
        for name, block in {"": whole, **whole["$defs"]}.items()
        for option in block.get("properties", {})
        if (name, option) not in written
    }

    # What all methods of connections share is shown once, with the first of them.
    shared = set(whole["$defs"]["ClientSecretConnection"]["properties"])
    missing = {each for each in missing if not (each.partition("Connection.")[2] in shared and "Connection." in each)}
    # Azure DevOps signs in by one method more than other kinds of Azure, which show the rest.
    missing -= {f"DevOpsAuth.{option}" for name, option in written if name == "AzureAuth"}
    assert {each for each in missing if each.partition("Destination.")[2] not in SHARED} == set()
    assert {"ClientSecretConnection." + option for option in shared}.isdisjoint(missing)
    assert {option for _, option in written} >= SHARED


def test_every_option_of_the_example_has_a_comment() -> None:
    lines = example().splitlines()
    explained: dict[str, bool] = {}
    for n, line in enumerate(lines):
        found = re.match(r"\s*(?:- )?([A-Za-z0-9]+):", line)
        if found:
            comment = " #" in line or lines[n - 1].lstrip().startswith("#")
            explained[found[1]] = explained.get(found[1], False) or comment

    assert [key for key, is_explained in explained.items() if not is_explained] == []


def test_the_schema_is_plain_json_with_defaults_as_one_writes_them() -> None:
    made = json.loads(json.dumps(schema()))

    verify = made["$defs"]["Verify"]["properties"]
    assert (verify["interval"]["default"], verify["deadline"]["default"]) == ("5s", "15m")
    assert made["$defs"]["Rotation"]["required"] == ["name"]
    assert made["$schema"].startswith("https://json-schema.org/")


def test_the_schema_refuses_unknown_keys_everywhere() -> None:
    assert [name for name, block in _blocks(schema()).items() if block["additionalProperties"] is not False] == []


def test_the_schema_holds_nothing_of_a_later_version() -> None:
    said = json.dumps(schema())

    assert '"revokeWhen"' not in said


def test_rotator_config_example_names_the_schema_for_editors() -> None:
    assert example().startswith("# yaml-language-server: $schema=")


@pytest.mark.parametrize("block", re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
def test_every_file_in_the_documentation_loads(folder: Folder, block: str) -> None:
    assert folder.load(block).warnings == ()


def test_the_documentation_names_every_option() -> None:
    options = {option for block in _blocks(schema()).values() for option in block["properties"]}

    assert [option for option in sorted(options) if not re.search(rf"\b{option}\b", PAGES)] == []


def _blocks(made: Node) -> dict[str, Node]:
    return {name: block for name, block in {"": made, **made["$defs"]}.items() if "properties" in block}


def _covered(whole: Node, node: Node, value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The options of each block of the schema that the value has, wherever in it."""
    for name_, block in _choices(whole, node, name):
        if isinstance(value, list) and "items" in block:
            for each in value:
                yield from _covered(whole, block["items"], each, name_)
        if isinstance(value, dict):
            options = block.get("properties", {})
            for key, each in value.items():
                yield name_, key
                yield from _covered(whole, options.get(key, block.get("additionalProperties") or {}), each, name_)


def _choices(whole: Node, node: Node, name: str) -> Iterator[tuple[str, Node]]:
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        yield name, whole["$defs"][name]
    for each in node.get("anyOf", []):
        yield from _choices(whole, each, name)
    if "$ref" not in node:
        yield name, node
