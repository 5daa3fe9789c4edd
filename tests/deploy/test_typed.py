"""Does what the pages on installing have people type lead there? In a root of its own; docker and kubectl by names."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotator.config import load
from tests.cli.workspace import Tenant
from tests.deploy.test_helm import CHART
from tests.docs.pages import ROOT, Page, page

SYSTEMD, CONTAINER, KUBERNETES = (
    page(ROOT / "docs" / f"install-{name}.md") for name in ("systemd", "container", "kubernetes")
)
#: Places of a machine that the page writes to; in the test they are below its own root.
PLACES = ("/opt/rotator", "/usr/local/bin", "/etc/rotator", "/etc/systemd", "/etc/polkit-1", "/run/credentials")
#: What stands for programs that need a machine of their own: pip looks whether it could, systemd does what a start is.
STAND_INS = r"""
set -euo pipefail
sudo() { case $1 in *=*) env "$@" ;; *) "$@" ;; esac; }
journalctl() { :; }
python3() {
    [ "$1 $2" = "-m venv" ]
    install -d "$3/bin"
    printf '#!/bin/sh\nexec "%s" -m rotator "$@"\n' "$PYTHON" > "$3/bin/rotator"
    printf '#!/bin/sh\nfor each; do case $each in *.txt) [ -s "$each" ] || exit 9 ;; esac; done\n' > "$3/bin/pip"
    chmod +x "$3/bin/rotator" "$3/bin/pip"
}
systemctl() {
    case "$*" in "enable --now rotator"*|"restart rotator") ;; *) return 0 ;; esac
    install -d "$TOP/run/credentials/rotator.service"
    for each in "$TOP"/etc/rotator/credentials/*; do
        cp "$each" "$TOP/run/credentials/rotator.service/secret_${each##*/}"
    done
    CREDENTIALS_DIRECTORY="$TOP/run/credentials/rotator.service" "$TOP/opt/rotator/bin/rotator" run --once
}
"""


def blocks(shown: Page, kind: str) -> str:
    return "\n".join(text for each, text in shown.fences() if each == kind)


def configuration(top: Path, tenant: Tenant) -> dict[str, Any]:
    """The one that the page shows, for the simulated tenant."""
    document: dict[str, Any] = yaml.safe_load(blocks(SYSTEMD, "yaml"))
    place, [connection], [rotation] = tenant.place, document["connections"], document["rotations"]
    document["state"]["url"] = f"sqlite:///{top}/state.db"
    document["metrics"]["listen"] = "127.0.0.1:0"
    document["defaults"] = {"verify": {"successes": 1, "interval": "0s"}}
    document["clouds"] = {"simulated": {key: place[key] for key in ("authority", "graph", "scope", "caFile")}}
    connection["cloud"] = "simulated"
    connection["credentials"] |= {"tenantId": place["tenantId"], "clientId": place["adminClientId"]}
    rotation["parameters"] = {"clientId": tenant.application(displayName="Billing")["clientId"]}
    rotation["destinations"][0]["path"] = str(top / "billing.env")
    return document


@pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not here: what install-systemd.md shows was NOT tried"
)
def test_whoever_types_the_page_on_systemd_has_a_rotated_secret(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("deploy", "requirements", "pyproject.toml"):
        (source / name).symlink_to(ROOT / name)
    for place in PLACES:
        (tmp_path / place[1:]).parent.mkdir(parents=True, exist_ok=True)
    for folder in ("usr/local/bin", "etc/systemd/system", "etc/polkit-1/rules.d"):
        (tmp_path / folder).mkdir(parents=True)
    script = re.sub(
        "|".join(rf"(?<![\w/-]){place}" for place in PLACES), lambda each: f"{tmp_path}{each[0]}", blocks(SYSTEMD, "sh")
    )
    tenant = Tenant()
    try:
        (source / "config.yaml").write_text(yaml.safe_dump(configuration(tmp_path, tenant)))
        (source / "contoso-secret.txt").write_text(tenant.place["adminClientSecret"] + "\n")
        ended = typed(script, source, tmp_path)
    finally:
        tenant.close()

    assert ended.returncode == 0, f"{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
    assert "BILLING_CLIENT_SECRET=" in (tmp_path / "billing.env").read_text()
    assert stat.S_IMODE((tmp_path / "etc/rotator/credentials").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "etc/rotator/credentials/key").stat().st_mode) == 0o600


def typed(script: str, folder: Path, top: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "TOP": str(top),
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "ROTATOR_CONFIG": str(top / "etc/rotator/config.yaml"),
        "PATH": f"{top}/usr/local/bin:{os.environ['PATH']}",
    }
    words = ["bash", "-x", "-c", STAND_INS + script]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_what_docker_is_told_on_the_page_is_in_the_files(tmp_path: Path) -> None:
    script = re.sub(r"\\\n", " ", blocks(CONTAINER, "sh"))
    lines = [shlex.split(line) for line in script.splitlines() if line.strip()]
    assert {words[0] for words in lines} == {"docker"}
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    dockerfile = (ROOT / "Dockerfile").read_text()

    for words in lines:
        given = dict(pairwise(words))
        assert given.get("--file", "deploy/compose.yaml") == "deploy/compose.yaml"
        assert given.get("--scale", "rotator=3").partition("=")[0] in compose["services"]
        assert f"ARG {given.get('--build-arg', 'VERSION=').partition('=')[0]}=" in dockerfile
        if "--profile" in given:
            assert compose["services"][words[-1]]["profiles"] == [given["--profile"]]
    for place in ("/var/lib/rotator", "/etc/rotator/config.yaml", "/run/secrets"):
        assert re.search(rf"--volume \S+:{place}(?::ro)?(?:\"| )", script), place
    (tmp_path / "config.yaml").write_text(blocks(CONTAINER, "yaml"))
    made = load(tmp_path / "config.yaml", check_references=False)
    assert f":{made.metrics.port} " in script


def test_what_kubectl_makes_on_the_page_is_what_the_values_name() -> None:
    script = blocks(KUBERNETES, "sh")
    made = set(re.findall(r"create secret generic ([\w-]+) --from-file=([\w.-]+)=", script))
    values = yaml.safe_load(next(text for kind, text in KUBERNETES.fences() if kind == "yaml"))
    named = [each["existingSecret"] for each in values["encryptionKeys"]]
    named += [values["database"]["postgresql"]["existingSecret"]]

    assert made == {(each["name"], each["key"]) for each in named}
    assert f"helm install rotator {CHART.relative_to(ROOT)} " in script
    assert set(re.findall(r"exec (\S+) --", script)) == {"deploy/rotator"}
