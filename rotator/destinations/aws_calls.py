"""How are AWS's answers asked for and read? boto3 in a thread, its own retries off, its errors in our words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from rotator.answers import retry_after, shortened
from rotator.errors import DestinationError, DestinationRefused, DestinationUnavailable

if TYPE_CHECKING:
    from datetime import timedelta

    from rotator.destinations.surroundings import Surroundings

_EXTRA = "Install the extra: pip install 'entra-rotator[aws]'"
_SIGN_IN = "Check the credentials of AWS that this process finds: environment, profile, container or instance role"
#: Error codes of AWS that a person must put right, with what to do.
_REFUSED = {
    "UnrecognizedClientException": _SIGN_IN,
    "InvalidClientTokenId": _SIGN_IN,
    "InvalidSignatureException": f"{_SIGN_IN}; and the clock of this machine",
    "ExpiredTokenException": f"The session has expired. {_SIGN_IN}",
    "ExpiredToken": f"The session has expired. {_SIGN_IN}",
    "IncompleteSignature": _SIGN_IN,
    "EncryptionFailure": "Allow kms:GenerateDataKey and kms:Decrypt on the key of the secret",
    "DecryptionFailure": "Allow kms:Decrypt on the key of the secret",
    "LimitExceededException": "The secret has too many versions or tags; wait a day, or ask AWS for more",
    "InvalidRequestException": "If it is scheduled for deletion: aws secretsmanager restore-secret",
    "ResourceNotFoundException": "Check secretId and region",
    "InvalidParameterException": "Check secretId, kmsKeyId and region",
    "ValidationException": "Check secretId, kmsKeyId and region",
}
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "NotAuthorized", "UnauthorizedOperation"})
_PASSING = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}
    | {"InternalServiceError", "InternalServiceErrorException", "ServiceUnavailable", "RequestTimeout"}
)


class Moved(Exception):
    """AWS says that what we were about to change is not as we have seen it."""


class Missing(Exception):
    """There is no such secret."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where and as whom."""

    region: str
    endpoint: str | None
    ca_file: str | None
    timeout: timedelta
    profile: str
    role_arn: str


class Aws:
    """Calls of one service on behalf of one destination; each in a thread, none of them twice."""

    def __init__(self, access: Access, place: str, surroundings: Surroundings) -> None:
        self._access = access
        self._place = place
        self._surroundings = surroundings

    async def call(
        self, operation: str, action: str, *, moved: frozenset[str] = frozenset(), **request: Any
    ) -> dict[str, Any]:
        """The answer. Raises Moved for the codes `moved`, Missing where there is no such secret, DestinationError."""
        return await asyncio.to_thread(self._call, operation, action, moved, request)

    def _call(self, operation: str, action: str, moved: frozenset[str], request: dict[str, Any]) -> dict[str, Any]:
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise DestinationRefused(self._place, operation, "boto3 is not installed", hint=_EXTRA) from None
        try:
            client = self._surroundings.kept.get(self._key, self._client)
            answer: dict[str, Any] = getattr(client, action)(**request)
        except ClientError as exc:
            problem = self._answered(operation, action, exc, moved)
        except (BotoCoreError, OSError) as exc:
            problem = self._unanswered(operation, exc)
        else:
            return answer
        # Outside of the handlers: what AWS's library raises may quote the request.
        raise problem

    @property
    def _key(self) -> tuple[str, Access]:
        return ("aws", self._access)

    def _client(self) -> Any:
        access = self._access
        session = _session(profile_name=access.profile or None, region_name=access.region or None)
        if access.role_arn:
            session = _assumed(session, access, self._made)
        return self._made(session, "secretsmanager", endpoint=access.endpoint)

    def _made(self, session: Any, service: str, *, endpoint: str | None = None) -> Any:
        from botocore.config import Config

        seconds = self._access.timeout.total_seconds()
        config = Config(
            connect_timeout=min(5.0, seconds),
            read_timeout=seconds,
            retries={"total_max_attempts": 1},
            proxies=self._proxies(session, service, endpoint),
        )
        verify = self._access.ca_file or self._surroundings.network().ca_file or None
        return session.client(service, endpoint_url=endpoint, config=config, verify=verify)

    def _proxies(self, session: Any, service: str, endpoint: str | None) -> dict[str, str]:
        """As `network` says, never as boto3 would read the environment."""
        address = endpoint or f"https://{service}.{session.region_name}.amazonaws.com"
        proxy = self._surroundings.network().proxy_of(address)
        return {"http": proxy, "https": proxy} if proxy else {}

    def _answered(
        self, operation: str, action: str, exc: Any, moved: frozenset[str]
    ) -> DestinationError | Moved | Missing:
        error, meta = exc.response.get("Error", {}), exc.response.get("ResponseMetadata", {})
        code, status = str(error.get("Code", "")), int(meta.get("HTTPStatusCode") or 0)
        if code in moved:
            return Moved(code)
        if code == "ResourceNotFoundException" and action == "describe_secret":
            return Missing(code)
        detail = f"AWS answered {code or status}"
        if _SIGN_IN in _REFUSED.get(code, ""):
            # Credentials that somebody renews are looked for anew the next time.
            self._surroundings.kept.drop(self._key)
        if code in _PASSING or status in {408, 429} or status >= 500:
            after = retry_after(_lowered(meta.get("HTTPHeaders", {})))
            return DestinationUnavailable(self._place, operation, detail, retry_after=after)
        if code in _DENIED:
            right = "".join(part.title() for part in action.split("_"))
            return DestinationRefused(self._place, operation, detail, hint=f"Allow secretsmanager:{right} on it")
        return DestinationRefused(self._place, operation, detail, hint=_REFUSED.get(code, ""))

    def _unanswered(self, operation: str, exc: Exception) -> DestinationError:
        from botocore import exceptions as known

        said = type(exc).__name__
        if isinstance(exc, known.SSLError):
            hint = "Set network.caFile or caFile to the authority of the server's certificate"
            return DestinationUnavailable(self._place, operation, "the certificate is not trusted", hint=hint)
        if isinstance(exc, known.HTTPClientError | known.ConnectionError | OSError):
            where = getattr(exc, "kwargs", {}).get("endpoint_url", "AWS")
            return DestinationUnavailable(self._place, operation, f"no answer of {where} ({said})")
        if isinstance(exc, known.NoRegionError):
            return DestinationRefused(self._place, operation, "no region is set", hint="Set region, or AWS_REGION")
        if isinstance(exc, known.ParamValidationError):
            return DestinationRefused(self._place, operation, "a name is not allowed there", hint="Check secretId")
        detail = f"no sign-in to AWS ({said}: {shortened(str(exc))})"
        return DestinationRefused(self._place, operation, detail, hint=_SIGN_IN)


def _assumed(session: Any, access: Access, made: Callable[[Any, str], Any]) -> Any:
    """A session of that role whose credentials renew themselves."""
    from botocore.credentials import RefreshableCredentials

    def fetched() -> dict[str, str]:
        given = made(session, "sts").assume_role(RoleArn=access.role_arn, RoleSessionName="rotator")["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    credentials = RefreshableCredentials.create_from_metadata(fetched(), fetched, "sts-assume-role")
    return _session(credentials, region_name=session.region_name)


def _session(credentials: Any = None, **how: str | None) -> Any:
    """One that looks for its credentials itself, if it is not given any."""
    import boto3
    from botocore.session import get_session

    bare = get_session()
    bare._credentials = credentials  # noqa: SLF001 - boto3's own way in
    made = boto3.Session(botocore_session=bare, **how)
    # Only now, since boto3 adds to the folders of the loader that it finds.
    bare.register_component("data_loader", _descriptions(bare.get_config_variable("data_path")))
    return made


@cache
def _descriptions(folders: str | None) -> Any:
    """What AWS's services understand, parsed once for the process: that is nine tenths of what a client costs."""
    from botocore.loaders import create_loader

    return create_loader(folders)


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
