"""What may the definition of a rotation say? Its options as they are written, each checked by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from rotator.destinations import KINDS
from rotator.destinations.hooks import hook_options_of
from rotator.domain.model import Initial
from rotator.options import (
    Description,
    Flag,
    Id,
    Name,
    Options,
    Rule,
    Slug,
    UtcTime,
    ZonedTime,
    one_of,
    parse_span,
    problem,
    refuse,
    span,
    whole,
)

_PATH = re.compile(r"/|(?:/[A-Za-z0-9_-]+)+")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,62})")
_NAME_RULES = "1 to 256 visible characters without ':' and '/'"
_LABEL_RULES = "a mapping of at most 64 names to text of at most 256 characters"
_SPANS = {"type": ["string", "integer"], "pattern": "^(0|[0-9]{1,12}[dhms])$"}
_KEY_ID = {"type": "object", "required": ["adopt"], "properties": {"adopt": {"type": "string", "format": "uuid"}}}
_INITIAL = {"anyOf": [{"enum": ["rotate", "wait"]}, {**_KEY_ID, "additionalProperties": False}]}


def _mapped(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 256 or value != value.strip():
        refuse(value, _NAME_RULES)
    return refuse(value, _NAME_RULES) if not value.isprintable() or set(value) & set(":/") else value


def _secret_path(value: object) -> str:
    good = isinstance(value, str) and len(value) <= 1024 and _PATH.fullmatch(value)
    return str(value) if good else refuse(value, "/ or a path such as /team/billing")


def _labels(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > 64:
        refuse(value, _LABEL_RULES)
    for name, label in value.items():
        if not _LABEL.fullmatch(name) or not isinstance(label, str) or len(label) > 256 or not label.isprintable():
            problem(f"label {name!r} is not allowed", f"{_LABEL_RULES}; numbers in quotes")
    return dict(value)


def _overlap(value: object) -> timedelta | None:
    if value == "until-next":
        return None
    parsed = parse_span(value)
    if parsed is None or parsed > timedelta(days=3650):
        refuse(value, "until-next, or a span such as 48h, from 0s to 3650d")
    return parsed


def _initial(value: object) -> tuple[Initial, str]:
    if isinstance(value, str) and value in {Initial.ROTATE, Initial.WAIT}:
        return Initial(value), ""
    if isinstance(value, dict) and set(value) == {"adopt"} and isinstance(value["adopt"], str):
        return Initial.ADOPT, _key_id(value["adopt"])
    return refuse(value, "rotate | wait | {adopt: KEY_ID}")


def _key_id(value: str) -> str:
    from uuid import UUID

    try:
        return str(UUID(value))
    except ValueError:
        return refuse(value, "a key id such as 00000000-0000-4000-8000-000000000000")


MappedName = Annotated[str, Rule(_mapped, {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[^:/]+$"})]


class Parameters(Options):
    """The application, by objectId or clientId; the other is looked up."""

    object_id: Id | None = Field(default=None, description="The object id of the app registration.")
    client_id: Id | None = Field(default=None, description="Its application (client) id.")
    app_name: Name | None = Field(default=None, description="What people call it; only shown.")


class SecretsMapping(Options):
    """The names under which the credential is delivered."""

    client_id: MappedName
    client_secret: MappedName


class Names(Options):
    """The names one destination uses; fields left out are not written."""

    client_id: MappedName | None = None
    client_secret: MappedName
    key_id: MappedName | None = None
    tenant_id: MappedName | None = None
    expires_at: MappedName | None = None

    def written(self) -> dict[str, str]:
        """Field -> name, for the fields that have one."""
        return {key: name for key, name in self.model_dump(by_alias=True).items() if name is not None}


class Verify(Options):
    """How a new secret is proved before anybody gets it."""

    successes: Annotated[int, whole(1, 100)] = Field(default=3, description="Sign-ins in a row.")
    interval: Annotated[timedelta, span(most=timedelta(hours=1))] = Field(
        default=timedelta(seconds=5), description="Between two of them."
    )
    deadline: Annotated[timedelta, span(timedelta(seconds=1), timedelta(hours=24))] = Field(
        default=timedelta(minutes=15), description="When it is given up."
    )


class Shared(Options):
    """What every destination may say."""

    required: Flag = Field(default=True, description="Nothing is revoked while it lacks the successor.")
    order: Annotated[int, whole(-1000, 1000)] = Field(default=0, description="Lower ones are delivered to first.")
    on_drift: Annotated[Literal["heal", "report"], one_of("heal", "report")] = Field(
        default="heal", description="What to do when it was changed behind our back."
    )
    adopt: Flag = Field(default=False, description="Take over a place that exists and does not bear our mark.")
    names: Names | None = Field(default=None, description="Names used there; default: the secretsMapping.")


class RotationOptions(Options):
    """One rotation: which application, when, to where."""

    name: Slug = Field(description="1 to 64 of a-z, 0-9 and '-'.")
    description: Description = ""
    labels: Annotated[
        Mapping[str, str],
        Rule(_labels, {"type": "object", "additionalProperties": {"type": "string"}}),
    ] = Field(default={}, description="For people and filters.")
    type: Annotated[Literal["azure-client-secret"], one_of("azure-client-secret")] = "azure-client-secret"
    connection: Slug = Field(description="The name of a connection.")
    project: Slug = Field(default="default", description="Where the embedded store keeps the mapped secrets.")
    environment: Slug = "prod"
    secret_path: Annotated[str, Rule(_secret_path, {"type": "string", "pattern": f"^(?:{_PATH.pattern})$"})] = Field(
        default="/", description="A path such as /team/billing."
    )
    is_auto_rotation_enabled: Flag = Field(default=True, description="false: only by hand.")
    rotation_interval: Annotated[int, whole(1, 3650, "days")] = Field(description="Days between two rotations.")
    rotate_at_utc: UtcTime | None = Field(default=None, description="Time of day in UTC; default 00:00.")
    rotate_at: ZonedTime | None = Field(default=None, description="Time of day in a zone, instead of rotateAtUtc.")
    overlap: Annotated[timedelta | None, Rule(_overlap, {"anyOf": [{"const": "until-next"}, _SPANS]})] = Field(
        default=None, description="How long the replaced secret lives on: until-next, or a span such as 48h."
    )
    min_overlap: Annotated[timedelta, span(most=timedelta(days=365))] = Field(
        default=timedelta(hours=24), description="With until-next: at least so long after it was replaced."
    )
    lifetime: Annotated[timedelta, span(timedelta(days=1))] | None = Field(
        default=None, description="Of each secret; default: interval + overlap + margin."
    )
    renew_before: Annotated[timedelta, span()] | None = Field(
        default=None, description="Rotate when less than this is left; default half the margin."
    )
    requires_approval: Flag = Field(default=False, description="Each rotation waits for `rotator approve NAME`.")
    initial: Annotated[tuple[Initial, str], Rule(_initial, _INITIAL)] = Field(
        default=(Initial.ROTATE, ""), description="What a new definition does first: rotate | wait | {adopt: KEY_ID}."
    )
    parameters: Parameters
    secrets_mapping: SecretsMapping | None = Field(
        default=None, description="Needed unless all destinations have names."
    )
    verify: Verify = Verify()
    destinations: list[Any] = Field(default=[{"kind": "embedded"}], description="Where the credential is delivered.")
    hooks: list[Any] = Field(default=[], description="Consumers to tell after a promotion, in this order.")
    replaces: Slug | None = Field(
        default=None, description="The rotation that this one replaces on another application or tenant."
    )


_models: dict[str, type[Shared]] = {}
_hook_models: dict[str, type[Options]] = {}


def destination_model(kind: str) -> type[Shared]:
    """The options of a kind of destination together with the shared ones. Raises KeyError for an unknown kind."""
    if kind not in _models:
        own = import_module(f"rotator.destinations.{KINDS[kind]}").Options
        fields: dict[str, Any] = {"kind": (Literal[kind], ...)}
        _models[kind] = create_model(f"{kind.title()}Destination", __base__=(own, Shared), **fields)
    return _models[kind]


def hook_model(kind: str) -> type[Options]:
    """The options of a kind of hook. Raises KeyError for an unknown kind."""
    if kind not in _hook_models:
        fields: dict[str, Any] = {"kind": (Literal[kind], ...)}
        _hook_models[kind] = create_model(f"{kind.title()}Hook", __base__=hook_options_of(kind), **fields)
    return _hook_models[kind]
