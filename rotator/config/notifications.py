"""Who is told what happens? The channels of `notifications`, each with what it is told and of which rotations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from rotator.config.problems import Problems, Spot
from rotator.config.reading import Table
from rotator.destinations.options import Endpoint, NamedSecret
from rotator.domain.notices import Kind
from rotator.options import Name, Options, Rule, one_of, problem, refuse, shown
from rotator.references import Reference, SecretMissing

_MAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,253}")
_SERVER = re.compile(r"(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_PORTS = {"tls": 465, "starttls": 587, "none": 25}
_USUAL = tuple(kind for kind in Kind if kind is not Kind.SUCCESS)
_KINDS = " | ".join(Kind)


def _kinds(value: object) -> tuple[Kind, ...]:
    allowed = f"a list of {_KINDS}"
    if not isinstance(value, list) or not value:
        refuse(value, allowed)
    unknown = [each for each in value if not isinstance(each, str) or each not in set(Kind)]
    return refuse(unknown[0], allowed) if unknown else tuple(Kind(each) for each in value)


def _bearing(value: object) -> dict[str, str]:
    allowed = "a mapping of labels to text"
    if not isinstance(value, dict) or not all(isinstance(each, str) for pair in value.items() for each in pair):
        refuse(value, allowed)
    return dict(value)


def _mail(value: object) -> str:
    good = isinstance(value, str) and _MAIL.fullmatch(value)
    return str(value) if good else refuse(value, "an address such as rotator@example.com")


def _mails(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        refuse(value, "a list of addresses such as [rotator@example.com]")
    return tuple(_mail(each) for each in value)


def _server(value: object) -> str:
    found = _SERVER.fullmatch(value) if isinstance(value, str) else None
    good = found is not None and 0 < int(found["port"] or 1) < 65536
    return str(value) if good else refuse(value, "HOST or HOST:PORT")


Mail = Annotated[str, Rule(_mail, {"type": "string", "format": "email"})]


class Channel(Options):
    """What every channel may say."""

    events: Annotated[
        tuple[Kind, ...],
        Rule(_kinds, {"type": "array", "items": {"enum": [kind.value for kind in Kind]}, "minItems": 1}),
    ] = Field(default=_USUAL, description="What it is told; default: all but success.")
    labels: Annotated[
        Mapping[str, str], Rule(_bearing, {"type": "object", "additionalProperties": {"type": "string"}})
    ] = Field(default={}, description="Only about rotations that bear all these labels.")

    @property
    def references(self) -> Iterator[tuple[str, Reference]]:
        """The secrets it names, each under its key."""
        for name, field in type(self).model_fields.items():
            held = getattr(self, name)
            if isinstance(held, Reference):
                yield field.alias or name, held
            elif isinstance(held, tuple):
                yield from ((f"{name}[{n}]", each) for n, each in enumerate(held) if isinstance(each, Reference))


class Slack(Channel):
    """An incoming webhook of Slack."""

    kind: Literal["slack"]
    url: NamedSecret = Field(description="Names its address, which is a secret.")


class Teams(Channel):
    """The workflow of a Teams channel that begins with a webhook request."""

    kind: Literal["teams"]
    url: NamedSecret = Field(description="Names its address, which is a secret.")


class Webhook(Channel):
    """A signed message to an address of one's own."""

    kind: Literal["webhook"]
    url: Endpoint = Field(description="Where it is posted; https, or http to this very machine.")
    secret: NamedSecret = Field(description="The key that signs it (HMAC-SHA256), 24 bytes or more.")


class Email(Channel):
    """Mail through a server of one's own."""

    kind: Literal["email"]
    security: Annotated[Literal["starttls", "tls", "none"], one_of("starttls", "tls", "none")] = Field(
        default="starttls", description="How the server is spoken to: starttls | tls | none."
    )
    server: Annotated[str, Rule(_server, {"type": "string"})] = Field(
        description="HOST or HOST:PORT; the port by default 587, with tls 465, with none 25."
    )
    sender: Mail = Field(alias="from", description="From whom.")
    to: Annotated[
        tuple[str, ...], Rule(_mails, {"type": "array", "items": {"type": "string", "format": "email"}, "minItems": 1})
    ] = Field(description="To whom.")
    username: Name | None = Field(default=None, description="Who signs in to the server; default: nobody.")
    password: NamedSecret | None = Field(default=None, description="Needed with username.")

    @field_validator("password", mode="after")
    @classmethod
    def _never_in_clear(cls, password: Reference | None, info: ValidationInfo) -> Reference | None:
        if password is not None and info.data.get("security") == "none":
            problem("a password would go in clear", "security: starttls or tls")
        if password is not None and not info.data.get("username"):
            problem("whose it is is missing", "username and password, or neither")
        return password

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        found = _SERVER.fullmatch(self.server)
        assert found is not None
        return found["host"].strip("[]"), int(found["port"] or _PORTS[self.security])


class Apprise(Channel):
    """Any of the services that the library Apprise knows."""

    kind: Literal["apprise"]
    urls: tuple[NamedSecret, ...] = Field(
        description="Names the Apprise URL of each service, which is a secret.", json_schema_extra={"minItems": 1}
    )

    @field_validator("kind", mode="after")
    @classmethod
    def _has_its_extra(cls, kind: str) -> str:
        if find_spec("apprise") is None:
            problem("the library apprise is not installed", "pip install 'entra-rotator[apprise]'")
        return kind

    @field_validator("urls", mode="before")
    @classmethod
    def _one_at_least(cls, urls: object) -> object:
        return urls if isinstance(urls, list) and urls else refuse(urls, "a list such as [{credential: pager-url}]")


AnyChannel = Slack | Teams | Webhook | Email | Apprise
CHANNELS: dict[str, type[AnyChannel]] = {
    "slack": Slack,
    "teams": Teams,
    "webhook": Webhook,
    "email": Email,
    "apprise": Apprise,
}


def read_channels(
    spot: Spot, context: Mapping[str, object], problems: Problems, *, check_references: bool
) -> tuple[AnyChannel, ...]:
    """All channels; what is wrong with one is told and the others are read."""
    raw = spot.document.get("notifications")
    if raw is not None and not isinstance(raw, list):
        problems.add(spot, f"{shown(raw)} is not allowed (a list)")
        return ()
    read = [_channel(spot / n, each, context, problems) for n, each in enumerate(raw or ())]
    if check_references:
        for n, each in enumerate(read):
            _check(spot / n, each, problems)
    return tuple(each for each in read if each is not None)


def _channel(spot: Spot, raw: object, context: Mapping[str, object], problems: Problems) -> AnyChannel | None:
    if not isinstance(raw, Table):
        problems.add(spot, f"{shown(raw)} is not allowed (a mapping)")
        return None
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in CHANNELS:
        what = "missing" if kind is None else f"{shown(kind)} is not allowed"
        problems.add(spot / "kind", f"{what} ({' | '.join(CHANNELS)})")
        return None
    try:
        return CHANNELS[kind].model_validate(raw, context=context)
    except ValidationError as exc:
        problems.blame(spot, CHANNELS[kind], exc)
        return None


def _check(spot: Spot, channel: AnyChannel | None, problems: Problems) -> None:
    for key, reference in channel.references if channel else ():
        try:
            reference.resolve()
        except SecretMissing as exc:
            problems.add(spot / key, f"{exc.what} ({exc.hint or 'a secret that can be read now'})")
