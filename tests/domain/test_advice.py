"""Whose consumers could sign in without a secret, and how?"""

from __future__ import annotations

import json
import shlex

import pytest

from rotator.domain.advice import Advice, advice
from rotator.domain.model import DestinationRule, Rotation
from tests.builders import TENANT, a_rotation, an_embedded_destination


def to(kind: str, **options: object) -> Rotation:
    return a_rotation(destinations=(an_embedded_destination(), DestinationRule("there", kind, options=options)))


def trust(told: Advice) -> dict[str, object]:
    """What the command that is told would have the application trust."""
    words = shlex.split(told.hint[told.hint.index("az ad app") :].partition(";")[0])
    wanted: dict[str, object] = json.loads(words[words.index("--parameters") + 1])
    return wanted


@pytest.mark.parametrize(
    ("rotation", "issuer", "subject"),
    [
        (
            to("github-actions", repository="acme/api", environment="prod"),
            "https://token.actions.githubusercontent.com",
            "repo:acme/api:environment:prod",
        ),
        (
            to("github-actions", repository="acme/api"),
            "https://token.actions.githubusercontent.com",
            "repo:acme/api:ref:refs/heads/BRANCH",
        ),
        (
            to("kubernetes", namespace="billing"),
            "ISSUER_OF_THE_CLUSTER",
            "system:serviceaccount:billing:SERVICE_ACCOUNT",
        ),
        (to("gcp-secret-manager"), "https://accounts.google.com", "UNIQUE_ID_OF_THE_SERVICE_ACCOUNT"),
        (
            to("azure-app-service", resourceId="/subscriptions/s/sites/shop"),
            f"https://login.microsoftonline.com/{TENANT}/v2.0",
            "PRINCIPAL_ID_OF_THE_IDENTITY",
        ),
    ],
    ids=lambda each: each.destinations[-1].kind if isinstance(each, Rotation) else "",
)
def test_the_command_lets_the_application_trust_the_platforms_own_token(
    rotation: Rotation, issuer: str, subject: str
) -> None:
    [told] = advice(rotation)

    wanted = trust(told)
    assert (wanted["issuer"], wanted["subject"]) == (issuer, subject)
    assert wanted["audiences"] == ["api://AzureADTokenExchange"]


def test_another_cloud_has_another_audience_and_authority() -> None:
    [told] = advice(
        to("azure-app-service", resourceId="/a/shop"), cloud="china", authority="https://login.chinacloudapi.cn"
    )

    assert trust(told)["audiences"] == ["api://AzureADTokenExchangeChina"]
    assert str(trust(told)["issuer"]).startswith("https://login.chinacloudapi.cn/")
    assert told.message == "shop could use a managed identity"


def test_a_service_connection_is_converted() -> None:
    [told] = advice(to("azure-devops", organisation="acme", project="p", serviceConnection="to-azure"))

    assert "'to-azure'" in told.hint


def test_what_runs_anywhere_and_the_connections_own_secret_get_no_advice() -> None:
    assert list(advice(to("file", path="/x"))) == []
    assert list(advice(a_rotation(own_connection="contoso", destinations=to("kubernetes").destinations))) == []
