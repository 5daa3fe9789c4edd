"""What has somebody said so far about a rotation that is to be, and what is wrong with it? Kept in the address alone.

Every step is a page of its own whose address bears all that was said before: going back, loading again and coming back
tomorrow lose nothing, and the server keeps nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from rotator.domain.schedule import Schedule
from rotator.redaction import redact_text
from rotator.web.api.rotation_bodies import Creation

STEPS = ("Connection", "Schedule", "Application", "Secrets", "Name", "Review")
#: The fields of each step, with what they hold until something is said.
FIELDS: tuple[dict[str, str], ...] = (
    {"connection": ""},
    {"interval": "30", "time": "02:30", "zone": "UTC", "overlap": "until-next"},
    {"app": ""},
    {"project": "", "environment": "prod", "path": "/", "idName": "", "secretName": ""},
    {"name": "", "description": ""},
)
OVERLAPS = {"until-next": "until the next rotation", "48h": "for 48 hours", "24h": "for 24 hours"}
_LONGEST = 400
#: Where a mistake in the body stands among the steps, and at which field.
_PLACES = {
    ("connectionId",): (1, "connection"),
    ("rotationInterval",): (2, "interval"),
    ("rotateAt",): (2, "time"),
    ("overlap",): (2, "overlap"),
    ("parameters",): (3, "app"),
    ("projectId",): (4, "project"),
    ("environment",): (4, "environment"),
    ("secretPath",): (4, "path"),
    ("secretsMapping", "clientId"): (4, "idName"),
    ("secretsMapping", "clientSecret"): (4, "secretName"),
    ("name",): (5, "name"),
    ("description",): (5, "description"),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """What has been said, by the names of the fields."""

    said: Mapping[str, str]

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Draft:
        """From an address or a form; what is not said has its usual value."""
        usual = {name: value for fields in FIELDS for name, value in fields.items()}
        return cls({name: given.get(name, value).strip()[:_LONGEST] for name, value in usual.items()})

    def address(self, step: int) -> str:
        """The page of that step with all that was said."""
        return f"/rotations/new?{urlencode({'step': step, **self.said})}"

    def others(self, step: int) -> list[tuple[str, str]]:
        """What was said in the other steps, which the form of this one hands on."""
        own = FIELDS[step - 1] if step <= len(FIELDS) else {}
        return [(name, value) for name, value in self.said.items() if name not in own]

    @property
    def application(self) -> tuple[str, str, str]:
        """Object id, client id and name, as they were picked."""
        object_id, _, rest = self.said["app"].partition(" ")
        client_id, _, name = rest.partition(" ")
        return object_id, client_id, name

    def schedule(self) -> Schedule | None:
        """When it rotates; None when that cannot be read."""
        hours, _, minutes = self.said["time"].partition(":")
        numbers = (self.said["interval"], hours, minutes)
        if not all(each.isascii() and each.isdigit() and len(each) < 5 for each in numbers) or not self.is_zone:
            return None
        interval, hour, minute = map(int, numbers)
        well = 1 <= interval <= 3650 and hour < 24 and minute < 60
        return Schedule(interval, hour, minute, self.said["zone"]) if well else None

    @property
    def is_zone(self) -> bool:
        """Is it a zone of the IANA database?"""
        try:
            return bool(ZoneInfo(self.said["zone"]).key)
        except (KeyError, ValueError, OSError):
            return False

    def first_slot(self, now: datetime) -> datetime | None:
        """When it would come by itself for the first time after it has been made now."""
        schedule = self.schedule()
        return schedule.after_manual(now) if schedule else None

    def mistakes(self) -> dict[int, dict[str, str]]:
        """What is wrong or missing: step -> field -> what. Entra and the books have not been asked."""
        found: dict[int, dict[str, str]] = {}
        if not self.is_zone:
            found[2] = {"zone": "is no time zone (such as Europe/Oslo)"}
        elif self.schedule() is None:
            found[2] = {"time": "the interval has 1 to 3650 days, and the time is such as 02:30"}
        if not self.said["app"]:
            found[3] = {"app": "pick an application"}
        try:
            self.body()
        except ValidationError as problem:
            for error in problem.errors():
                step, field = place_of([str(part) for part in error["loc"]])
                empty = not self.said.get(field, "x")
                found.setdefault(step, {}).setdefault(field, "is missing" if empty else redact_text(str(error["msg"])))
        return found

    def body(self) -> Creation:
        """The same as a body of the API. Raises ValidationError."""
        said = self.said
        object_id, client_id, name = self.application
        hours, _, minutes = said["time"].partition(":")
        parameters = {"objectId": object_id, "clientId": client_id, "appName": name}
        return Creation.model_validate(
            {
                "name": said["name"],
                "description": said["description"],
                "projectId": said["project"],
                "connectionId": said["connection"],
                "environment": said["environment"],
                "secretPath": said["path"],
                "rotationInterval": said["interval"],
                "rotateAt": {"hours": hours, "minutes": minutes, "timeZone": said["zone"]},
                "overlap": said["overlap"],
                "parameters": {key: value for key, value in parameters.items() if value},
                "secretsMapping": {"clientId": said["idName"], "clientSecret": said["secretName"]},
            }
        )


def place_of(path: list[str]) -> tuple[int, str]:
    """At which step and field a mistake of the body is to be shown; 6 and none: at the review."""
    names = tuple(part for part in path if part != "body")
    for length in (2, 1):
        if names[:length] in _PLACES:
            return _PLACES[names[:length]]
    return (4, "idName") if names[:1] == ("secretsMapping",) else (6, "")
