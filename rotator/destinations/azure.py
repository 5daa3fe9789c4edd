"""How does a destination in Azure sign in: as the rotation's connection, or by an `auth` block of its own?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from rotator.destinations.options import KindOptions, NamedSecret, Reach
from rotator.domain.model import Secret
from rotator.errors import DestinationRefused, DestinationUnavailable, DirectoryError, RotatorError
from rotator.options import FilePath, Id, Options, one_of, problem

if TYPE_CHECKING:
    from rotator.destinations.surroundings import AzureTokens, Surroundings
    from rotator.domain.model import Rotation

#: Method -> what it cannot do without, and what it takes besides.
_TAKES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "client-secret": (("client_id", "client_secret"), ("tenant_id",)),
    "certificate": (("client_id", "certificate"), ("tenant_id", "private_key")),
    "managed-identity": ((), ("tenant_id", "client_id")),
    "workload-identity": (("client_id",), ("tenant_id", "token_file")),
    "azure-cli": ((), ("tenant_id",)),
}


class AzureAuth(Options):
    """A sign-in of the destination's own."""

    method: Annotated[
        Literal["client-secret", "certificate", "managed-identity", "workload-identity", "azure-cli"],
        one_of("client-secret", "certificate", "managed-identity", "workload-identity", "azure-cli"),
    ]
    tenant_id: Id | None = Field(default=None, description="The tenant id; default: that of the connection.")
    client_id: Id | None = Field(default=None, description="The application or identity to sign in as.")
    client_secret: NamedSecret | None = Field(default=None, description="client-secret: its secret, named.")
    certificate: NamedSecret | None = Field(default=None, description="certificate: PEM, named; may hold the key too.")
    private_key: NamedSecret | None = Field(default=None, description="certificate: its key, PEM, named.")
    token_file: FilePath | None = Field(
        default=None, description="workload-identity: the token; default $AZURE_FEDERATED_TOKEN_FILE."
    )

    @model_validator(mode="after")
    def _has_what_the_method_needs(self) -> Self:
        needed, besides = self.takes()
        for name, field in type(self).model_fields.items():
            alias, given = field.alias or name, getattr(self, name) is not None
            if name in needed and not given:
                problem(f"{alias} is missing", f"the method {self.method} needs it")
            if given and name not in {"method", *needed, *besides}:
                problem(f"{alias} is not allowed", f"the method {self.method} has no use for it")
        return self

    def takes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The options that the method cannot do without, and those it takes besides."""
        return _TAKES[self.method]

    def credentials(self) -> dict[str, object]:
        """As `AzureTokens` takes it: the options that are set, secrets still named."""
        return {
            field.alias or name: value
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) is not None
        }


class AzureReach(Reach):
    """How a service in Azure is reached, and by whom."""

    auth: AzureAuth | None = Field(default=None, description="How to sign in; default: as the rotation's connection.")


class AzureOptions(AzureReach, KindOptions):
    """What all kinds of destinations in Azure share."""


class AzureSignIn:
    """Tokens for one destination, with failures in the words of destinations."""

    def __init__(self, options: AzureReach, rotation: Rotation, place: str, *, surroundings: Surroundings) -> None:
        self._auth = options.auth.credentials() if options.auth else None
        self._connection = rotation.connection
        self._place = place
        self._tokens = surroundings.azure

    @property
    def cloud(self) -> str:
        """The name of the cloud."""
        return self._tokens.cloud(self._connection)

    async def token(self, scope: str, operation: str, *, anew: bool = False) -> str:
        """An access token; `anew`: the last one was refused. Raises DestinationRefused or DestinationUnavailable."""
        token = await azure_token(
            self._tokens,
            scope,
            self._connection,
            auth=self._auth,
            place=self._place,
            operation=operation,
            anew=anew,
        )
        return token.reveal()


async def azure_token(
    tokens: AzureTokens,
    scope: str,
    connection: str,
    *,
    place: str,
    operation: str,
    auth: Mapping[str, object] | None = None,
    anew: bool = False,
) -> Secret:
    """An access token as the connection or the `auth` block signs in, with failures in the words of destinations."""
    try:
        if anew:
            await tokens.renew(scope, connection=connection, auth=auth)
        return Secret(await tokens.token(scope, connection=connection, auth=auth))
    except RotatorError as exc:
        failure = _translated(exc, place, operation)
    raise failure


def _translated(exc: RotatorError, place: str, operation: str) -> DestinationRefused | DestinationUnavailable:
    if exc.retryable and isinstance(exc, DirectoryError):
        wait = getattr(exc, "retry_after", None)
        return DestinationUnavailable(place, operation, exc.what, hint=exc.hint, retry_after=wait)
    return DestinationRefused(place, operation, exc.what, hint=exc.hint)
