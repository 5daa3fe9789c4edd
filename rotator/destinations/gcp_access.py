"""How are Google's services asked, and as whom? REST over our own wire; tokens by google-auth, in a thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from rotator.answers import retry_after, shortened
from rotator.destinations.wire import Answer, Wire
from rotator.errors import DestinationError, DestinationRefused, DestinationUnavailable
from rotator.options import FilePath, Line, Options

if TYPE_CHECKING:
    from rotator.destinations.options import NetworkOptions
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Secret

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SIGN_IN = "Check auth.credentialsFile, GOOGLE_APPLICATION_CREDENTIALS or the identity of this machine"


class GcpAuth(Options):
    """How to sign in; absent: Google's default chain."""

    credentials_file: FilePath | None = Field(
        default=None,
        description="A service account's key, or the configuration of workload identity federation; "
        "default: GOOGLE_APPLICATION_CREDENTIALS, gcloud, the machine's own identity.",
    )
    impersonate: Line = Field(default="", description="The e-mail address of a service account to act as.")


@dataclass(slots=True)
class Identity:
    """The credentials in use, for all destinations with the same sign-in; one refresh at a time."""

    credentials: Any = field(default=None, repr=False)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Google:
    """Requests to one service on behalf of one destination."""

    def __init__(
        self, auth: GcpAuth, wire: Wire, place: str, *, surroundings: Surroundings, options: NetworkOptions
    ) -> None:
        self._auth = auth
        self._wire = wire
        self._place = place
        self._around = surroundings
        self._ca_file = options.ca_file or ""
        self._seconds = options.timeout.total_seconds()
        self._identity = surroundings.kept.get(("google", auth, self._ca_file), Identity)

    async def ask(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        wanted: Collection[int] = (),
        hide: Collection[Secret] = (),
        **request: Any,
    ) -> Answer:
        """As `Wire.send`; a token that the service no longer takes is fetched anew, once."""
        token = await self._token(operation)
        answer = await self._wire.exchange(operation, method, url, headers=_bearer(token), **request)
        if answer.status == 401:
            token = await self._token(operation, refused=token)
            answer = await self._wire.exchange(operation, method, url, headers=_bearer(token), **request)
        if 200 <= answer.status < 300 or answer.status in wanted:
            return answer
        raise self._wire.failure(operation, url, answer, hide=hide)

    async def close(self) -> None:
        """Let go of the connections; the sign-in is kept."""
        await self._wire.close()

    async def _token(self, operation: str, *, refused: str = "") -> str:
        identity = self._identity
        async with identity.turn:
            held = identity.credentials
            if held is not None and held.valid and held.token != refused:
                return str(held.token)
            problem = await asyncio.to_thread(self._renewed, identity, operation)
            if problem is not None:
                raise problem
            return str(identity.credentials.token)

    def _renewed(self, identity: Identity, operation: str) -> DestinationError | None:
        try:
            from google.auth import exceptions
            from google.auth.transport.requests import Request
        except ImportError:
            hint = "Install the extra: pip install 'entra-rotator[gcp]'"
            return DestinationRefused(self._place, operation, "google-auth is not installed", hint=hint)
        session = self._session()
        asking = _Asking(Request(session), self._seconds)
        try:
            identity.credentials = identity.credentials or self._credentials(asking)
            identity.credentials.refresh(asking)
        except (exceptions.TransportError, _NotNow) as exc:
            said, after = (str(exc), exc.retry_after) if isinstance(exc, _NotNow) else ("no answer", None)
            detail = f"Google's sign-in: {said}"
            return DestinationUnavailable(self._place, operation, detail, retry_after=after)
        except (exceptions.GoogleAuthError, OSError, ValueError) as exc:
            # Whoever renews what is signed in with need not start us again.
            identity.credentials = None
            said = shortened(str(exc.args[0]) if exc.args else "")
            return DestinationRefused(self._place, operation, f"no sign-in to Google ({said})", hint=_SIGN_IN)
        finally:
            session.close()
        return None

    def _credentials(self, request: Any) -> Any:
        import google.auth
        from google.auth import impersonated_credentials

        if self._auth.credentials_file:
            found = _from_file(self._auth.credentials_file)
        else:
            found, _ = google.auth.default(scopes=[_SCOPE], request=request)
        if not self._auth.impersonate:
            return found
        return impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
            found, target_principal=self._auth.impersonate, target_scopes=[_SCOPE]
        )

    def _session(self) -> Any:
        import requests

        network = self._around.network()
        session = requests.Session()
        session.trust_env = False
        session.verify = self._ca_file or network.ca_file or True
        proxy = network.proxy_of("https://oauth2.googleapis.com")
        session.proxies = {"https": proxy} if proxy else {}
        return session


class _NotNow(Exception):
    """The sign-in answered that it cannot now, or somebody answered in its place."""

    def __init__(self, said: str, after: timedelta | None = None) -> None:
        super().__init__(said)
        self.retry_after = after


class _Asking:
    """Google's own way to send a request, with our timeout, and without its waits and second tries."""

    def __init__(self, request: Any, seconds: float) -> None:
        self._request = request
        self._seconds = seconds

    def __call__(self, *args: Any, **named: Any) -> Any:
        answer = self._request(*args, **{**named, "timeout": self._seconds})
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status == 429 or answer.status >= 500:
            raise _NotNow(f"it answered {answer.status}", retry_after(headers))
        if "html" in headers.get("content-type", ""):
            raise _NotNow("a page came instead of an answer")
        return answer


def _from_file(path: str) -> Any:
    """By the type that it says; one that would run a program is not taken."""
    info = json.loads(Path(path).read_bytes())
    source = info.get("credential_source") or {}
    match info.get("type"):
        case "service_account":
            from google.oauth2 import service_account

            return service_account.Credentials.from_service_account_info(info, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        case "external_account" if "environment_id" in source:
            from google.auth import aws

            return aws.Credentials.from_info(info, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        case "external_account" if "executable" not in source:
            from google.auth import identity_pool

            return identity_pool.Credentials.from_info(info, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        case "authorized_user":
            from google.oauth2 import credentials

            return credentials.Credentials.from_authorized_user_info(info, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
    raise ValueError("the file is of no type that is taken: service_account, external_account, authorized_user")


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
