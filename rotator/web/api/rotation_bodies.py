"""What does a request about a rotation say? Infisical's fields, and ours beside them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from rotator.options import Id, Slug, text
from rotator.web.api.values import Body, Interval, Note, ProjectRef, SecretPath, Switch, TimeOfDay, ZonedTimeOfDay

_Span = Annotated[str, text(20, least=1)]


class Parameters(Body):
    """The application: its object id, its client id, or both."""

    object_id: Id | None = None
    client_id: Id | None = None
    app_name: Annotated[str, text(256)] | None = None


class SecretsMapping(Body):
    """Under which names the credential is read."""

    client_id: Annotated[str, text(256, least=1)]
    client_secret: Annotated[str, text(256, least=1)]


class _Either(Body):
    """What may be said when it is made and when it is changed. What is ours follows the configuration's rules."""

    description: Note = None
    rotate_at_utc: TimeOfDay | None = None
    rotate_at: ZonedTimeOfDay | None = Field(default=None, description="Ours: instead of rotateAtUtc.")
    overlap: _Span | None = Field(default=None, description="Ours: until-next, or a span such as 48h.")
    min_overlap: _Span | None = Field(default=None, description="Ours: a span such as 24h.")
    lifetime: _Span | None = Field(default=None, description="Ours: of each secret, such as 63d.")
    verify: dict[str, Any] | None = Field(default=None, description="Ours: {successes, interval, deadline}.")
    destinations: list[dict[str, Any]] | None = Field(
        default=None, description="Ours: where the credential goes; default: the embedded store."
    )
    hooks: list[dict[str, Any]] | None = Field(
        default=None, description="Ours: whom to tell after a promotion; kinds that api.allow.kinds lists."
    )
    labels: dict[str, str] | None = Field(default=None, description="Ours: for people and filters.")


class Creation(_Either):
    """A new rotation."""

    name: Slug
    project_id: ProjectRef
    connection_id: Id
    environment: Slug
    secret_path: SecretPath
    is_auto_rotation_enabled: Switch = True
    rotation_interval: Interval
    parameters: Parameters
    secrets_mapping: SecretsMapping


class Patch(_Either):
    """What is to be different; connection, environment and path never are."""

    name: Slug | None = None
    is_auto_rotation_enabled: Switch | None = None
    rotation_interval: Interval | None = None
    parameters: Parameters | None = None
    secrets_mapping: SecretsMapping | None = None


def values_of(body: _Either) -> dict[str, object]:
    """What was said, as a definition has it: nulls say nothing, save that of the description."""
    said = {name: _filled(value) for name, value in body.given().items() if value is not None}
    if "description" in body.model_fields_set:
        said["description"] = body.description or ""
    for name in ("projectId", "connectionId"):
        said.pop(name, None)
    return said


def _filled(value: object) -> object:
    return {key: each for key, each in value.items() if each is not None} if isinstance(value, dict) else value
