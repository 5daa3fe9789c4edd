"""Which applications need no secret at all, because their consumers could prove who they are in another way?

The destination tells where the consumer runs; what it is given there could be a token of the platform's own instead.
Issuers, subjects and audiences: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rotator.domain.model import DestinationRule, Rotation

#: What the other side's tokens are for, by cloud.
_AUDIENCES = {"usgov": "api://AzureADTokenExchangeUSGov", "china": "api://AzureADTokenExchangeChina"}
_AUDIENCE = "api://AzureADTokenExchange"


@dataclass(frozen=True, slots=True)
class Advice:
    """One way to do without the secret of a rotation."""

    rotation: str
    #: Where its consumer runs, by the destination's name.
    destination: str
    message: str
    #: What to do.
    hint: str


def advice(rotation: Rotation, *, cloud: str = "public", authority: str = "") -> Iterator[Advice]:
    """Each way that a destination of the rotation shows. `authority`: where the cloud's tokens come from."""
    place = _Place(rotation, _AUDIENCES.get(cloud, _AUDIENCE), authority or "https://login.microsoftonline.com")
    for rule in rotation.destinations:
        way = _WAYS.get(rule.kind)
        if way is not None and not rotation.own_connection:
            message, hint = way(place, rule)
            yield Advice(rotation.name, rule.name, message, hint)


@dataclass(frozen=True, slots=True)
class _Place:
    rotation: Rotation
    audience: str
    authority: str

    def trust(self, issuer: str, subject: str) -> str:
        """The command that lets the application trust that subject."""
        app = self.rotation.application
        wanted = (
            f'{{"name": "{self.rotation.name}", "issuer": "{issuer}", "subject": "{subject}",'
            f' "audiences": ["{self.audience}"]}}'
        )
        return f"az ad app federated-credential create --id {app.client_id or app.object_id} --parameters '{wanted}'"


def _kubernetes(place: _Place, rule: DestinationRule) -> tuple[str, str]:
    namespace = rule.options.get("namespace") or "default"
    trust = place.trust("ISSUER_OF_THE_CLUSTER", f"system:serviceaccount:{namespace}:SERVICE_ACCOUNT")
    return (
        "its pods could sign in with the token of their service account (workload identity federation)",
        f"{trust}; then give the pods Azure workload identity, or a projected token for {place.audience}",
    )


def _github(place: _Place, rule: DestinationRule) -> tuple[str, str]:
    repository = rule.options.get("repository") or f"{rule.options.get('organisation')}/REPOSITORY"
    environment = rule.options.get("environment")
    subject = f"environment:{environment}" if environment else "ref:refs/heads/BRANCH"
    trust = place.trust("https://token.actions.githubusercontent.com", f"repo:{repository}:{subject}")
    return (
        "its workflows could sign in with GitHub's own token (workload identity federation)",
        f"{trust}; then 'permissions: id-token: write' and azure/login without a secret",
    )


def _devops(_: _Place, rule: DestinationRule) -> tuple[str, str]:
    connection = rule.options.get("serviceConnection")
    if connection:
        hint = f"In the project's settings open the service connection '{connection}' and choose Convert"
        return "the service connection could use workload identity federation", hint
    return (
        "its pipelines could sign in by a service connection with workload identity federation",
        "Make a service connection of that kind and let the tasks use it instead of the variables",
    )


def _azure_app(place: _Place, rule: DestinationRule) -> tuple[str, str]:
    issuer = f"{place.authority}/{place.rotation.application.tenant_id}/v2.0"
    trust = place.trust(issuer, "PRINCIPAL_ID_OF_THE_IDENTITY")
    app = str(rule.options.get("resourceId") or "").rpartition("/")[2]
    return (
        f"{app or 'the app'} could use a managed identity",
        (
            "Give it a user-assigned identity with the rights this application has; where it must act as this very"
            f" application, let that trust the identity: {trust}"
        ),
    )


def _google(place: _Place, _: DestinationRule) -> tuple[str, str]:
    trust = place.trust("https://accounts.google.com", "UNIQUE_ID_OF_THE_SERVICE_ACCOUNT")
    return (
        "what runs at Google could sign in with the token of its service account (workload identity federation)",
        f"{trust}; then ask the metadata server for a token with the audience {place.audience}",
    )


_WAYS: dict[str, Callable[[_Place, DestinationRule], tuple[str, str]]] = {
    "kubernetes": _kubernetes,
    "github-actions": _github,
    "azure-devops": _devops,
    "azure-app-service": _azure_app,
    "gcp-secret-manager": _google,
}
