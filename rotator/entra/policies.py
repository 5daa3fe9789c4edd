"""How long may a new secret live by the tenant's app management policies?

https://learn.microsoft.com/graph/api/resources/passwordcredentialconfiguration: an application's own policy takes the
place of the tenant's default one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?"
)
#: A year and a month at their shortest: what we ask for must pass however they are counted.
_SECONDS = (365 * 86_400, 28 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What policies say about new secrets of one application."""

    longest: timedelta | None = None
    forbidden: bool = False


def of_application(body: Mapping[str, object], created_at: datetime | None) -> Bounds | None:
    """The bounds of the policies assigned to an application; None when it has none of its own."""
    policies = [each for each in _mappings(body.get("value")) if each.get("isEnabled", True)]
    if not policies:
        return None
    return _bounds((r for policy in policies for r in _restrictions(policy.get("restrictions"))), created_at)


def of_tenant(body: Mapping[str, object], created_at: datetime | None) -> Bounds:
    """The bounds of the tenant's default policy."""
    if not body.get("isEnabled"):
        return Bounds()
    return _bounds(_restrictions(body.get("applicationRestrictions")), created_at)


def parse_duration(text: object) -> timedelta | None:
    """An ISO 8601 duration such as `P180D` or `P4DT12H30M5S`; None for anything else."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) and len(text) < 40 else None
    if found is None or not any(found.groups()):
        return None
    try:
        return timedelta(seconds=sum(int(n or 0) * s for n, s in zip(found.groups(), _SECONDS, strict=True)))
    except OverflowError:
        return timedelta.max


def _bounds(restrictions: Iterable[Mapping[str, object]], created_at: datetime | None) -> Bounds:
    longest: list[timedelta] = []
    forbidden = False
    for each in restrictions:
        if not _applies(each, created_at):
            continue
        forbidden = forbidden or each.get("restrictionType") == "passwordAddition"
        lifetime = (
            parse_duration(each.get("maxLifetime")) if each.get("restrictionType") == "passwordLifetime" else None
        )
        longest += [lifetime] if lifetime else []
    return Bounds(min(longest, default=None), forbidden)


def _applies(restriction: Mapping[str, object], created_at: datetime | None) -> bool:
    """Whether it binds applications of that age and us; who is exempted cannot be told from here, so Graph decides."""
    exempt = restriction.get("excludeActors")
    if restriction.get("state") == "disabled" or (isinstance(exempt, Mapping) and any(exempt.values())):
        return False
    bound = restriction.get("restrictForAppsCreatedAfterDateTime")
    if not isinstance(bound, str) or created_at is None:
        return True
    try:
        moment = datetime.fromisoformat(bound)
    except ValueError:
        return True
    return created_at >= (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


def _restrictions(block: object) -> Iterator[Mapping[str, object]]:
    return _mappings(block.get("passwordCredentials")) if isinstance(block, Mapping) else iter(())


def _mappings(values: object) -> Iterator[Mapping[str, object]]:
    return (each for each in values if isinstance(each, Mapping)) if isinstance(values, list) else iter(())
