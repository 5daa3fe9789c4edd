"""What has somebody said so far about a rotation that is to be made or changed, and what is wrong with it?

Every step is a page of its own whose address bears all that was said before: going back, loading again and coming back
tomorrow lose nothing, and the server keeps nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from rotator.domain.model import Rotation
from rotator.domain.schedule import Schedule
from rotator.options import parse_span, show_span
from rotator.redaction import redact_text
from rotator.web.api.rotation_bodies import Creation

STEPS = ("Connection", "Schedule", "Application", "Secrets", "Name", "Review")
#: The fields of each step, with what they hold until something is said.
FIELDS: tuple[dict[str, str], ...] = (
    {"connection": ""},
    {"interval": "30", "time": "02:30", "zone": "UTC", "overlap": "until-next", "auto": "yes"},
    {"app": ""},
    {"project": "", "environment": "prod", "path": "/", "idName": "", "secretName": ""},
    {"name": "", "description": ""},
)
OVERLAPS = {"until-next": "until the next rotation", "48h": "for 48 hours", "24h": "for 24 hours"}
ADD = "/rotations/new"
_LONGEST = 400
#: An id of the application that is not known, in what was picked.
_NO_ID = "-"
#: Where a mistake in the body stands among the steps, and at which field.
_PLACES = {
    ("connectionId",): (1, "connection"),
    ("rotationInterval",): (2, "interval"),
    ("rotateAt",): (2, "time"),
    ("overlap",): (2, "overlap"),
    ("isAutoRotationEnabled",): (2, "auto"),
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
    #: The address of its steps.
    place: str = ADD
    #: The hash of the definition that is being changed; empty while a new one is made.
    seen: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Draft:
        """Of a new rotation, from an address or a form; what is not said has its usual value."""
        usual = {name: value for fields in FIELDS for name, value in fields.items()}
        return cls(_whole(given, usual))

    @classmethod
    def changing(cls, rotation: Rotation, given: Mapping[str, str], *, connection_id: str, seen: str) -> Draft:
        """Of a rotation that there is; what is not said is as it is."""
        fixed = {"connection": connection_id, **_where(rotation)}
        return cls({**_whole(given, said_of(rotation)), **fixed}, f"/rotations/{rotation.id}/edit", seen)

    def address(self, step: int) -> str:
        """The page of that step with all that was said."""
        seen = {"seen": self.seen} if self.seen else {}
        return f"{self.place}?{urlencode({'step': step, **seen, **self.said})}"

    def overlaps(self) -> dict[str, str]:
        """What may be chosen for the overlap, and how it is said; what is chosen is among it."""
        chosen = self.said["overlap"]
        return OVERLAPS if chosen in OVERLAPS else {**OVERLAPS, chosen: f"for {chosen}"}

    def overlap(self) -> timedelta | None:
        """How long the old one is kept; None: until the next rotation, or not to be read."""
        return parse_span(self.said["overlap"])

    def others(self, step: int) -> list[tuple[str, str]]:
        """What was said in the other steps, which the form of this one hands on."""
        own = FIELDS[step - 1] if step <= len(FIELDS) else {}
        return [(name, value) for name, value in self.said.items() if name not in own]

    @property
    def application(self) -> tuple[str, str, str]:
        """Object id, client id and name, as they were picked."""
        object_id, _, rest = self.said["app"].partition(" ")
        client_id, _, name = rest.partition(" ")
        return "" if object_id == _NO_ID else object_id, "" if client_id == _NO_ID else client_id, name

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
                "isAutoRotationEnabled": said["auto"] == "yes",
                "parameters": {key: value for key, value in parameters.items() if value},
                "secretsMapping": {"clientId": said["idName"], "clientSecret": said["secretName"]},
            }
        )


def said_of(rotation: Rotation) -> dict[str, str]:
    """What somebody would have said for this rotation, save which connection it is by its id."""
    app, schedule, mapping = rotation.application, rotation.schedule, rotation.mapping
    return {
        "connection": "",
        "interval": str(schedule.interval),
        "time": f"{schedule.hour:02}:{schedule.minute:02}",
        "zone": schedule.zone,
        "overlap": _overlap_said(rotation.overlap),
        "auto": "yes" if rotation.auto else "no",
        "app": f"{app.object_id or _NO_ID} {app.client_id or _NO_ID} {app.name}".strip(),
        **_where(rotation),
        "idName": mapping.get("clientId", ""),
        "secretName": mapping.get("clientSecret", ""),
        "name": rotation.name,
        "description": rotation.description,
    }


def _where(rotation: Rotation) -> dict[str, str]:
    folder = rotation.folder
    return {"project": folder.project, "environment": folder.environment, "path": folder.path}


def _overlap_said(overlap: timedelta | None) -> str:
    if overlap is None:
        return "until-next"
    return next((each for each in OVERLAPS if parse_span(each) == overlap), show_span(overlap))


def _whole(given: Mapping[str, str], usual: Mapping[str, str]) -> dict[str, str]:
    return {name: given.get(name, value).strip()[:_LONGEST] for name, value in usual.items()}


def place_of(path: list[str]) -> tuple[int, str]:
    """At which step and field a mistake of the body is to be shown; 6 and none: at the review."""
    names = tuple(part for part in path if part != "body")
    for length in (2, 1):
        if names[:length] in _PLACES:
            return _PLACES[names[:length]]
    return (4, "idName") if names[:1] == ("secretsMapping",) else (6, "")
