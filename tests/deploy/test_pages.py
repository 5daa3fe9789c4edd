"""Does what the pages on installing show work? Their configurations load, and credentials of systemd open the books."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest

from rotator.config import load
from tests.cli.workspace import Tenant, Workspace
from tests.docs.pages import ROOT, page

SHOWN = [
    pytest.param(text, id=f"{name} {n}")
    for name in ("install-systemd", "install-container", "metrics")
    for n, (kind, text) in enumerate(page(ROOT / "docs" / f"{name}.md").fences())
    if kind == "yaml"
]


@pytest.mark.parametrize("text", SHOWN)
def test_a_configuration_that_is_shown_loads(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)

    assert load(tmp_path / "config.yaml", check_references=False).warnings == ()


def test_a_daemon_with_the_credentials_of_its_unit_rotates(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    tenant = Tenant()
    try:
        workspace = Workspace(tmp_path, tenant)
        (folder / "secret_key").write_text(base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
        (folder / "secret_contoso").write_text(tenant.place["adminClientSecret"] + "\n")
        workspace.document["state"]["encryptionKeys"] = [{"credential": "secret_key"}]
        workspace.document["connections"][0]["credentials"]["clientSecret"] = {"credential": "secret_contoso"}
        workspace.add("billing", tenant.application())

        done = workspace.process("run", "--once", CREDENTIALS_DIRECTORY=str(folder))

        assert done.status == 0, done.err
        assert workspace.delivered("billing")
    finally:
        tenant.close()
