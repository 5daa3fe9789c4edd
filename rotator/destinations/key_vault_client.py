"""How is one Azure Key Vault asked, and what does it refuse with? The only home of azure-keyvault-secrets.

The SDK answers the vault's challenge (which tenant and scope to sign in for) and refuses one that names another vault.
Requests go through our own HTTP client, with its proxies, authorities and timeouts; the SDK's retries are off.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.keyvault.secrets.aio import SecretClient

from rotator.answers import parsed
from rotator.destinations.wire import Answer, Wire
from rotator.errors import DestinationError, DestinationRefused, DestinationUnavailable
from rotator.lent import Lent

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretProperties

    from rotator.destinations.azure import AzureSignIn
    from rotator.domain.model import Secret
    from rotator.ports import Clock

#: The SDK asks for another token when less than five minutes are left; the sign-in itself keeps the real times.
_TOKEN_LIFE = timedelta(minutes=10)
#: A vault of this machine cannot bear the name its challenge asks for.
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
#: https://learn.microsoft.com/azure/key-vault/general/common-error-codes and .../general/rbac-guide
_HINTS = {
    "ForbiddenByFirewall": "Let this machine through the vault's firewall, or reach it by its private endpoint",
    "ForbiddenByRbac": "Assign the role 'Key Vault Secrets Officer' on the vault, or the rights of the documentation",
    "ForbiddenByPolicy": "Give the access policy the secret permissions List, Set, Recover and Delete",
    "VaultNotFound": "Check the address of the vault",
}
_RECOVERABLE = "ObjectIsDeletedButRecoverable"
_IN_BETWEEN = frozenset({"ObjectIsBeingDeleted", "ObjectIsBeingRecovered"})


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a secret as listings show it: without the text."""

    id: str
    enabled: bool
    created_at: datetime
    expires_at: datetime | None
    tags: Mapping[str, str] = field(default_factory=dict)


class Recoverable(Exception):
    """The name belongs to a soft-deleted secret."""


class KeyVault:
    """One vault. All methods raise DestinationUnavailable or DestinationRefused, and nothing of the SDK's."""

    def __init__(self, url: str, sign_in: AzureSignIn, wire: Wire, *, place: str, clock: Clock) -> None:
        self._url = url
        self._wire = wire
        self._place = place
        self._operation = "read"
        credential = _Credential(sign_in, clock, operation=lambda: self._operation)
        self._client = SecretClient(
            url,
            credential,
            transport=_Transport(wire, operation=lambda: self._operation),
            retry_total=0,
            verify_challenge_resource=(urlsplit(url).hostname or "") not in _HERE,
        )

    async def versions(self, name: str, operation: str) -> list[Version]:
        """All versions in no order; empty when there is no such secret, or it is deleted."""
        async with self._asking(operation):
            return await self._listed(name)
        raise AssertionError

    async def put(
        self, name: str, text: Secret, *, tags: Mapping[str, str], form: str, expires_at: datetime | None
    ) -> None:
        """A new version; `form` is its content type. Raises Recoverable when the name is that of a deleted secret."""
        async with self._asking("write", hide=[text]):
            await self._client.set_secret(
                name, text.reveal(), enabled=True, tags=dict(tags), content_type=form, expires_on=expires_at
            )

    async def change(
        self,
        name: str,
        version: str,
        operation: str,
        *,
        enabled: bool = True,
        tags: Mapping[str, str] | None = None,
        expires_at: datetime | None = None,
    ) -> None:
        """Change what stands beside the text of one version; what is None stays."""
        async with self._asking(operation):
            given = None if tags is None else dict(tags)
            await self._client.update_secret_properties(
                name, version, enabled=enabled, tags=given, expires_on=expires_at
            )

    async def may_change(self, name: str) -> None:
        """Ask for a change of a version that does not exist: refused for lack of rights, or not found."""
        async with self._asking("check"):
            try:
                await self._client.update_secret_properties(name, "0" * 32, tags={})
            except ResourceNotFoundError:
                return

    async def delete(self, name: str) -> None:
        """One that is gone already is success."""
        await self._send("DELETE", f"/secrets/{name}", "remove")

    async def recover(self, name: str) -> None:
        """Begin to bring a deleted secret back; it takes some seconds."""
        await self._send("POST", f"/deletedsecrets/{name}/recover", "write")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._wire.close()

    async def _send(self, method: str, path: str, operation: str) -> None:
        """The SDK's own methods for these wait on a clock of theirs, and read the text to see the end."""
        async with self._asking(operation):
            answered = await self._client.send_request(HttpRequest(method, path))
        answer = Answer(answered.status_code, answered.headers, answered.content)
        if not (200 <= answer.status < 300 or answer.status == 404 or _code(answer.content) in _IN_BETWEEN):
            raise self._failure(operation, answer)

    async def _listed(self, name: str) -> list[Version]:
        try:
            return [_version(each) async for each in self._client.list_properties_of_secret_versions(name)]
        except ResourceNotFoundError:
            return []

    @asynccontextmanager
    async def _asking(self, operation: str, *, hide: Collection[Secret] = ()) -> AsyncIterator[None]:
        self._operation = operation
        failure: Exception
        try:
            yield
        except HttpResponseError as exc:
            failure = self._refused(operation, exc, hide)
        except AzureError as exc:
            failure = DestinationUnavailable(self._place, operation, f"the SDK gave up ({type(exc).__name__})")
        except ValueError:
            # The challenge names a vault that is not ours, or no https: a token for it would be given away.
            what = f"{urlsplit(self._url).hostname} asks for a sign-in that is not for this vault"
            failure = DestinationRefused(self._place, operation, what, hint="Check the address of the vault")
        else:
            return
        raise failure

    def _refused(self, operation: str, exc: HttpResponseError, hide: Collection[Secret]) -> Exception:
        answered = exc.response
        if not isinstance(answered, _Answered):
            return DestinationUnavailable(self._place, operation, f"the SDK gave up ({type(exc).__name__})")
        answer = answered.answer
        if _code(answer.content) == _RECOVERABLE:
            return Recoverable()
        return self._failure(operation, answer, hide)

    def _failure(self, operation: str, answer: Answer, hide: Collection[Secret] = ()) -> DestinationError:
        hint = _HINTS.get(_code(answer.content), "")
        return self._wire.failure(operation, self._url, answer, hide=hide, hint=hint)


def _code(content: bytes) -> str:
    """The most telling code of an error body: the inner one where there is one."""
    error = parsed(content).get("error")
    if not isinstance(error, dict):
        return ""
    inner = error.get("innererror")
    return str(inner.get("code") if isinstance(inner, dict) else error.get("code"))


def _version(properties: SecretProperties) -> Version:
    return Version(
        id=properties.version or "",
        enabled=properties.enabled is not False,
        created_at=properties.created_on or datetime.fromtimestamp(0, UTC),
        expires_at=properties.expires_on,
        tags=dict(properties.tags or {}),
    )


class _Credential(Lent):
    """What the SDK asks for tokens. A second question within one opening: the vault has refused the first token."""

    def __init__(self, sign_in: AzureSignIn, clock: Clock, *, operation: Any) -> None:
        self._sign_in = sign_in
        self._clock = clock
        self._operation = operation
        self._given = False

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        token = await self._sign_in.token(scopes[0], self._operation(), anew=self._given)
        self._given = True
        return AccessToken(token, int((self._clock.now() + _TOKEN_LIFE).timestamp()))


class _Transport(Lent, AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Sends by a wire that somebody else closes; what the wire raises passes through the SDK as it is."""

    def __init__(self, wire: Wire, *, operation: Any) -> None:
        self._wire = wire
        self._operation = operation

    async def send(self, request: HttpRequest, **_: Any) -> AsyncHttpResponse:
        content = request.content
        body = {"content": content} if content else {}
        answer = await self._wire.exchange(
            self._operation(), request.method, request.url, headers=request.headers, **body
        )
        return _Answered(request, answer)


class _Answered(AsyncHttpResponse):
    """An answer, wholly read, in the form the SDK expects."""

    is_closed = True
    is_stream_consumed = True
    encoding = "utf-8"
    reason = ""

    def __init__(self, request: HttpRequest, answer: Answer) -> None:
        self._request = request
        self.answer = answer

    @property
    def request(self) -> HttpRequest:
        return self._request

    @property
    def status_code(self) -> int:
        return self.answer.status

    @property
    def headers(self) -> Any:
        return self.answer.headers

    @property
    def content_type(self) -> str | None:
        return self.answer.headers.get("content-type")

    @property
    def url(self) -> str:
        return self._request.url

    @property
    def content(self) -> bytes:
        return self.answer.content

    def body(self) -> bytes:
        return self.answer.content

    def text(self, encoding: str | None = None) -> str:
        return self.answer.content.decode(encoding or "utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.answer.content)

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise HttpResponseError(response=self)

    async def read(self) -> bytes:
        return self.answer.content

    async def iter_raw(self, **_: Any) -> AsyncIterator[bytes]:
        yield self.answer.content

    async def iter_bytes(self, **_: Any) -> AsyncIterator[bytes]:
        yield self.answer.content

    async def close(self) -> None:
        """It is wholly read."""

    async def __aexit__(self, *_: object) -> None:
        return None
