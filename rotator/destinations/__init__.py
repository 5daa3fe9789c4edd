"""Which kinds of destinations are there, and how is one opened? The only list of kinds.

A kind is one module beside this one, and all look alike: `Options` (what the definition may say, `place()` naming the
place, `open()` making the destination), then a class with `check`, `read`, `write`, `remove` and `close` as the port
`Destination` of `rotator.ports` describes them. A new kind: its module, its line in `KINDS`, its page in
`docs/destinations/`, its row in `tests/contracts/test_destination.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from rotator.destinations.surroundings import Surroundings
from rotator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rotator.destinations.options import KindOptions
    from rotator.domain.model import DestinationRule, Rotation
    from rotator.ports import Destination

__all__ = ["KINDS", "Opener", "Surroundings", "open_destination", "options_of", "parse_options"]

#: Kind -> the module in this package that knows it; imported when a rotation first names the kind.
KINDS: dict[str, str] = {
    "aws-secrets-manager": "aws_secrets_manager",
    "azure-app-service": "app_service",
    "azure-devops": "devops",
    "azure-key-vault": "key_vault",
    "embedded": "embedded",
    "exec": "program",
    "file": "file",
    "gcp-secret-manager": "gcp_secret_manager",
    "github-actions": "github_actions",
    "infisical": "infisical",
    "kubernetes": "kubernetes",
    "vault": "vault",
    "webhook": "webhook",
}
_LEAST, _AROUND = timedelta(seconds=30), timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Opener:
    """The port `Destinations`: opens every kind in the same surroundings."""

    surroundings: Surroundings
    #: Those of definitions made through the API, which may not reach everything.
    for_api: Surroundings | None = None

    def guarded(self, hosts: Collection[str]) -> Opener:
        """The same, with definitions made through the API kept to public addresses and these hosts."""
        return replace(self, for_api=self.surroundings.guarded(hosts))

    def open(self, rotation: Rotation, rule: DestinationRule) -> Destination:
        """As `open_destination`."""
        chosen = (self.for_api or self.surroundings) if rotation.api_made else self.surroundings
        return open_destination(rotation, rule, chosen)

    def patience(self, rule: DestinationRule) -> timedelta:
        """A request's `timeout`, and time for the requests around it, none of which changes anything."""
        from rotator.options import parse_span

        given = parse_span(rule.options.get("timeout")) or _default_timeout(rule.kind)
        return given + _AROUND if given else _LEAST


def _default_timeout(kind: str) -> timedelta | None:
    field = options_of(kind).model_fields.get("timeout") if kind in KINDS else None
    return field.default if field is not None else None


def open_destination(rotation: Rotation, rule: DestinationRule, surroundings: Surroundings) -> Destination:
    """Raises ConfigError when the rule's kind, options or names are not allowed."""
    where = rotation.defined_at or f"rotation {rotation.name}"
    options = parse_options(rule.kind, rule.options, where=where)
    names = dict(rule.names) or options.default_names(rotation.mapping)
    if problems := options.name_problems(names):
        raise ConfigError(
            [f"{rotation.defined_at or rotation.name}: destinations: {rule.name}: {each}" for each in problems]
        )
    return options.open(rotation, names, surroundings)


def options_of(kind: str) -> type[KindOptions]:
    """The options of a kind, by importing its module. Raises KeyError for an unknown kind."""
    module = import_module(f"{__name__}.{KINDS[kind]}")
    options: type[KindOptions] = module.Options
    return options


def parse_options(kind: str, options: Mapping[str, object], *, where: str) -> KindOptions:
    """The options as the kind's model; `where` stands before each problem. Raises ConfigError."""
    from pydantic import ValidationError

    if kind not in KINDS:
        raise ConfigError([f"{where}: destinations: kind: {kind!r} is not allowed ({' | '.join(KINDS)})"])
    try:
        return options_of(kind).model_validate(dict(options))
    except ValidationError as exc:
        found = exc.errors(include_input=False, include_url=False, include_context=False)
    at = f"{where}: destinations: {kind}"
    raise ConfigError([f"{at}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found])
