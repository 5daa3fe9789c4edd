"""What does a request about a connection say? Credentials as texts; no names of files or variables."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import Field

from rotator.domain.model import Secret
from rotator.domain.resources import CODE, VERIFIER
from rotator.options import Id, Rule, Slug, refuse
from rotator.web.api.values import Body, Note, Nothing, OnlyFalse, ProjectRef, Switch, TimeOfDay, number

#: The ways to sign in that a connection made here may have.
METHODS = ("oauth", "client-secret", "certificate", "managed-identity", "workload-identity")
#: For each: the credentials it must have, may have, and which of them are secret (ours by Infisical's name).
_NEEDED = {
    "oauth": {"tenantId", "code"},
    "client-secret": {"tenantId", "clientId", "clientSecret"},
    "certificate": {"tenantId", "clientId", "certificateBody", "privateKey"},
    "managed-identity": {"tenantId"},
    "workload-identity": {"tenantId", "clientId"},
}
_POSSIBLE = {
    **_NEEDED,
    "oauth": {"tenantId", "code", "codeVerifier"},
    "managed-identity": {"tenantId", "clientId"},
}
_SECRET = {
    "code": CODE,
    "codeVerifier": VERIFIER,
    "clientSecret": "clientSecret",
    "certificateBody": "certificate",
    "privateKey": "privateKey",
}
_LONGEST = 16_384

Parts = tuple[dict[str, object], dict[str, Secret]]


def _secret_text(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST:
        refuse("***", f"text of 1 to {_LONGEST} characters")
    return value


SecretText = Annotated[str, Rule(_secret_text, {"type": "string", "minLength": 1, "maxLength": _LONGEST})]


class Credentials(Body):
    """As the method needs them."""

    tenant_id: Id | None = None
    client_id: Id | None = None
    client_secret: SecretText | None = None
    code: SecretText | None = Field(default=None, description="From /authorize, for the method oauth.")
    code_verifier: SecretText | None = Field(default=None, description="Where the code was asked for with a challenge.")
    certificate_body: SecretText | None = Field(default=None, description="PEM.")
    private_key: SecretText | None = Field(default=None, description="PEM.")


class OwnRotation(Body):
    """When the connection's own secret is rotated."""

    rotation_interval: Annotated[int, number(1, 365, "days")]
    rotate_at_utc: TimeOfDay | None = None


class _Either(Body):
    description: Note = None
    is_platform_managed_credentials: OnlyFalse = False
    gateway_id: Nothing = None
    rotation: OwnRotation | None = None


class Creation(_Either):
    """A new connection."""

    name: Slug
    method: Literal["oauth", "client-secret", "certificate", "managed-identity", "workload-identity"]
    credentials: Credentials
    project_id: ProjectRef | None = None
    is_auto_rotation_enabled: Switch = False
    cloud: Slug = Field(default="public", description="Ours: public, usgov, usgov-dod, china or one of `clouds`.")


class Patch(_Either):
    """What is to be different; method, cloud and project never are. Credentials are given whole."""

    name: Slug | None = None
    credentials: Credentials | None = None
    is_auto_rotation_enabled: Switch | None = None


def parts_of_creation(body: Creation) -> Parts:
    """The connection's options without secrets, and those."""
    plain, secrets = _credentials(body.credentials, body.method)
    document: dict[str, object] = {"method": body.method, "cloud": body.cloud, "credentials": plain}
    return {**document, **_settings(body), "isAutoRotationEnabled": body.is_auto_rotation_enabled}, secrets


def parts_of_patch(body: Patch, method: str) -> Parts:
    """The options that are to be different, and new secrets."""
    changes = _settings(body)
    if body.name is not None:
        changes["name"] = body.name
    if body.is_auto_rotation_enabled is not None:
        changes["isAutoRotationEnabled"] = body.is_auto_rotation_enabled
    if body.credentials is None:
        return changes, {}
    plain, secrets = _credentials(body.credentials, method)
    return {**changes, "credentials": plain}, secrets


def _settings(body: _Either) -> dict[str, object]:
    said: dict[str, object] = {}
    if "description" in body.model_fields_set:
        said["description"] = body.description or ""
    if body.rotation is not None:
        said["rotation"] = body.rotation.model_dump(by_alias=True, exclude_none=True)
    return said


def _credentials(given: Credentials, method: str) -> Parts:
    said = {name: value for name, value in given.given().items() if value is not None}
    missing, strange = _NEEDED[method] - set(said), set(said) - _POSSIBLE[method]
    if missing or strange:
        raise RequestValidationError(
            [_issue(name, "missing (required)") for name in sorted(missing)]
            + [_issue(name, f"not a credential of the method {method}") for name in sorted(strange)]
        )
    secrets = {ours: Secret(str(said.pop(theirs))) for theirs, ours in _SECRET.items() if theirs in said}
    return said, secrets


def _issue(name: str, what: str) -> dict[str, object]:
    return {"type": "refused", "loc": ("body", "credentials", name), "msg": what}
