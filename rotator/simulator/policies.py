"""What do app management policies forbid for new secrets?"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotator.simulator.refusals import GraphRefusal
from rotator.simulator.wire import Json, parse_time

DEFAULT_POLICY_ID = "00000000-0000-0000-0000-000000000000"

_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_DURATION_DAYS = (365, 30, 7, 1)
_DURATION_SECONDS = (3600, 60, 1)


@dataclass(slots=True)
class AppManagementPolicy:
    """Restrictions on password credentials, as Graph writes them.

    Each restriction has `restrictionType` (`passwordAddition`, `passwordLifetime`, `customPasswordAddition`…),
    `maxLifetime` (ISO 8601), `state` and `restrictForAppsCreatedAfterDateTime`.
    """

    policy_id: str
    display_name: str
    enabled: bool = True
    restrictions: list[Json] = field(default_factory=list)

    def as_json(self) -> Json:
        """A policy as one of `/policies/appManagementPolicies`."""
        return {
            "id": self.policy_id,
            "displayName": self.display_name,
            "description": "",
            "isEnabled": self.enabled,
            "restrictions": {"passwordCredentials": self.restrictions, "keyCredentials": []},
        }

    def as_default_json(self) -> Json:
        """The policy of the whole tenant, which has a shape of its own."""
        body = self.as_json()
        restrictions = body.pop("restrictions")
        return body | {
            "applicationRestrictions": restrictions,
            "servicePrincipalRestrictions": {"passwordCredentials": [], "keyCredentials": []},
        }

    def check(self, created_at: datetime, starts_at: datetime, expires_at: datetime) -> None:
        """Raises `GraphRefusal` when a secret of an application of that age may not live from then to then."""
        for restriction in self.restrictions if self.enabled else ():
            if not _applies(restriction, created_at):
                continue
            kind = restriction.get("restrictionType")
            if kind == "passwordAddition":
                self._refuse_addition()
            if kind == "passwordLifetime":
                self._check_lifetime(restriction, expires_at - starts_at)

    def _check_lifetime(self, restriction: Json, lifetime: timedelta) -> None:
        if lifetime <= parse_duration(restriction["maxLifetime"]):
            return
        # Text and details as reported in OfficeDev/microsoft-365-agents-toolkit#10998.
        text = f"Credential lifetime exceeds the max value allowed as per assigned policy '{self.policy_id}'."
        detail = {"code": "InvalidKeyEndDate", "message": text, "target": "EndDate"}
        raise GraphRefusal(400, "CredentialInvalidLifetimeAsPerAppPolicy", text, details=(detail,))

    def _refuse_addition(self) -> None:
        text = f"Credential type not allowed as per assigned policy '{self.policy_id}'."
        detail = {"code": "CredentialTypeNotAllowed", "message": text, "target": "passwordCredentials"}
        raise GraphRefusal(400, "CredentialTypeNotAllowedAsPerAppPolicy", text, details=(detail,))


def parse_duration(text: str) -> timedelta:
    """An ISO 8601 duration such as `P180D`; a year counts 365 days, a month 30. Raises `ValueError`."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        msg = f"{text!r} is no ISO 8601 duration"
        raise ValueError(msg)
    numbers = [int(group or 0) for group in match.groups()]
    days = sum(count * size for count, size in zip(numbers[:4], _DURATION_DAYS, strict=True))
    seconds = sum(count * size for count, size in zip(numbers[4:], _DURATION_SECONDS, strict=True))
    return timedelta(days=days, seconds=seconds)


def _applies(restriction: Json, created_at: datetime) -> bool:
    if restriction.get("state", "enabled") != "enabled":
        return False
    bound = restriction.get("restrictForAppsCreatedAfterDateTime")
    return not bound or created_at >= parse_time(bound)
