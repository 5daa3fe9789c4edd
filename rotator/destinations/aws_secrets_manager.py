"""How is a credential delivered to AWS Secrets Manager? As keys of one JSON secret, by moving one staging label."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from rotator.destinations.aws_calls import Access, Aws, Missing, Moved
from rotator.destinations.marks import Mark, refuse_changed, refuse_foreign, refuse_stale, texts
from rotator.destinations.options import NetworkOptions
from rotator.destinations.sidecar import SIDECAR, Seat, Shared
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.options import Line, Rule, refuse, text
from rotator.options import Options as Block
from rotator.ports import Marker, Placed

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Rotation
    from rotator.ports import Destination, Parcel

#: What readers ask for by default, and where a version waits that they do not see yet.
_CURRENT, _WAITING = "AWSCURRENT", "ROTATOR_WAITING"
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d{1,2}")
_SECRET_ID = re.compile(r"[A-Za-z0-9/_+=.@!:-]{1,2048}")
_ROLE = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]{1,512}")
_LARGEST = 65_536


def _region(value: object) -> str:
    good = isinstance(value, str) and (not value or _REGION.fullmatch(value))
    return str(value) if good else refuse(value, "a region such as eu-north-1")


def _secret_id(value: object) -> str:
    allowed = "the name or ARN of a secret: letters, digits and /_+=.@-"
    return value if isinstance(value, str) and _SECRET_ID.fullmatch(value) else refuse(value, allowed)


def _role(value: object) -> str:
    good = isinstance(value, str) and (not value or _ROLE.fullmatch(value))
    return str(value) if good else refuse(value, "a role such as arn:aws:iam::123456789012:role/rotator")


class AwsAuth(Block):
    """How to sign in; absent: boto3's default chain (environment, profile, container, instance)."""

    profile: Line = Field(default="", description="A profile of the AWS configuration file; default: the usual chain.")
    role_arn: Annotated[str, Rule(_role, {"type": "string"})] = Field(default="", description="A role to assume first.")


class Options(NetworkOptions):
    """Which secret of which region."""

    region: Annotated[str, Rule(_region, {"type": "string"})] = Field(
        default="", description="Such as eu-north-1; default: that of the environment or the profile."
    )
    secret_id: Annotated[str, Rule(_secret_id, {"type": "string", "maxLength": 2048})] = Field(
        description="The name or ARN of the secret; its JSON object holds the names."
    )
    kms_key_id: Annotated[str, text(2048)] = Field(
        default="", description="The key a new secret is encrypted with; default: aws/secretsmanager."
    )
    auth: AwsAuth = Field(AwsAuth(), description="How to sign in; default: boto3's chain.")

    def place(self) -> str:
        where = f"{self.region}/{self.secret_id}" if self.region else self.secret_id
        return f"aws-secrets-manager:{where}"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        access = Access(self.region, self.endpoint, self.ca_file, self.timeout, self.auth.profile, self.auth.role_arn)
        seat = Seat.of(self.place(), surroundings.installation, rotation.id, names)
        return AwsDestination(self, Aws(access, self.place(), surroundings), seat, names)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        kept = [f"names: {SIDECAR!r} is not allowed (it is the name of our mark)"]
        return super().name_problems(names) + (kept if SIDECAR in names.values() else [])


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

    def __init__(self, options: Options, aws: Aws, seat: Seat, names: Mapping[str, str]) -> None:
        self._options = options
        self._aws = aws
        self._seat = seat
        self._names = dict(names)

    async def check(self) -> None:
        """Asks AWS to store nothing at all: without the right to write it answers with that instead."""
        found = await self._look("check", whole=False)
        if found.exists:
            nothing = frozenset({"InvalidRequestException", "InvalidParameterException", "ValidationException"})
            token = hashlib.sha256(f"check {self._seat.rotation_id}".encode()).hexdigest()
            try:
                await self._call("check", "put_secret_value", moved=nothing, ClientRequestToken=token)
            except Moved:
                return

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
            await self._call("remove", "delete_secret", ForceDeleteWithoutRecovery=True)
            return
        await self._put("remove", found, left, f"remove {mine.marker.key_id}")
        await self._call("remove", "untag_resource", TagKeys=[self._tag_key])

    async def close(self) -> None:
        """Connections are kept for the next opening."""

    async def _look(self, operation: str, *, whole: bool) -> _Found:
        try:
            told = await self._call(operation, "describe_secret")
        except Missing:
            return _Found()
        if "ARN" not in told:
            what, hint = "what answered is not AWS", "A proxy on the way may have answered"
            raise DestinationUnavailable(self._seat.place, operation, what, hint=hint)
        if "DeletedDate" in told:
            hint = "aws secretsmanager restore-secret brings it back"
            raise DestinationRefused(self._seat.place, operation, "it is scheduled for deletion", hint=hint)
        stages: Mapping[str, list[str]] = told.get("VersionIdsToStages") or {}
        current = next((version for version, labels in stages.items() if _CURRENT in labels), "")
        tags = {tag["Key"]: tag["Value"] for tag in told.get("Tags", ())}
        found = _Found(exists=True, version_id=current, tagged=self._tagged(tags.get(self._tag_key, ""), current))
        return replace(found, shared=await self._content(operation, current)) if whole and current else found

    async def _content(self, operation: str, version_id: str) -> Shared:
        told = await self._call(operation, "get_secret_value", VersionId=version_id)
        try:
            whole = json.loads(told.get("SecretString", ""))
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
        try:
            if found.exists:
                await self._move(operation, found.version_id, version_id, content)
            else:
                await self._create(operation, version_id, content)
        except Moved:
            detail = "it was changed by somebody else since it was read"
            hint = "Nothing was changed; it is read again"
            raise DestinationUnavailable(self._seat.place, operation, detail, hint=hint) from None
        return _Found(exists=True, version_id=version_id, shared=wanted)

    async def _create(self, operation: str, version_id: str, content: str) -> None:
        key = {"KmsKeyId": self._options.kms_key_id} if self._options.kms_key_id else {}
        await self._aws.call(
            operation,
            "create_secret",
            moved=frozenset({"ResourceExistsException"}),
            Name=self._options.secret_id,
            ClientRequestToken=version_id,
            SecretString=content,
            **key,
        )

    async def _move(self, operation: str, old: str, new: str, content: str) -> None:
        await self._call(
            operation,
            "put_secret_value",
            moved=frozenset({"ResourceExistsException"}),
            ClientRequestToken=new,
            SecretString=content,
            # A secret without any version has no label to move: its first version becomes current.
            VersionStages=[_WAITING] if old else [_CURRENT],
        )
        if old:
            stage = {"VersionStage": _CURRENT, "RemoveFromVersionId": old, "MoveToVersionId": new}
            overtaken = frozenset({"InvalidParameterException", "InvalidRequestException"})
            await self._call(operation, "update_secret_version_stage", moved=overtaken, **stage)

    async def _tag(self, operation: str, version_id: str, placed: Placed) -> None:
        marker = placed.marker
        if marker is None:
            return
        value = (version_id, marker.installation, marker.rotation_id, marker.key_id, marker.token, placed.version)
        tag = {"Key": self._tag_key, "Value": ":".join(map(str, (*value, self._names_digest)))}
        await self._call(operation, "tag_resource", Tags=[tag])

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

    async def _call(
        self, operation: str, action: str, *, moved: frozenset[str] = frozenset(), **request: Any
    ) -> dict[str, Any]:
        return await self._aws.call(operation, action, moved=moved, SecretId=self._options.secret_id, **request)
