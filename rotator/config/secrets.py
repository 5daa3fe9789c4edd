"""Are the secrets there that the configuration names, and do keys have the form of keys?"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from rotator.config.connections import WrittenConnection
from rotator.config.problems import Problems, Spot
from rotator.config.settings import State
from rotator.domain.model import Secret
from rotator.references import Reference, SecretMissing

_KEY = "32 bytes in base64: openssl rand -base64 32"


def check_secrets(main: Spot, state: State, connections: Iterable[WrittenConnection], problems: Problems) -> None:
    """Each named secret can be read now. The texts are dropped at once."""
    for n, key in enumerate(state.encryption_keys):
        at = main / "state" / "encryptionKeys" / n
        found = _resolved(key, at, problems)
        if found and not _is_key(found):
            problems.add(at, f"{key} holds no key ({_KEY})")
    for connection in connections:
        credentials = connection.options.credentials
        for name, field in type(credentials).model_fields.items():
            value = getattr(credentials, name)
            if isinstance(value, Reference):
                _resolved(value, connection.spot / "credentials" / (field.alias or name), problems)


def _resolved(reference: Reference, at: Spot, problems: Problems) -> Secret | None:
    try:
        return reference.resolve()
    except SecretMissing as exc:
        problems.add(at, f"{exc.what} ({exc.hint or 'a secret that can be read now'})")
        return None


def _is_key(secret: Secret) -> bool:
    try:
        return len(base64.b64decode(secret.reveal(), validate=True)) == 32
    except (binascii.Error, ValueError):
        return False
