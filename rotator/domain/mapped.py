"""What does a name of the embedded store show? One field of a credential, and another one after the next promotion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MappedName:
    """One mapped secret of the embedded store: a name that shows one field of a rotation's credential."""

    name: str
    rotation_id: str
    #: clientId, clientSecret, keyId, tenantId or expiresAt.
    field: str
    #: What readers see now; empty before the first promotion.
    key_id: str
    #: What they will see after the promotion; equal to `key_id` when nothing is staged.
    staged_key_id: str
    #: Grows with every promotion.
    version: int
    token: int
    installation: str


#: Whether to have names show another credential, by those of them that exist.
MayStage = Callable[[Mapping[str, MappedName]], bool]
