"""Does each destination's page say what its model takes, and does its example load?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rotator.config import load
from rotator.destinations import KINDS
from rotator.destinations.hooks import HOOK_KINDS
from tests.docs.tables import HOOKS, PAGES, kinds_with_tables, with_hook_tables, with_table

CONFIGURATION = """\
connections:
  - name: contoso
    method: managed-identity
    credentials: {tenantId: 11111111-1111-4111-8111-111111111111}
rotations:
  - name: billing-api
    connection: contoso
    rotationInterval: 30
    parameters: {clientId: 33333333-3333-4333-8333-333333333333}
    secretsMapping: {clientId: BILLING_CLIENT_ID, clientSecret: BILLING_CLIENT_SECRET}
"""


@pytest.mark.parametrize("kind", kinds_with_tables())
def test_the_table_of_options_is_what_the_model_makes(kind: str) -> None:
    page = (PAGES / f"{kind}.md").read_text("utf-8")
    assert page == with_table(page, kind), "python -m tests.docs.tables writes it anew"


@pytest.mark.parametrize("kind", KINDS)
def test_the_block_of_a_page_can_be_copied(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (PAGES / f"{kind}.md").read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(destinations:\n.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert blocks or kind == "embedded"
    for block in blocks:
        indented = "".join(f"    {line}" for line in block.splitlines(keepends=True))
        Path("config.yaml").write_text(CONFIGURATION + indented, "utf-8")
        made = load("config.yaml", check_references=False)
        assert kind in {rule.kind for rule in made.rotations[0].destinations}


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"embedded", "file"}))
def test_a_page_tells_the_least_permissions(kind: str) -> None:
    assert "## Least permissions" in (PAGES / f"{kind}.md").read_text("utf-8")


def test_the_page_of_hooks_has_a_table_for_each_kind_as_the_model_makes_it() -> None:
    page = HOOKS.read_text("utf-8")
    assert [kind for kind in HOOK_KINDS if f"<!-- options: {kind} -->" not in page] == []
    assert page == with_hook_tables(page), "python -m tests.docs.tables writes it anew"
