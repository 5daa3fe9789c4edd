"""How is a credential delivered to AWS Secrets Manager? As keys of one JSON secret, or as a secret for each name."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from rotator.destinations.aws_calls import Access, Aws
from rotator.destinations.aws_secret import AwsSecret
from rotator.destinations.aws_singles import AwsSingles
from rotator.destinations.marks import Mark, refuse_changed, refuse_foreign, refuse_stale, texts
from rotator.destinations.options import NetworkOptions
from rotator.destinations.sidecar import SIDECAR, Seat, Shared
from rotator.domain.model import Secret
from rotator.errors import DestinationRefused
from rotator.options import Line, Rule, problem, refuse, text
from rotator.options import Options as Block
from rotator.ports import Marker, Placed

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Folder, Rotation
    from rotator.ports import Destination, Parcel

_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d{1,2}")
_SECRET_ID = re.compile(r"[A-Za-z0-9/_+=.@!:-]{1,2048}")
_PREFIX = re.compile(r"[A-Za-z0-9/_+=.@-]{0,400}")
_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_ROLE = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]{1,512}")
_LARGEST = 65_536
#: Of all names of one destination, which stand in tags: AWS has 50 of 256 characters for a secret.
_LONGEST = 1_024


def _region(value: object) -> str:
    good = isinstance(value, str) and (not value or _REGION.fullmatch(value))
    return str(value) if good else refuse(value, "a region such as eu-north-1")


def _secret_id(value: object) -> str:
    allowed = "the name or ARN of a secret: letters, digits and /_+=.@-"
    return value if isinstance(value, str) and _SECRET_ID.fullmatch(value) else refuse(value, allowed)


def _prefix(value: object) -> str:
    good = isinstance(value, str) and _PREFIX.fullmatch(value)
    return str(value) if good else refuse(value, "at most 400 letters, digits and /_+=.@-, such as prod/billing/")


def _role(value: object) -> str:
    good = isinstance(value, str) and (not value or _ROLE.fullmatch(value))
    return str(value) if good else refuse(value, "a role such as arn:aws:iam::123456789012:role/rotator")


class AwsAuth(Block):
    """How to sign in; absent: boto3's default chain (environment, profile, container, instance)."""

    profile: Line = Field(default="", description="A profile of the AWS configuration file; default: the usual chain.")
    role_arn: Annotated[str, Rule(_role, {"type": "string"})] = Field(default="", description="A role to assume first.")


class Options(NetworkOptions):
    """Which secret of which region, or one for each name."""

    region: Annotated[str, Rule(_region, {"type": "string"})] = Field(
        default="", description="Such as eu-north-1; default: that of the environment or the profile."
    )
    secret_id: Annotated[str, Rule(_secret_id, {"type": "string", "maxLength": 2048})] | None = Field(
        default=None,
        description="One secret by name or ARN, a JSON object that holds the names; default: a secret for each name.",
    )
    prefix: Annotated[str, Rule(_prefix, {"type": "string", "maxLength": 400})] = Field(
        default="", description="Stands before each name, such as prod/billing/; only without secretId."
    )
    kms_key_id: Annotated[str, text(2048)] = Field(
        default="", description="The key a new secret is encrypted with; default: aws/secretsmanager."
    )
    auth: AwsAuth = Field(AwsAuth(), description="How to sign in; default: boto3's chain.")

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if self.secret_id and self.prefix:
            problem("prefix and secretId", "one of them: the names of a JSON object have no prefix")
        return self

    def place(self) -> str:
        return self._at(self.secret_id or self.prefix)

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        access = Access(self.region, self.endpoint, self.ca_file, self.timeout, self.auth.profile, self.auth.role_arn)
        names = self._whole(names)
        seat = Seat.of(self.place(), surroundings.installation, rotation.id, names)

        def secret(name: str) -> AwsSecret:
            place = self._at(name)
            return AwsSecret(Aws(access, place, surroundings), name, place, kms_key_id=self.kms_key_id)

        if self.secret_id:
            return AwsDestination(secret(self.secret_id), seat, names)
        turn = surroundings.kept.get(("aws-secrets-manager", self.place(), *sorted(seat.names)), asyncio.Lock)
        return AwsSingles(secret, seat, names, turn=turn)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        told = super().name_problems(names)
        if self.secret_id:
            kept = f"names: {SIDECAR!r} is not allowed (it is the name of our mark)"
            return told + ([kept] if SIDECAR in names.values() else [])
        names = self._whole(names)
        bad = sorted({name for name in names.values() if not _NAME.fullmatch(name)})
        allowed = "1 to 512 letters, digits and /_+=.@-"
        told += [f"names: {name!r} is not allowed for a secret of AWS ({allowed})" for name in bad]
        long = len(" ".join(names.values())) > _LONGEST
        return told + ([f"names: together they are too long (at most {_LONGEST} characters)"] if long else [])

    def claims(self, folder: Folder, names: Collection[str]) -> set[str]:
        return super().claims(folder, names) if self.secret_id else {self._at(self.prefix + name) for name in names}

    def _whole(self, names: Mapping[str, str]) -> dict[str, str]:
        return {field: self.prefix + name for field, name in names.items()}

    def _at(self, secret: str) -> str:
        """A secret as people are told of it; the region alone without one."""
        return ":".join(filter(None, ("aws-secrets-manager", "/".join(filter(None, (self.region, secret))))))


@dataclass(frozen=True, slots=True)
class _Found:
    """What is there: which version readers get, what its tag says of us, and, where it was fetched, its content."""

    exists: bool = False
    version_id: str = ""
    tagged: Placed | None = None
    shared: Shared = field(default_factory=Shared)


class AwsDestination:
    """One rotation's keys of one JSON secret.

    A new version is written beside the current one, then the label AWSCURRENT moves from the very version we read: AWS
    refuses the move when somebody else was quicker. AWSPREVIOUS follows by itself. A tag tells which version is ours
    and whose key it bears, so that a look that finds nothing changed never fetches the text.
    """

    def __init__(self, secret: AwsSecret, seat: Seat, names: Mapping[str, str]) -> None:
        self._secret = secret
        self._seat = seat
        self._names = dict(names)

    async def check(self) -> None:
        """Asks AWS to store nothing at all: without the right to write it answers with that instead."""
        found = await self._look("check", whole=False)
        if found.exists:
            await self._secret.may_change(self._seat.rotation_id)

    async def read(self) -> Placed | None:
        """By the tag where it speaks of the current version, else by the text."""
        found = await self._look("read", whole=False)
        if found.tagged is not None or not found.version_id:
            return found.tagged
        return (await self._look("read", whole=True)).shared.placed(self._seat)

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """The other keys of the JSON object stay as they are."""
        found = await self._look("write", whole=True)
        mine = found.shared.mine(self._seat)
        refuse_stale(mine.marker if mine else None, parcel.marker, destination=self._seat.place)
        made = mine.made if mine else not found.exists
        mark = Mark(parcel.marker, self._seat.names, made=made)
        wanted = found.shared.having(texts(parcel, self._names), mark)
        if not (found.version_id and wanted.same_as(found.shared)):
            refuse_changed(found.shared.placed(self._seat), over, destination=self._seat.place)
            found = await self._put("write", found, wanted, parcel.attempt_id)
        placed = found.shared.placed(self._seat)
        assert placed is not None, "it holds what was just written"
        if found.tagged != placed:
            await self._tag("write", found.version_id, placed)
        return placed

    async def remove(self, *, over: Placed) -> None:
        """A secret that we made goes, at once, when nothing else is in it."""
        refuse_foreign(over, self._seat.installation, self._seat.rotation_id, destination=self._seat.place)
        found = await self._look("remove", whole=True)
        now, mine = found.shared.placed(self._seat), found.shared.mine(self._seat)
        if now is not None:
            refuse_changed(now, over, destination=self._seat.place, operation="remove")
        if mine is None:
            return
        left = found.shared.without(mine)
        if mine.made and not left.content:
            await self._secret.delete("remove", at_once=True)
            return
        await self._put("remove", found, left, f"remove {mine.marker.key_id}")
        await self._secret.untag("remove", [self._tag_key])

    async def close(self) -> None:
        """Connections are kept for the next opening."""

    async def _look(self, operation: str, *, whole: bool) -> _Found:
        told = await self._secret.described(operation)
        if told is None:
            return _Found()
        current = told.version_id
        found = _Found(exists=True, version_id=current, tagged=self._tagged(told.tags.get(self._tag_key, ""), current))
        return replace(found, shared=await self._content(operation, current)) if whole and current else found

    async def _content(self, operation: str, version_id: str) -> Shared:
        held = await self._secret.text(operation, version_id)
        try:
            whole = json.loads(held)
        except ValueError:
            whole = None
        if not isinstance(whole, dict):
            hint = "It was left as it is; name a secret of its own in secretId"
            raise DestinationRefused(self._seat.place, operation, "it holds no JSON object", hint=hint)
        return Shared.of(whole)

    async def _put(self, operation: str, found: _Found, wanted: Shared, attempt_id: str) -> _Found:
        content = json.dumps(wanted.whole())
        if len(content.encode()) > _LARGEST:
            hint = "AWS takes 64 KiB; name a secret of its own in secretId"
            raise DestinationRefused(self._seat.place, operation, "the JSON object is too large", hint=hint)
        # The same write repeated bears the same id, which AWS takes for done.
        version_id = hashlib.sha256(f"{attempt_id}/{found.version_id}/{content}".encode()).hexdigest()[:32]
        if found.exists:
            await self._secret.replace(operation, found.version_id, version_id, Secret(content))
        else:
            await self._secret.make(operation, version_id, Secret(content), {})
        return _Found(exists=True, version_id=version_id, shared=wanted)

    async def _tag(self, operation: str, version_id: str, placed: Placed) -> None:
        marker = placed.marker
        if marker is None:
            return
        value = (version_id, marker.installation, marker.rotation_id, marker.key_id, marker.token, placed.version)
        await self._secret.tag(operation, {self._tag_key: ":".join(map(str, (*value, self._names_digest)))})

    def _tagged(self, value: str, current: str) -> Placed | None:
        """What the tag says, if it was written for the version that is current, under the names of today."""
        match value.split(":"):
            case [version_id, installation, rotation, key, token, version, names] if (
                version_id == current and names == self._names_digest and token.isdecimal()
            ):
                return Placed(Marker(installation, rotation, key, int(token)), version)
        return None

    @property
    def _tag_key(self) -> str:
        who = f"{self._seat.installation}/{self._seat.rotation_id}"
        return f"rotator-{hashlib.sha256(who.encode()).hexdigest()[:12]}"

    @property
    def _names_digest(self) -> str:
        return hashlib.sha256(json.dumps(self._seat.names).encode()).hexdigest()[:12]
