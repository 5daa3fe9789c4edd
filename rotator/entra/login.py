"""How does a connection sign in? The only home of azure-identity, which is imported when first needed."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from rotator.answers import parsed, shortened
from rotator.entra.options import (
    AnyConnection,
    AzureCliConnection,
    CertificateConnection,
    ClientSecretConnection,
    ManagedIdentityConnection,
    OAuthConnection,
    WorkloadIdentityConnection,
    tenant_and_client,
)
from rotator.entra.sign_in_refusals import Refused, SignIn, sign_in_refused
from rotator.errors import DirectoryError, DirectoryUnavailable, RotatorError, SignInRefused
from rotator.references import SecretMissing

if TYPE_CHECKING:
    import httpx
    from azure.core.credentials import AccessToken
    from azure.core.credentials_async import AsyncTokenCredential

    from rotator.domain.model import Secret
    from rotator.entra.clouds import Endpoints
    from rotator.entra.refresh_tokens import Use
    from rotator.network import Timeouts
    from rotator.ports import Clock

#: The Azure CLI starts a Python process of its own for each token.
_CLI_SECONDS: Final = 30
#: A token is used until fewer seconds than this are left, where the credential does not keep tokens itself.
_LEAST_LEFT: Final = 300
_KEEPS_NONE: Final = frozenset({"azure-cli", "oauth"})
#: So long it is not asked for one it has: its search takes a tenth of what a request to Graph takes.
_NOT_ASKED: Final = 30.0

_RECONSIDER_SECONDS: Final = 300.0

#: Gives the connection's client secret as it stands now.
SecretOf = Callable[[], "Awaitable[Secret]"]


class Login:
    """Access tokens for Graph, one request at a time, fetched anew only when the last one nears its end.

    All methods raise SignInRefused, DirectoryUnavailable or DirectoryThrottled. No error of azure-identity or httpx
    gets out, nor stands behind one as its cause: they hold the form with the secret. `local` reaches what only this
    machine can. `secret_of` is asked for the client secret at first and when a sign-in is refused, so that it may be
    rotated while we run. `refresh` has the refresh token used of whoever signs in with one.
    """

    def __init__(
        self,
        options: AnyConnection,
        cloud: Endpoints,
        *,
        http: httpx.AsyncClient,
        local: httpx.AsyncClient,
        timeouts: Timeouts,
        clock: Clock,
        secret_of: SecretOf | None = None,
        refresh: Use | None = None,
    ) -> None:
        self._options = options
        self._cloud = cloud
        self._http = http
        self._local = local
        self._timeouts = timeouts
        self._clock = clock
        self._secret_of = secret_of or self._configured_secret
        self._refresh = refresh
        self._who = SignIn(options.name, *tenant_and_client(options))
        self._operation = f"sign-in of connection {options.name!r}"
        self._credential: AsyncTokenCredential | None = None
        self._secret: Secret | None = None
        self._claims = ""
        self._kept: tuple[str, float] | None = None
        #: The last token, until this monotonic time.
        self._last: tuple[str, float] | None = None
        self._turn = asyncio.Lock()
        self._reconsidered_at: float | None = None

    @staticmethod
    def prepare() -> None:
        """Import what signing in needs (0.2 s); call it in a thread before the first token is asked for."""
        from azure.identity.aio import ClientSecretCredential

        import rotator.entra.azure_transport

        _ = ClientSecretCredential, rotator.entra.azure_transport

    async def token(self) -> str:
        """An access token for Graph that is valid for some minutes more."""
        if self._last and self._clock.monotonic() < self._last[1]:
            return self._last[0]
        async with self._turn:
            if self._kept and self._kept[1] - self._clock.now().timestamp() > _LEAST_LEFT:
                return self._kept[0]
            try:
                return await self._ask()
            except SignInRefused:
                await self._forget()
                if not await self._has_new_secret():
                    raise
            return await self._ask()

    async def renew(self, claims: str = "") -> None:
        """Graph refused the token: the next one is fetched anew, and bears these claims where the method can."""
        async with self._turn:
            await self._forget()
            self._claims = claims if self._options.method not in {"azure-cli", "managed-identity"} else ""

    async def reconsider(self) -> None:
        """Graph refused for lack of rights: a right granted since shows only in a new token, which may be a day away.

        So the next one is fetched anew, at most every five minutes.
        """
        now = self._clock.monotonic()
        if self._reconsidered_at is None or now >= self._reconsidered_at + _RECONSIDER_SECONDS:
            self._reconsidered_at = now
            await self.renew()

    async def principal(self) -> str:
        """The name of the service principal we are, else its client id; for hints."""
        try:
            seen = await self.claims()
        except RotatorError:
            seen = {}
        name = seen.get("app_displayname") or seen.get("appid") or seen.get("azp") or self._who.client_id
        return str(name or f"of connection {self._who.connection}")

    async def claims(self) -> dict[str, object]:
        """What the access token says of us, for hints and checks; empty when it cannot be read, as some cannot."""
        try:
            payload = (await self.token()).split(".")[1]
            return parsed(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (LookupError, ValueError):
            return {}

    async def close(self) -> None:
        """Let go of the credential; the HTTP clients are the caller's."""
        await self._forget()

    async def _ask(self) -> str:
        if self._credential is None:
            try:
                self._credential = await self._new_credential()
            except SecretMissing as exc:
                raise SignInRefused(self._operation, exc.what, hint=exc.hint) from None
        claims, self._claims = self._claims, ""
        try:
            found = await self._credential.get_token(self._cloud.scope, claims=claims or None, enable_cae=True)
        except Exception as exc:  # noqa: BLE001 - whatever azure-identity raises may hold the secret
            failure = self._translated(exc)
        else:
            self._keep(found)
            return found.token
        raise failure

    def _keep(self, found: AccessToken) -> None:
        if self._options.method in _KEEPS_NONE:
            self._kept = (found.token, float(found.expires_on))
        elif found.expires_on - self._clock.now().timestamp() > _LEAST_LEFT:
            self._last = (found.token, self._clock.monotonic() + _NOT_ASKED)

    def _translated(self, exc: Exception) -> DirectoryError:
        for each in _chain(exc):
            if isinstance(each, DirectoryError):
                return each
        answered = next((each.response for each in _chain(exc) if getattr(each, "response", None) is not None), None)
        refused = Refused.read(answered.body()) if answered is not None else Refused()
        if answered is None or not refused.error:
            return self._unanswered(exc, status=getattr(answered, "status_code", 0))
        hide = [self._secret.reveal()] if self._secret else []
        return sign_in_refused(refused, self._who, status=answered.status_code, hide=hide)

    def _unanswered(self, exc: Exception, *, status: int) -> DirectoryError:
        """Nobody was asked, or the answer made no sense."""
        if isinstance(exc, OSError):
            what = f"the token file cannot be read: {exc.strerror or type(exc).__name__}"
            return SignInRefused(self._operation, what, hint="Check `tokenFile` or $AZURE_FEDERATED_TOKEN_FILE.")
        if self._options.method == "azure-cli":
            hint = "Run `az login` as the user that runs this program."
            return SignInRefused(self._operation, shortened(str(exc)), hint=hint)
        if self._options.method == "managed-identity" and not status:
            hint = "Assign this machine an identity, or choose another `method`."
            return SignInRefused(self._operation, "the metadata service of this machine gave no token", hint=hint)
        what = f"the answer is not one of Entra (HTTP {status})" if status else f"an unexpected {type(exc).__name__}"
        return DirectoryUnavailable(self._operation, what, status=status, hint="A proxy on the way may have answered.")

    async def _configured_secret(self) -> Secret:
        assert isinstance(self._options, ClientSecretConnection)
        return self._options.credentials.client_secret.resolve()

    async def _has_new_secret(self) -> bool:
        """The secret we signed in with has been rotated since."""
        try:
            return self._secret is not None and self._secret != await self._secret_of()
        except SecretMissing:
            return False

    async def _forget(self) -> None:
        credential, self._credential, self._kept, self._last = self._credential, None, None, None
        if credential is not None:
            await credential.close()

    async def _new_credential(self) -> AsyncTokenCredential:
        options = self._options
        if isinstance(options, ClientSecretConnection):
            self._secret = await self._secret_of()
            return self._by_secret(self._secret)
        if isinstance(options, CertificateConnection):
            return self._by_certificate(options)
        if isinstance(options, ManagedIdentityConnection):
            return self._by_machine(options)
        if isinstance(options, WorkloadIdentityConnection):
            return self._by_federation(options)
        if isinstance(options, OAuthConnection):
            return self._by_person(options)
        return self._by_command_line(options)

    def _by_secret(self, secret: Secret) -> AsyncTokenCredential:
        from azure.identity.aio import ClientSecretCredential

        return ClientSecretCredential(self._who.tenant_id, self._who.client_id, secret.reveal(), **self._at_authority())

    def _by_certificate(self, options: CertificateConnection) -> AsyncTokenCredential:
        from azure.identity.aio import CertificateCredential

        given = options.credentials
        pem = given.certificate.resolve().reveal()
        if given.private_key is not None:
            pem = f"{pem.rstrip()}\n{given.private_key.resolve().reveal()}"
        try:
            return CertificateCredential(
                self._who.tenant_id, self._who.client_id, certificate_data=pem.encode(), **self._at_authority()
            )
        except (ValueError, TypeError):
            what = f"{given.certificate} holds no usable certificate with its private key"
        hint = "Both are PEM, the key without a password; it may stand in `privateKey`."
        raise SignInRefused(self._operation, what, hint=hint)

    def _by_machine(self, options: ManagedIdentityConnection) -> AsyncTokenCredential:
        from azure.identity.aio import ManagedIdentityCredential

        client_id = options.credentials.client_id
        # Absent, not None: azure-identity takes the mere presence of a client id for a user-assigned identity.
        chosen: dict[str, Any] = {"client_id": client_id} if client_id else {}
        return ManagedIdentityCredential(**chosen, **self._transported(local=True))

    def _by_federation(self, options: WorkloadIdentityConnection) -> AsyncTokenCredential:
        from azure.identity.aio import WorkloadIdentityCredential

        given = options.credentials
        try:
            return WorkloadIdentityCredential(
                tenant_id=given.tenant_id,
                client_id=given.client_id,
                token_file_path=given.token_file,
                **self._at_authority(),
            )
        except ValueError:
            what = "no token file is named"
        raise SignInRefused(self._operation, what, hint="Set `tokenFile` or $AZURE_FEDERATED_TOKEN_FILE.")

    def _by_command_line(self, options: AzureCliConnection) -> AsyncTokenCredential:
        from azure.identity.aio import AzureCliCredential

        return AzureCliCredential(tenant_id=options.credentials.tenant_id, process_timeout=_CLI_SECONDS)

    def _by_person(self, options: OAuthConnection) -> AsyncTokenCredential:
        from rotator.entra.grants import Grants
        from rotator.entra.person import PersonCredential

        if self._refresh is None:
            raise SignInRefused(self._operation, "refresh tokens are for the connections of the configuration and API")
        given = options.credentials.client_secret
        seconds, secret = self._timeouts.whole, given.resolve() if given else None
        grants = Grants(self._http, self._cloud, self._who, client_secret=secret, seconds=seconds)
        return PersonCredential(grants, self._refresh, longest=timedelta(seconds=seconds), clock=self._clock)

    def _at_authority(self) -> dict[str, Any]:
        return {"authority": self._cloud.authority, **self._transported(local=False)}

    def _transported(self, *, local: bool) -> dict[str, Any]:
        """Our own transport, and no retries: those are the engine's business."""
        from rotator.entra.azure_transport import HttpxTransport

        client = self._local if local else self._http
        seconds = self._timeouts.whole
        transport = HttpxTransport(client, seconds, operation=self._operation, metadata_service=local)
        return {"transport": transport, "retry_total": 0, "retry_status": 0}


def _chain(exc: BaseException | None) -> Iterator[Any]:
    """The error and those behind it, nearest first; azure-identity wraps what its transport raises."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__
