"""How is one secret of AWS Secrets Manager looked at and replaced? By moving the label AWSCURRENT between versions."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rotator.destinations.aws_calls import Aws, Missing, Moved
from rotator.errors import DestinationRefused, DestinationUnavailable

if TYPE_CHECKING:
    from rotator.domain.model import Secret

#: What readers ask for by default, and where a version waits that they do not see yet.
_CURRENT, _WAITING = "AWSCURRENT", "ROTATOR_WAITING"
#: It is there already, with another content.
_EXISTS = frozenset({"ResourceExistsException"})
#: The same of a version, or the secret itself has gone.
_CHANGED = _EXISTS | {"ResourceNotFoundException"}
#: The label is no longer where it was.
_OVERTAKEN = frozenset({"InvalidParameterException", "InvalidRequestException"})


@dataclass(frozen=True, slots=True)
class Described:
    """Which version readers get, empty: there is none yet; and the tags of the secret."""

    version_id: str
    tags: Mapping[str, str]


class AwsSecret:
    """One secret by its name or ARN. Whatever somebody else changed meanwhile is DestinationUnavailable."""

    def __init__(self, aws: Aws, name: str, place: str, *, kms_key_id: str = "") -> None:
        self._aws = aws
        self._name = name
        self._place = place
        self._kms_key_id = kms_key_id

    async def described(self, operation: str) -> Described | None:
        """None when there is no such secret; for `remove` one that is scheduled for deletion is gone as well."""
        try:
            told = await self._call(operation, "describe_secret")
        except Missing:
            return None
        if "ARN" not in told:
            what, hint = "what answered is not AWS", "A proxy on the way may have answered"
            raise DestinationUnavailable(self._place, operation, what, hint=hint)
        if "DeletedDate" in told and operation == "remove":
            return None
        if "DeletedDate" in told:
            hint = "aws secretsmanager restore-secret brings it back"
            raise DestinationRefused(self._place, operation, "it is scheduled for deletion", hint=hint)
        stages: Mapping[str, list[str]] = told.get("VersionIdsToStages") or {}
        current = next((version for version, labels in stages.items() if _CURRENT in labels), "")
        return Described(current, {tag["Key"]: tag["Value"] for tag in told.get("Tags", ())})

    async def text(self, operation: str, version_id: str) -> str:
        """What that version holds; empty for bytes."""
        told = await self._call(operation, "get_secret_value", VersionId=version_id)
        return str(told.get("SecretString", ""))

    async def may_change(self, whose: str) -> None:
        """Asks AWS to store nothing at all: without the right to write it answers with that instead."""
        nothing = frozenset({"InvalidRequestException", "InvalidParameterException", "ValidationException"})
        token = hashlib.sha256(f"check {whose}".encode()).hexdigest()
        try:
            await self._call("check", "put_secret_value", moved=nothing, ClientRequestToken=token)
        except Moved:
            return

    async def make(self, operation: str, version_id: str, text: Secret, tags: Mapping[str, str]) -> None:
        """Make the secret with its first version; the same again under the same id changes nothing."""
        more: dict[str, Any] = {"Tags": _rows(tags)} if tags else {}
        more |= {"KmsKeyId": self._kms_key_id} if self._kms_key_id else {}
        request = {"Name": self._name, "ClientRequestToken": version_id, "SecretString": text.reveal(), **more}
        await self._changing(operation, self._aws.call(operation, "create_secret", moved=_EXISTS, **request))

    async def replace(self, operation: str, old: str, new: str, text: Secret) -> None:
        """Readers get the version `new` in the place of exactly `old`; empty: there is no version yet."""
        # A secret without any version has no label to move: its first version becomes current.
        request = {"SecretString": text.reveal(), "VersionStages": [_WAITING] if old else [_CURRENT]}
        put = self._call(operation, "put_secret_value", moved=_CHANGED, ClientRequestToken=new, **request)
        await self._changing(operation, put)
        if old:
            stage = {"VersionStage": _CURRENT, "RemoveFromVersionId": old, "MoveToVersionId": new}
            moving = self._call(operation, "update_secret_version_stage", moved=_OVERTAKEN | _CHANGED, **stage)
            await self._changing(operation, moving)

    async def tag(self, operation: str, tags: Mapping[str, str]) -> None:
        """Add these tags, in one step."""
        tagging = self._call(operation, "tag_resource", moved=_CHANGED, Tags=_rows(tags))
        await self._changing(operation, tagging)

    async def untag(self, operation: str, keys: Collection[str]) -> None:
        """Take these tags away; those that are not there are no obstacle."""
        await self._call(operation, "untag_resource", TagKeys=list(keys))

    async def delete(self, operation: str, *, at_once: bool) -> None:
        """At once, or in 30 days, until when somebody may restore it."""
        how: dict[str, Any] = {"ForceDeleteWithoutRecovery": True} if at_once else {"RecoveryWindowInDays": 30}
        await self._call(operation, "delete_secret", **how)

    async def _changing(self, operation: str, work: Any) -> None:
        try:
            await work
        except Moved:
            detail = "it was changed by somebody else since it was read"
            hint = "Nothing was changed; it is read again"
            raise DestinationUnavailable(self._place, operation, detail, hint=hint) from None

    async def _call(
        self, operation: str, action: str, *, moved: frozenset[str] = frozenset(), **request: Any
    ) -> dict[str, Any]:
        return await self._aws.call(operation, action, moved=moved, SecretId=self._name, **request)


def _rows(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
