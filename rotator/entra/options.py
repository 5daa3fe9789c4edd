"""How is a connection to a tenant described? Its options, one class for each sign-in method."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from rotator.options import (
    Address,
    Description,
    FilePath,
    Flag,
    Id,
    Line,
    Options,
    Rule,
    Slug,
    UtcTime,
    ZonedTime,
    one_of,
    refuse,
    span,
    whole,
)
from rotator.references import Reference

_LONGEST_REDIRECT = 256
_REDIRECTS = "an address such as https://rotator.example/callback; http only to localhost"
PUBLIC_CLOUDS = ("public", "usgov", "usgov-dod", "china")


def _redirect(value: object) -> str:
    """Kept to the letter: Entra compares it with what is registered, a final slash included.

    https://learn.microsoft.com/entra/identity-platform/reply-url
    """
    if not isinstance(value, str) or not value.isprintable() or " " in value or len(value) > _LONGEST_REDIRECT:
        refuse(value, _REDIRECTS)
    try:
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}
        well = bool(parts.hostname) and (parts.scheme == "https" or local)
    except ValueError:
        well = False
    return value if well else refuse(value, _REDIRECTS)


Redirect = Annotated[str, Rule(_redirect, {"type": "string", "format": "uri"})]


class Cloud(Options):
    """A cloud of one's own, by its name under `clouds`."""

    authority: Address = Field(description="Where tokens come from, without the tenant.")
    graph: Address = Field(description="Microsoft Graph with its version, such as https://graph.microsoft.com/v1.0.")
    scope: Line = Field(default="", description="What tokens are asked for; default: the root of graph with /.default.")
    ca_file: FilePath | None = Field(default=None, description="Certificates to trust beside the usual ones, PEM.")


class Timeouts(Options):
    """How long one request may take."""

    connect: Annotated[timedelta, span(timedelta(seconds=1), timedelta(minutes=5))] = Field(
        default=timedelta(seconds=5), description="To connect; default 5s."
    )
    request: Annotated[timedelta, span(timedelta(seconds=1), timedelta(minutes=10))] = Field(
        default=timedelta(seconds=30), description="From the request to the whole answer; default 30s."
    )


class OwnRotation(Options):
    """When the connection's own client secret is rotated."""

    rotation_interval: Annotated[int, whole(1, 365, "days")] = Field(
        description="Days between two rotations, 1 to 365."
    )
    rotate_at_utc: UtcTime | None = Field(default=None, description="Time of day in UTC; default 00:00.")
    rotate_at: ZonedTime | None = Field(default=None, description="Time of day in a zone, instead of rotateAtUtc.")
    adopt: Id | None = Field(
        default=None, description="Key id of the secret written here, so that it too is revoked in the end."
    )


class Connection(Options):
    """How we reach one tenant: what all sign-in methods share."""

    name: Slug = Field(description="1 to 64 of a-z, 0-9 and '-'.")
    description: Description = ""
    app: Annotated[Literal["azure-client-secrets"], one_of("azure-client-secrets")] = "azure-client-secrets"
    cloud: Slug = Field(default="public", description="public | usgov | usgov-dod | china | a name from clouds.")
    timeouts: Timeouts = Timeouts()
    propagation: Annotated[timedelta, span(most=timedelta(hours=24))] = Field(
        default=timedelta(minutes=2), description="How long Entra may take to agree with itself; default 2m."
    )
    is_auto_rotation_enabled: Flag = Field(default=False, description="Rotate the connection's own client secret.")
    rotation: OwnRotation | None = Field(default=None, description="When; needed with isAutoRotationEnabled.")


class ClientSecretCredentials(Options):
    """A client secret of the application we sign in as."""

    tenant_id: Id
    client_id: Id
    client_secret: Reference


class CertificateCredentials(Options):
    """A certificate of the application we sign in as, PEM; the private key beside it or in the same file."""

    tenant_id: Id
    client_id: Id
    certificate: Reference
    private_key: Reference | None = None


class ManagedIdentityCredentials(Options):
    """The identity of the machine; the client id names a user-assigned one."""

    tenant_id: Id
    client_id: Id | None = None


class WorkloadIdentityCredentials(Options):
    """A federated token from a file; default: $AZURE_FEDERATED_TOKEN_FILE."""

    tenant_id: Id
    client_id: Id
    token_file: FilePath | None = None


class AzureCliCredentials(Options):
    """Whoever is signed in with `az login`."""

    tenant_id: Id


class OAuthCredentials(Options):
    """The consent of a person, in whose name an application acts: the refresh token that he has given it."""

    tenant_id: Id
    client_id: Id
    client_secret: Reference | None = Field(default=None, description="Of the application, unless it is a public one.")
    refresh_token: Reference = Field(description="The first one; what follows it is kept sealed in the database.")


class OAuthApplication(Options):
    """The application in whose name people sign in to make connections through the API."""

    client_id: Id = Field(description="Its client id.")
    client_secret: Reference | None = Field(default=None, description="Its client secret, unless it is a public one.")
    redirect_uri: Redirect = Field(description="Where /authorize sends the browser back to, exactly as registered.")


class ClientSecretConnection(Connection):
    """Signs in with a client secret."""

    method: Literal["client-secret"]
    credentials: ClientSecretCredentials


class CertificateConnection(Connection):
    """Signs in with a certificate."""

    method: Literal["certificate"]
    credentials: CertificateCredentials


class ManagedIdentityConnection(Connection):
    """Signs in as the machine."""

    method: Literal["managed-identity"]
    credentials: ManagedIdentityCredentials


class WorkloadIdentityConnection(Connection):
    """Signs in with a federated token."""

    method: Literal["workload-identity"]
    credentials: WorkloadIdentityCredentials


class AzureCliConnection(Connection):
    """Signs in as whoever uses the Azure CLI here."""

    method: Literal["azure-cli"]
    credentials: AzureCliCredentials


class OAuthConnection(Connection):
    """Signs in in a person's name."""

    method: Literal["oauth"]
    credentials: OAuthCredentials


AnyConnection = (
    ClientSecretConnection
    | CertificateConnection
    | ManagedIdentityConnection
    | WorkloadIdentityConnection
    | AzureCliConnection
    | OAuthConnection
)

#: The class of options of each sign-in method.
METHODS: dict[str, type[AnyConnection]] = {
    "client-secret": ClientSecretConnection,
    "certificate": CertificateConnection,
    "managed-identity": ManagedIdentityConnection,
    "workload-identity": WorkloadIdentityConnection,
    "azure-cli": AzureCliConnection,
    "oauth": OAuthConnection,
}


def tenant_and_client(connection: AnyConnection) -> tuple[str, str]:
    """The tenant id, and the client id it signs in as where the method tells (else empty)."""
    return connection.credentials.tenant_id, getattr(connection.credentials, "client_id", None) or ""
