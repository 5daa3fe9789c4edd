"""Are the secrets there that the configuration names, and do keys have the form of keys?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import TypeAdapter, ValidationError

from rotator.config.keys import KINDS
from rotator.config.problems import Problems, Spot
from rotator.domain.model import Secret
from rotator.errors import StoreUnusable
from rotator.references import Reference, SecretMissing

_KEY = "32 bytes in base64: openssl rand -base64 32"
_REFERENCE = TypeAdapter(Reference)


def check_secrets(
    main: Spot, connections: Iterable[tuple[Spot, object]], context: Mapping[str, object], problems: Problems
) -> None:
    """Each named secret can be read now; the texts are dropped at once. What is no reference is said elsewhere."""
    for n, key in enumerate(_items(_within(main.document, "state", "encryptionKeys"))):
        at = main / "state" / "encryptionKeys" / n
        if isinstance(key, dict) and not {*KINDS}.isdisjoint(key) and not key.get("wrapped"):
            problems.add(at, "wrapped is missing (rotator keys wrap prints it)")
        found = _resolved(key, at, context, problems)
        if found and not _is_key(found):
            problems.add(at, f"this is no key ({_KEY})")
    for path in (("api", "oauth"), ("dashboard",)):
        at = main
        for step in (*path, "clientSecret"):
            at /= step
        _resolved(_within(main.document, *path, "clientSecret"), at, context, problems)
    for spot, raw in connections:
        credentials = _within(raw, "credentials")
        for name in ("clientSecret", "certificate", "privateKey", "refreshToken"):
            _resolved(_within(credentials, name), spot / "credentials" / name, context, problems)


def _within(block: object, *path: str) -> object:
    for step in path:
        block = block.get(step) if isinstance(block, dict) else None
    return block


def _items(block: object) -> list[object]:
    return block if isinstance(block, list) else []


def _resolved(raw: object, at: Spot, context: Mapping[str, object], problems: Problems) -> Secret | None:
    if raw is None:
        return None
    try:
        return _REFERENCE.validate_python(raw, context=dict(context)).resolve()
    except ValidationError:
        return None
    except SecretMissing as exc:
        problems.add(at, f"{exc.what} ({exc.hint or 'a secret that can be read now'})")
        return None


def _is_key(secret: Secret) -> bool:
    from rotator.store.keys import key_of

    try:
        return bool(key_of(secret, "here"))
    except StoreUnusable:
        return False
