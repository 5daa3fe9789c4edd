"""Does the chart make what it promises, and refuse what cannot be? By its schema, and by helm where there is one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from rotator import __version__
from rotator.config import load
from tests.docs.pages import page

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "rotator"
HELM = os.environ.get("HELM") or shutil.which("helm", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")
TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"
POSTGRES = {
    "database": {
        "kind": "postgresql",
        "postgresql": {"url": "postgresql://rotator@db/rotator", "existingSecret": {"name": "db", "key": "password"}},
    }
}

needs_helm = pytest.mark.skipif(
    HELM is None, reason="no helm (`make helm` builds it): only schema and YAML are checked"
)


def wanted(**more: Any) -> dict[str, Any]:
    """The least that is of use: one rotation by a secret that is there."""
    connection = {
        "name": "contoso",
        "method": "client-secret",
        "credentials": {
            "tenantId": TENANT,
            "clientId": CLIENT,
            "clientSecret": {"file": "/run/secrets/rotator/contoso-secret"},
        },
    }
    plain = {
        "encryptionKeys": [{"existingSecret": {"name": "keys", "key": "2026-11"}}],
        "credentials": [{"name": "contoso-secret", "existingSecret": {"name": "contoso", "key": "secret"}}],
        "connections": [connection],
        "rotations": [rotation("billing-api")],
    }
    return {**plain, **more}


def rotation(name: str, *destinations: Mapping[str, object]) -> dict[str, Any]:
    word = name.upper().replace("-", "_")
    made = {
        "name": name,
        "connection": "contoso",
        "rotationInterval": 30,
        "parameters": {"appName": name, "objectId": TENANT},
        "secretsMapping": {"clientId": f"{word}_ID", "clientSecret": f"{word}_SECRET"},
    }
    return {**made, "destinations": list(destinations)} if destinations else made


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "two replicas on SQLite": ({"replicas": 2}, "replicas"),
    "no key": ({"encryptionKeys": []}, "encryptionKeys"),
    "a key elsewhere that wraps nothing": (
        {"encryptionKeys": [{"keyVault": "https://v.vault.azure.net/keys/rotator"}]},
        "encryptionKeys",
    ),
    "a key that is written down": ({"encryptionKeys": [{"value": "c2VjcmV0"}]}, "encryptionKeys"),
    "PostgreSQL without an address": ({"database": {"kind": "postgresql", "postgresql": {"url": ""}}}, "url"),
    "a password in the address": (
        {"database": {"kind": "postgresql", "postgresql": {"url": "postgresql://u:p@db/rotator"}}},
        "url",
    ),
    "another database": ({"database": {"kind": "mysql"}}, "kind"),
    "an API in clear": ({"api": {"enabled": True, "tls": {"existingSecret": ""}, "behindProxy": False}}, "api"),
    "workload identity of nobody": ({"workloadIdentity": {"enabled": True, "clientId": ""}}, "clientId"),
    "the state twice": ({"config": {"state": {"url": "sqlite:///x"}}}, "config"),
    "a key that nothing reads": ({"replicaCount": 1}, "replicaCount"),
}


@pytest.mark.parametrize(("more", "named"), REFUSED.values(), ids=REFUSED)
def test_the_schema_refuses_what_cannot_be_and_says_where(more: dict[str, Any], named: str) -> None:
    problems = [f"{problem.instance_path} {problem.message}" for problem in problems_of(wanted(**more))]

    assert any(named in problem for problem in problems), problems


@pytest.mark.parametrize(
    "more", [{}, {**POSTGRES, "replicas": 3}, {"workloadIdentity": {"enabled": True, "clientId": CLIENT}}]
)
def test_the_schema_accepts_what_can_be(more: dict[str, Any]) -> None:
    assert [str(problem) for problem in problems_of(wanted(**more))] == []


def test_every_value_has_a_place_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert set(values()) == set(schema["properties"]) - {"global"}


def test_the_chart_bears_our_version_and_our_alerts() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["appVersion"] == chart["version"] == __version__
    assert (CHART / "alerts.yaml").read_text() == (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text()


@needs_helm
def test_on_sqlite_there_is_one_pod_which_is_replaced_and_a_volume_that_stays(tmp_path: Path) -> None:
    made = rendered(wanted())

    deployment = made["Deployment", "prod-rotator"]
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    claim = made["PersistentVolumeClaim", "prod-rotator"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert ("PodDisruptionBudget", "prod-rotator") not in made
    assert configured(made, tmp_path) == ["billing-api"]


@needs_helm
def test_on_postgresql_there_are_many_pods_apart_from_one_another(tmp_path: Path) -> None:
    made = rendered(wanted(**POSTGRES, replicas=3))

    spec = made["Deployment", "prod-rotator"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (3, {"type": "RollingUpdate"})
    assert spec["template"]["spec"]["topologySpreadConstraints"]
    assert made["PodDisruptionBudget", "prod-rotator"]["spec"]["minAvailable"] == 1
    assert not any(kind == "PersistentVolumeClaim" for kind, _ in made)
    assert configured(made, tmp_path) == ["billing-api"]


@needs_helm
def test_a_pod_is_confined_and_its_secrets_are_files_of_secrets_that_exist() -> None:
    pod = rendered(wanted())["Deployment", "prod-rotator"]["spec"]["template"]["spec"]

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    container = pod["containers"][0]["securityContext"]
    assert container["readOnlyRootFilesystem"]
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False
    secrets = [
        each["secret"]["name"] for volume in pod["volumes"] for each in volume.get("projected", {}).get("sources", [])
    ]
    assert secrets == ["keys", "contoso"]


@needs_helm
def test_a_key_elsewhere_is_in_the_configuration_and_nowhere_else(tmp_path: Path) -> None:
    there = {"keyVault": "https://v.vault.azure.net/keys/rotator", "wrapped": "v1:eHh4"}
    made = rendered(wanted(encryptionKeys=[there]))

    assert configured(made, tmp_path) == ["billing-api"]
    block = yaml.safe_load(made["ConfigMap", "prod-rotator"]["data"]["config.yaml"])
    assert block["state"]["encryptionKeys"] == [there]
    pod = made["Deployment", "prod-rotator"]["spec"]["template"]["spec"]
    assert "keys" not in {volume["name"] for volume in pod["volumes"]}


@needs_helm
def test_rights_in_the_cluster_are_given_for_named_secrets_only_and_only_where_they_are_delivered_to() -> None:
    assert not any("Role" in kind for kind, _ in rendered(wanted()))

    there = {"kind": "kubernetes", "namespace": "payments", "secret": "{rotation.name}"}
    outside = {"kind": "kubernetes", "namespace": "far", "secret": "x", "kubeconfig": "/k"}
    made = rendered(wanted(rotations=[rotation("billing-api", there, outside), rotation("payroll", there)]))

    assert {key for key in made if key[0] == "Role"} == {("Role", "prod-rotator")}
    role = made["Role", "prod-rotator"]
    assert role["metadata"]["namespace"] == "payments"
    assert role["rules"][0]["resourceNames"] == ["billing-api", "payroll"]
    assert role["rules"][1] == {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
    assert made["Deployment", "prod-rotator"]["spec"]["template"]["spec"]["automountServiceAccountToken"] is True


@needs_helm
def test_hooks_may_restart_the_workloads_that_they_name_and_no_others() -> None:
    hook = {"kind": "kubernetes", "namespace": "payments", "restart": ["deployment/api", "statefulset/{rotation.name}"]}
    made = rendered(wanted(rotations=[{**rotation("billing-api"), "hooks": [hook]}]))

    rules = made["Role", "prod-rotator"]["rules"]
    assert [(rule["resources"], rule["resourceNames"], rule["verbs"]) for rule in rules] == [
        (["deployments"], ["api"], ["patch"]),
        (["statefulsets"], ["billing-api"], ["patch"]),
    ]
    assert made["Deployment", "prod-rotator"]["spec"]["template"]["spec"]["automountServiceAccountToken"] is True


@needs_helm
def test_workload_identity_labels_the_pod_and_names_the_application() -> None:
    made = rendered(wanted(workloadIdentity={"enabled": True, "clientId": CLIENT, "tenantId": TENANT}))

    labels = made["Deployment", "prod-rotator"]["spec"]["template"]["metadata"]["labels"]
    assert labels["azure.workload.identity/use"] == "true"
    notes = made["ServiceAccount", "prod-rotator"]["metadata"]["annotations"]
    assert notes["azure.workload.identity/client-id"] == CLIENT


@needs_helm
def test_everything_that_can_be_turned_on_is_whole_and_loads(tmp_path: Path) -> None:
    made = rendered(
        wanted(
            **POSTGRES,
            replicas=2,
            api={"enabled": True, "tls": {"existingSecret": "tls"}},
            config={"daemon": {"concurrency": 4}, "api": {"rates": {"logins": 30}}},
            metrics={
                "serviceMonitor": {"enabled": True},
                "prometheusRule": {"enabled": True, "labels": {"release": "p"}},
            },
            networkPolicy={"enabled": True, "egress": [{"ports": [{"port": 5432}]}]},
        )
    )

    assert configured(made, tmp_path) == ["billing-api"]
    block = yaml.safe_load(made["ConfigMap", "prod-rotator"]["data"]["config.yaml"])
    assert block["api"]["listen"] == "0.0.0.0:8780"
    assert block["api"]["rates"] == {"logins": 30}
    assert block["daemon"] == {"concurrency": 4}
    assert made["PrometheusRule", "prod-rotator"]["spec"]["groups"][0]["rules"][0]["alert"] == "RotatorSecretExpired"
    assert made["ServiceMonitor", "prod-rotator"]["spec"]["endpoints"][0]["port"] == "metrics"
    egress = made["NetworkPolicy", "prod-rotator"]["spec"]["egress"]
    assert [rule["ports"][-1]["port"] for rule in egress] == [53, 443, 5432]


@needs_helm
def test_helm_refuses_by_the_schema_with_the_reason() -> None:
    refused = helm("template", "prod", str(CHART), "--kube-version", "1.31", text=yaml.safe_dump(wanted(replicas=2)))

    assert refused.returncode != 0
    assert "replicas" in refused.stderr


@needs_helm
def test_helm_finds_nothing_wrong_with_the_chart() -> None:
    told = helm("lint", "--strict", str(CHART), text=yaml.safe_dump(wanted()))

    assert told.returncode == 0, told.stdout


def test_the_values_that_the_page_shows_are_accepted() -> None:
    shown = [text for kind, text in page(ROOT / "docs" / "install-kubernetes.md").fences() if kind == "yaml"]

    assert shown
    for text in shown:
        assert [str(problem) for problem in problems_of({**wanted(), **yaml.safe_load(text)})] == []


def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return found


def problems_of(given: Mapping[str, Any]) -> list[Any]:
    """As helm does: over the chart's own values."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    return list(jsonschema_rs.Draft7Validator(schema).iter_errors(_merged(values(), given)))


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: _merged(below.get(key), above[key]) if key in above else below[key] for key in {**below, **above}}
    return above


def helm(*words: str, text: str) -> subprocess.CompletedProcess[str]:
    assert HELM is not None
    return subprocess.run(
        [HELM, *words, "--values", "-"], input=text, capture_output=True, text=True, timeout=60, check=False
    )


def rendered(given: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """What the chart makes, by kind and name."""
    words = ("template", "prod", str(CHART), "--namespace", "rotation", "--kube-version", "1.31")
    told = helm(*words, text=yaml.safe_dump(dict(given)))
    assert told.returncode == 0, told.stderr
    made = [each for each in yaml.safe_load_all(told.stdout) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in made}


def configured(made: Mapping[tuple[str, str], dict[str, Any]], folder: Path) -> list[str]:
    """The rotations of the configuration that the pod would read; it loads without a warning."""
    text = made["ConfigMap", "prod-rotator"]["data"]["config.yaml"]
    (folder / "config.yaml").write_text(re.sub(r"/run/secrets/rotator-tls/\S+", "/dev/null", text))
    found = load(folder / "config.yaml", check_references=False)
    assert found.warnings == ()
    return [each.name for each in found.rotations]
