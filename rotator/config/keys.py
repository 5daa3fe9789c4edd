"""Where does a key that seals secrets stand? It is named like any secret, or wrapped by a key that stays elsewhere.

The key elsewhere, of Azure Key Vault or of Vault's transit engine, is asked once, at each start. What is written here
is of no use without it.
"""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol
from urllib.parse import urlsplit

from pydantic import ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, WithJsonSchema, WrapValidator

from rotator.domain.model import Secret
from rotator.errors import RotatorError, StoreError, StoreUnavailable, StoreUnusable
from rotator.options import problem
from rotator.references import Reference, SecretMissing

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from rotator.clock import SystemClock
    from rotator.destinations.transit import Transit

KINDS = ("keyVault", "transit")
_FORMS = (
    "{env: NAME}, {file: PATH}, {credential: NAME}, {keyVault: URL, wrapped: TEXT} or {transit: {...}, wrapped: TEXT}"
)
_KEY_BYTES = 32


class Wrapping(Protocol):
    """A key that wraps ours, elsewhere."""

    async def wrap(self, key: bytes) -> str:
        """As text that tells nothing of it."""

    async def unwrap(self, wrapped: str) -> bytes:
        """What `wrap` was given."""


@dataclass(frozen=True, slots=True)
class KeyElsewhere:
    """A key of ours, wrapped by one that stays in Azure Key Vault (`where` is its address) or in Vault."""

    where: str | Transit
    #: Made by `rotator keys wrap`; empty until then.
    wrapped: str = ""

    def __str__(self) -> str:
        if isinstance(self.where, str):
            return f"keyVault: {self.where}"
        return f"transit: {self.where.endpoint}, {self.where.mount}/{self.where.key}"

    def resolve(self) -> Secret:
        """The key in base64, unwrapped now: waits for the network.

        Raises SecretMissing without a wrapped text, StoreUnavailable while its keeper does not answer, StoreUnusable.
        """
        if not self.wrapped:
            raise SecretMissing(f"there is no wrapped key for {self}", hint="rotator keys wrap prints one")
        key = self._asked(self._opened().unwrap(self.wrapped))
        return Secret(base64.b64encode(key).decode())

    def made(self) -> str:
        """A fresh key, wrapped; nobody has seen it. Raises StoreUnavailable, StoreUnusable."""
        wrapped: str = self._asked(self._opened().wrap(os.urandom(_KEY_BYTES)))
        return wrapped

    def _asked(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return _waited(work)
        except StoreError:
            raise
        except RotatorError as problem:
            kind = StoreUnavailable if problem.retryable else StoreUnusable
            error = kind(f"The encryption key cannot be unwrapped ({self}): {problem.what}", hint=problem.hint)
        raise error

    def _opened(self) -> Wrapping:
        from rotator.network import Network

        if isinstance(self.where, str):
            from rotator.entra.vault_keys import VaultKey

            return VaultKey(self.where, Network(), os.environ)
        from rotator.destinations.surroundings import Surroundings
        from rotator.destinations.transit import TransitKey

        network = Network()
        nothing: Any = None
        return TransitKey(
            self.where, Surroundings(mapped=nothing, installation="", clock=_clock(), network=lambda: network)
        )


def _key(value: object, named: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
    if isinstance(value, KeyElsewhere):
        return value
    kind = next((kind for kind in KINDS if isinstance(value, dict) and kind in value), "")
    if not kind or not isinstance(value, dict):
        return named(value)
    unknown = sorted(set(value) - {kind, "wrapped"})
    wrapped = value.get("wrapped", "")
    if unknown or not isinstance(wrapped, str) or not wrapped.isprintable():
        problem(f"{unknown[0]}: unknown key" if unknown else "wrapped: not text", _FORMS)
    where = _key_vault(value[kind]) if kind == "keyVault" else _transit(value[kind], info.context)
    return KeyElsewhere(where, wrapped)


def _key_vault(value: object) -> str:
    parts = urlsplit(value) if isinstance(value, str) and value.isprintable() else None
    names = parts.path.strip("/").split("/") if parts else []
    well = parts and parts.scheme == "https" and parts.hostname and "@" not in parts.netloc and not parts.query
    if not well or len(names) != 2 or names[0] != "keys" or not names[1]:
        problem("keyVault: not the address of a key", "https://NAME.vault.azure.net/keys/KEY, without a version")
    return str(value)


def _transit(value: object, context: Mapping[str, object] | None) -> Transit:
    from rotator.destinations.transit import Transit

    try:
        return Transit.model_validate(value, context=context)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        path = ".".join(map(str, ("transit", *first["loc"])))
        problem(f"{path}: {_in_our_words(first)}", "endpoint, mount, key, namespace, caFile, auth")


def _in_our_words(error: ErrorDetails) -> str:
    """Our own refusals as they are; the library's in its words would be of no help."""
    known = {"refused": error["msg"], "missing": "missing", "extra_forbidden": "unknown key"}
    return known.get(error["type"], "not allowed")


def _waited(work: Coroutine[Any, Any, Any]) -> Any:
    """Its outcome; in a thread with a loop of its own, for a loop may be running in this one."""
    came: list[Any] = []

    def live() -> None:
        try:
            came.append(asyncio.run(work))
        except BaseException as problem:  # noqa: BLE001 - raised in the thread that waits
            came.append(problem)

    thread = threading.Thread(target=live, name="rotator-keys", daemon=True)
    thread.start()
    thread.join()
    if isinstance(came[0], BaseException):
        raise came[0]
    return came[0]


def _clock() -> SystemClock:
    from rotator.clock import SystemClock

    return SystemClock()


def _shape() -> dict[str, Any]:
    wrapped = {"type": "string", "description": "What `rotator keys wrap` printed."}
    values: dict[str, dict[str, Any]] = {
        kind: {"type": "string", "minLength": 1} for kind in ("env", "file", "credential")
    }
    values["keyVault"] = {"type": "string", "pattern": "^https://[^/]+/keys/[^/]+/?$"}
    values["transit"] = {"type": "object"}
    forms = [
        {"required": [kind], "properties": {kind: value, **({"wrapped": wrapped} if kind in KINDS else {})}}
        for kind, value in values.items()
    ]
    return {"oneOf": [{"type": "object", **form, "additionalProperties": False} for form in forms]}


#: One entry of `state.encryptionKeys`.
if TYPE_CHECKING:
    EncryptionKey = Reference | KeyElsewhere
else:
    EncryptionKey = Annotated[Reference, WrapValidator(_key), WithJsonSchema(_shape())]
