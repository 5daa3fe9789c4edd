"""Do the alerts fire and clear when they should? As promtool says over recorded numbers, and against the program."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotator.observers.metrics import Metrics
from rotator.observers.unmanaged import Taken, Unmanaged
from tests.builders import a_credential, some_facts
from tests.docs.pages import page
from tests.docs.sources import alarm_codes
from tests.fakes import START
from tests.observers.reading import Samples

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
GRAFANA = ROOT / "deploy" / "grafana" / "rotator.json"
RUNBOOKS = page(ROOT / "docs" / "runbooks.md")
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: apt install prometheus)"
)


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@needs_promtool
def test_each_alert_fires_and_clears_over_recorded_numbers(tmp_path: Path) -> None:
    shutil.copy(ALERTS, tmp_path)
    shutil.copy(Path(__file__).parent / "alerts.test.yaml", tmp_path)

    told = promtool("test", "rules", str(tmp_path / "alerts.test.yaml"))

    assert told.returncode == 0, told.stdout + told.stderr


@needs_promtool
def test_prometheus_finds_nothing_wrong_with_what_it_is_told() -> None:
    metrics = Metrics()
    metrics.answered("addPassword", 200)
    metrics.standings.learn([some_facts(credentials=(a_credential(),))])

    told = promtool("check", "metrics", text="".join(metrics.text(START + timedelta(days=1))))

    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_every_alert_is_seen_to_fire_and_then_to_clear_in_the_recorded_numbers() -> None:
    cases = [
        [(case["alertname"], bool(case["exp_alerts"])) for case in test["alert_rule_test"]]
        for test in yaml.safe_load((Path(__file__).parent / "alerts.test.yaml").read_text())["tests"]
    ]
    cleared = {name for test in cases for (name, fires), after in pairwise(test) if fires and after == (name, False)}

    assert cleared == {rule["alert"] for rule in rules()}


def test_every_alert_has_a_section_in_the_runbooks_in_the_same_order() -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOKS.text, re.MULTILINE)

    assert sections == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_alerts_and_dashboard_ask_for_numbers_and_alarms_that_exist() -> None:
    unmanaged = Unmanaged()
    unmanaged.learn("contoso", Taken(START))
    families = set(Samples([*Metrics().text(START), *unmanaged.text()]).families())
    asked = "\n".join([*(rule["expr"] for rule in rules()), *expressions(json.loads(GRAFANA.read_text()))])

    named = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\brotator_[a-z_]+\b", asked)}
    assert named <= families
    assert set(re.findall(r'code="([A-Z_]+)"', asked)) <= set(alarm_codes())


def expressions(node: Any) -> list[str]:
    """All queries of a dashboard."""
    if isinstance(node, list):
        return [each for child in node for each in expressions(child)]
    if not isinstance(node, dict):
        return []
    own = [node["expr"]] if "expr" in node else []
    return own + [each for child in node.values() for each in expressions(child)]


def promtool(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run([PROMTOOL, *words], input=text, capture_output=True, text=True, timeout=60, check=False)
