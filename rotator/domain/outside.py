"""How does a rotation look from outside? In the names and forms of the HTTP API, which commands print as JSON too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rotator.domain.inventory import Item
from rotator.domain.model import Attempt, Credential, Delivery, Entry, Facts, Rotation, Standing, VerifyRule
from rotator.domain.next_time import next_rotation_at
from rotator.domain.resources import Ids
from rotator.domain.schedule import Schedule

#: The API speaks of two alternating slots.
_SHOWN_CREDENTIALS = 2


def secret_rotation(facts: Facts, ids: Ids) -> dict[str, Any]:
    """One element of `{"secretRotations": [...]}`; a copy without any secret text."""
    rotation, switches = facts.rotation, facts.switches
    folder, connection_id = rotation.folder, ids.connection(rotation.connection)
    environment_id, folder_id = ids.environment(folder.project, folder.environment), ids.folder(folder)
    return {
        "id": rotation.id,
        "name": rotation.name,
        "description": rotation.description or None,
        "type": "azure-client-secret",
        "projectId": ids.project(folder.project),
        "project": folder.project,
        "environment": {"slug": folder.environment, "name": folder.environment, "id": environment_id},
        "folderId": folder_id,
        "folder": {"id": folder_id, "path": folder.path},
        "connectionId": connection_id,
        "connection": {"app": "azure-client-secrets", "name": rotation.connection, "id": connection_id},
        "parameters": {
            "objectId": rotation.application.object_id,
            "clientId": rotation.application.client_id,
            "appName": rotation.application.name,
        },
        "secretsMapping": dict(rotation.mapping),
        "isAutoRotationEnabled": rotation.auto,
        **_schedule(rotation.schedule),
        **_standing(facts.standing),
        "nextRotationAt": at(next_rotation_at(facts)),
        "createdAt": at(switches.created_at),
        "updatedAt": at(switches.changed_at or switches.created_at),
        **_ours(rotation),
        "state": state_of(facts),
        "isPaused": switches.paused,
        "retiredAt": at(switches.retired_at),
        "credentials": [_credential(each) for each in shown_credentials(facts)],
        "deliveries": [_delivery(each) for each in facts.deliveries],
        "alarms": [{"code": alarm.code, "message": alarm.message} for alarm in facts.standing.alarms],
    }


def attempted(attempt: Attempt, entries: Sequence[Entry]) -> dict[str, Any]:
    """One element of `{"attempts": [...]}`: what was attempted, with its journal."""
    return {
        "id": attempt.id,
        "mode": attempt.mode.value,
        "reason": attempt.reason,
        "isManual": attempt.manual,
        "startedAt": at(attempt.started_at),
        "endedAt": at(attempt.ended_at),
        "outcome": attempt.outcome.value if attempt.outcome else None,
        "message": attempt.message or None,
        "journal": [
            {"seq": e.seq, "at": at(e.at), "step": e.step, "phase": e.phase, "facts": dict(e.facts)} for e in entries
        ],
    }


def stocked(item: Item, now: datetime) -> dict[str, Any]:
    """One line of an inventory."""
    holder, held = item.holder, item.held
    return {
        "connection": item.connection,
        "application": holder.name,
        "objectId": holder.object_id,
        "clientId": holder.client_id,
        "heldBy": "service-principal" if holder.is_principal else "application",
        "kind": held.kind,
        "keyId": held.key_id,
        "name": held.name,
        "startsAt": at(held.starts_at),
        "expiresAt": at(held.expires_at),
        "daysLeft": None if held.expires_at is None else (held.expires_at - now).days,
        "rotation": item.rotation or None,
        "lastUsedAt": at(item.used_at),
        "findings": [each.value for each in item.findings],
    }


def state_of(facts: Facts) -> str:
    """One word: new, rotating, paused, retired, held, failed or active."""
    if facts.switches.retired_at is not None:
        return "retired"
    if facts.standing.hold:
        return "held"
    if facts.attempt is not None:
        return "rotating"
    if facts.switches.paused:
        return "paused"
    if facts.standing.failures:
        return "failed"
    return "new" if facts.current is None else "active"


def shown_credentials(facts: Facts) -> list[Credential]:
    """The pending and the current one, and the retiring ones, of which the newest two at most."""
    newest = sorted(facts.retiring, key=lambda each: each.starts_at, reverse=True)[:_SHOWN_CREDENTIALS]
    chosen = [each for each in (facts.pending, facts.current) if each is not None]
    return [*chosen, *newest]


def at(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and Z."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def span(length: timedelta) -> str:
    """As the configuration writes it: 30d, 48h, 15m or 5s, whatever is exact."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _schedule(schedule: Schedule) -> dict[str, Any]:
    time = {"hours": schedule.hour, "minutes": schedule.minute}
    if schedule.zone == "UTC":
        return {"rotationInterval": schedule.interval, "rotateAtUtc": time}
    return {"rotationInterval": schedule.interval, "rotateAt": {**time, "timeZone": schedule.zone}}


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "activeIndex": standing.active_index,
        "rotationStatus": standing.status.value if standing.status else None,
        "lastRotationMessage": standing.message or None,
        "lastRotationAttemptedAt": at(standing.last_attempted_at),
        "lastRotatedAt": at(standing.last_rotated_at),
        "isLastRotationManual": standing.last_manual,
        "lastRotationJobId": standing.last_attempt_id or None,
    }


def _ours(rotation: Rotation) -> dict[str, Any]:
    return {
        "overlap": "until-next" if rotation.overlap is None else span(rotation.overlap),
        "minOverlap": span(rotation.min_overlap),
        "lifetime": span(rotation.lifetime),
        "verify": _verify(rotation.verify),
        "destinations": [
            {"kind": rule.kind, "name": rule.name, "required": rule.required, "order": rule.order}
            for rule in rotation.destinations
        ],
        "labels": dict(rotation.labels),
        "definedAt": rotation.defined_at or None,
    }


def _verify(rule: VerifyRule) -> Mapping[str, Any]:
    return {"successes": rule.successes, "interval": span(rule.interval), "deadline": span(rule.deadline)}


def _credential(credential: Credential) -> dict[str, Any]:
    return {
        "keyId": credential.key_id,
        "state": credential.state.value,
        "hint": credential.hint or None,
        "startsAt": at(credential.starts_at),
        "expiresAt": at(credential.expires_at),
        "revokeAt": at(credential.revoke_at),
        "message": credential.revoke_message or None,
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "destination": delivery.destination,
        "keyId": delivery.key_id or None,
        "deliveredAt": at(delivery.delivered_at),
        "retryAt": at(delivery.retry_at),
        "message": delivery.message or None,
        "isDrifted": delivery.drifted,
        "isRemoved": delivery.removed,
    }
