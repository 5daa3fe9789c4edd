"""Which few fields of Graph's objects do we read?

The SDK's own `Application` has 45 properties: parsing the first blocks the event loop for a second and costs 33 MiB.
Its `PasswordCredential` shows the secret in its repr; this one holds it as a `Secret` from the start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from kiota_abstractions.serialization import Parsable, ParseNode, SerializationWriter

from rotator.domain.model import Secret

#: What is asked for: `keyCredentials` is left out, which Graph limits to 150 requests a minute for the whole tenant.
SELECTED = ["id", "appId", "displayName", "createdDateTime", "signInAudience", "passwordCredentials"]
_Read = Callable[[ParseNode], None]


class _OnlyRead(Parsable):
    """Is made from an answer and never sent."""

    @classmethod
    def create_from_discriminator_value(cls, _node: ParseNode | None = None) -> Self:
        return cls()

    def serialize(self, _writer: SerializationWriter) -> None:
        raise TypeError(f"{type(self).__name__} is only read")


@dataclass
class PasswordAnswer(_OnlyRead):
    """A password credential, listed or just made; `secret` is there only in the answer that made it."""

    key_id: str = ""
    display_name: str = ""
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    hint: str = ""
    secret: Secret | None = None

    def get_field_deserializers(self) -> dict[str, _Read]:
        """What kiota calls for each field it finds."""
        return {
            "keyId": lambda node: setattr(self, "key_id", node.get_str_value() or ""),
            "displayName": lambda node: setattr(self, "display_name", node.get_str_value() or ""),
            "startDateTime": lambda node: setattr(self, "starts_at", node.get_datetime_value()),
            "endDateTime": lambda node: setattr(self, "expires_at", node.get_datetime_value()),
            "hint": lambda node: setattr(self, "hint", node.get_str_value() or ""),
            "secretText": lambda node: setattr(self, "secret", _secret(node.get_str_value())),
        }


@dataclass
class ApplicationAnswer(_OnlyRead):
    """An application with its password credentials."""

    object_id: str = ""
    client_id: str = ""
    display_name: str = ""
    sign_in_audience: str = ""
    created_at: datetime | None = None
    credentials: list[PasswordAnswer] = field(default_factory=list)

    def get_field_deserializers(self) -> dict[str, _Read]:
        """What kiota calls for each field it finds."""
        return {
            "id": lambda node: setattr(self, "object_id", node.get_str_value() or ""),
            "appId": lambda node: setattr(self, "client_id", node.get_str_value() or ""),
            "displayName": lambda node: setattr(self, "display_name", node.get_str_value() or ""),
            "signInAudience": lambda node: setattr(self, "sign_in_audience", node.get_str_value() or ""),
            "createdDateTime": lambda node: setattr(self, "created_at", node.get_datetime_value()),
            "passwordCredentials": lambda node: setattr(
                self, "credentials", node.get_collection_of_object_values(PasswordAnswer) or []
            ),
        }


def _secret(text: Any) -> Secret | None:
    return Secret(text) if isinstance(text, str) and text else None
