"""Which kinds of consumer hooks are there, and how is one run? The only list of kinds.

A hook tells a consumer that the credential it uses has been replaced: after the promotion, never before, and without
the secret. A kind is one module beside this one: `Options` (what the definition may say, `name()`, `open()`), then a
class with `check` and `tell` as `Hook` of `hooks.options` describes them. A new kind: its module, its line in `KINDS`,
its section in `docs/hooks.md`, its block in `config.example.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from rotator.errors import DestinationRefused, RotatorError
from rotator.ports import HookResult

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotator.destinations.hooks.options import Hook, HookOptions
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Credential, HookRule, Rotation

__all__ = ["HOOK_KINDS", "Runner", "hook_options_of"]

#: Kind -> the module in this package that knows it; imported when a rotation first names the kind.
HOOK_KINDS: dict[str, str] = {
    "azure-app-service": "app_service",
    "exec": "program",
    "kubernetes": "kubernetes",
    "systemd": "systemd",
    "webhook": "webhook",
}


@dataclass(frozen=True, slots=True)
class Runner:
    """The port `Hooks`: runs every kind in the same surroundings."""

    surroundings: Surroundings
    #: Those of definitions made through the API, which may not reach everything.
    for_api: Surroundings | None = None

    def guarded(self, hosts: Collection[str]) -> Runner:
        """The same, with definitions made through the API kept to public addresses and these hosts."""
        return replace(self, for_api=self.surroundings.guarded(hosts))

    def names(self, rotation: Rotation) -> tuple[str, ...]:
        """In the order of the definition."""
        return tuple(rule.name for rule in rotation.hooks)

    def patience(self, rotation: Rotation, hook: str) -> timedelta:
        """The longest that one run of it may take; one that cannot be run says so at once."""
        try:
            return _options(_rule(rotation, hook)).patience()
        except RotatorError:
            return timedelta(0)

    async def run(self, rotation: Rotation, hook: str, credential: Credential) -> HookResult:
        """Whatever goes wrong is the result."""
        try:
            await self._opened(rotation, hook).tell(credential)
        except RotatorError as problem:
            return HookResult(hook, done=False, message=problem.what if not problem.hint else str(problem))
        return HookResult(hook, done=True)

    async def check(self, rotation: Rotation, hook: str) -> None:
        """Could it be run? Tells no consumer. Raises RotatorError."""
        await self._opened(rotation, hook).check()

    def _opened(self, rotation: Rotation, hook: str) -> Hook:
        around = (self.for_api or self.surroundings) if rotation.api_made else self.surroundings
        return _options(_rule(rotation, hook)).open(rotation, around)


def hook_options_of(kind: str) -> type[HookOptions]:
    """The options of a kind, by importing its module. Raises KeyError for an unknown kind."""
    module = import_module(f"{__name__}.{HOOK_KINDS[kind]}")
    options: type[HookOptions] = module.Options
    return options


def _options(rule: HookRule) -> HookOptions:
    from pydantic import ValidationError

    if rule.kind in HOOK_KINDS:
        try:
            return hook_options_of(rule.kind).model_validate(dict(rule.options))
        except ValidationError as exc:
            found = exc.errors(include_input=False, include_url=False, include_context=False)
            told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
        raise DestinationRefused(rule.name, "hook", told)
    raise DestinationRefused(rule.name, "hook", f"this version does not know the kind {rule.kind!r}")


def _rule(rotation: Rotation, hook: str) -> HookRule:
    found = next((rule for rule in rotation.hooks if rule.name == hook), None)
    if found is None:
        raise DestinationRefused(hook, "hook", "it is no longer in the definition")
    return found
