"""What may be set about the tokens of a sign-in, and how is it shown? Fields and limits are Infisical's."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from rotator.domain.access import EVERYWHERE, LONGEST_TTL, Identity, SignIn, TokenRule
from rotator.web.addresses import as_network
from rotator.web.parts import Parts
from rotator.web.refusals import BadRequest, Invalid, NotFound

_MOST_USES = 1_000_000_000
Seconds = Annotated[int, Field(ge=0, le=LONGEST_TTL)]
Uses = Annotated[int, Field(ge=0, le=_MOST_USES)]
#: An id in a path; whatever is no id of ours is simply not there.
IdInPath = Annotated[str, Path(min_length=1, max_length=64)]


class Body(BaseModel):
    """A body with names in camelCase; what it does not know it leaves alone, as Infisical does."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class TrustedIp(Body):
    """An address or a network."""

    ip_address: Annotated[str, Field(min_length=1, max_length=64)]


TrustedIps = Annotated[list[TrustedIp], Field(min_length=1, max_length=100)]


class RuleBody(Body):
    """All optional; what is absent stays, or is Infisical's default."""

    access_token_trusted_ips: TrustedIps | None = None
    access_token_ttl: Annotated[Seconds | None, Field(alias="accessTokenTTL")] = None
    access_token_max_ttl: Annotated[Seconds | None, Field(alias="accessTokenMaxTTL")] = None
    access_token_num_uses_limit: Uses | None = None

    def merged(self, rule: TokenRule) -> TokenRule:
        """The rule with what was given. Raises Invalid when the result contradicts itself, BadRequest."""
        changed = replace(
            rule,
            ttl=_span(self.access_token_ttl, rule.ttl),
            max_ttl=_span(self.access_token_max_ttl, rule.max_ttl),
            uses=rule.uses if self.access_token_num_uses_limit is None else self.access_token_num_uses_limit,
            trusted=networks_of(self.access_token_trusted_ips) or rule.trusted,
        )
        if changed.max_ttl and changed.ttl > changed.max_ttl:
            raise Invalid("accessTokenTTL cannot be greater than accessTokenMaxTTL")
        return changed


def networks_of(ips: Sequence[TrustedIp] | None) -> tuple[str, ...]:
    """The networks that were named. Raises BadRequest for what is none."""
    found = [(each.ip_address, as_network(each.ip_address)) for each in ips or ()]
    for said, network in found:
        if network is None:
            raise BadRequest(f"{said[:64]!r} is no IP address and no network (10.0.0.0/8)")
    networks = tuple(network for _, network in found if network)
    return EVERYWHERE if set(networks) == set(EVERYWHERE) else networks


def shown_rule(rule: TokenRule) -> dict[str, Any]:
    """The rule as answers show it."""
    return {
        "accessTokenTTL": int(rule.ttl.total_seconds()),
        "accessTokenMaxTTL": int(rule.max_ttl.total_seconds()),
        "accessTokenNumUsesLimit": rule.uses,
        "accessTokenTrustedIps": shown_networks(rule.trusted),
        "accessTokenPeriod": 0,
    }


def shown_networks(networks: Sequence[str]) -> list[dict[str, object]]:
    """Networks as Infisical shows them: parsed."""
    parsed = [ipaddress.ip_network(each) for each in networks]
    return [
        {"ipAddress": str(each.network_address), "type": f"ipv{each.version}", "prefix": each.prefixlen}
        for each in parsed
    ]


def shown_sign_in(sign_in: SignIn, facts: Mapping[str, object]) -> dict[str, Any]:
    """A sign-in as answers show it: its ids, times and rule, and the facts of its method."""
    return {
        "id": sign_in.id,
        "identityId": sign_in.identity_id,
        "createdAt": moment(sign_in.created_at),
        "updatedAt": moment(sign_in.updated_at),
        **facts,
        **shown_rule(sign_in.rule),
    }


def moment(at: datetime) -> str:
    """UTC, ISO 8601, milliseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def identity_of(parts: Parts, identity_id: str) -> Identity:
    """By id alone. Raises NotFound."""
    found = await parts.access.identity(identity_id)
    if found is None or found.id != identity_id:
        raise NotFound(f"Identity with ID {identity_id} not found")
    return found


def _span(seconds: int | None, otherwise: timedelta) -> timedelta:
    return otherwise if seconds is None else timedelta(seconds=seconds)
