"""Where does a secret stand that the configuration only names? In a variable, a file or a systemd credential."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotator.domain.model import Secret
from rotator.errors import RotatorError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

#: The context of a validation: a true value allows secrets to be written literally.
ALLOW_LITERALS = "allow_literal_secrets"
#: The context of a validation: the folder that relative files are looked up in.
FOLDER = "folder"
_KINDS = ("env", "file", "credential")
_ALLOWED = "{env: NAME}, {file: PATH} or {credential: NAME}"
_LARGEST = 1 << 20


class SecretMissing(RotatorError):
    """A named secret is not there, cannot be read, or is empty."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Names a secret: `kind` is env, file or credential, `name` the variable, the path or the credential's name.

    Of kind `literal` the text is held itself, and `name` is empty; only where literal secrets were allowed.
    """

    kind: str
    name: str
    literal: Secret | None = field(default=None, hash=False)

    def __str__(self) -> str:
        return f"{{{self.kind}: {self.name}}}" if self.name else "a literal secret"

    def resolve(self) -> Secret:
        """The secret as it stands now, one trailing line end stripped. Raises SecretMissing, in words for a user."""
        if self.literal is not None:
            return self.literal
        if self == KEPT:
            raise SecretMissing("it is kept in the database only")
        text = self._text().removesuffix("\n").removesuffix("\r")
        if not text:
            raise SecretMissing(f"{self._what()} is empty")
        return Secret(text)

    def _text(self) -> str:
        if self.kind == "env":
            found = os.environ.get(self.name)
            if found is None:
                raise SecretMissing(f"{self._what()} is not set")
            return found
        return self._read(self._path())

    def _path(self) -> Path:
        if self.kind == "file":
            return Path(self.name)
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            hint = "LoadCredential= in the unit sets it"
            raise SecretMissing(f"{self._what()} cannot be read: $CREDENTIALS_DIRECTORY is not set", hint=hint)
        return Path(folder) / self.name

    def _read(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                raw = file.read(_LARGEST + 1)
            if len(raw) <= _LARGEST:
                return raw.decode()
        except UnicodeDecodeError:
            raise SecretMissing(f"{self._what()} is not text") from None
        except OSError as exc:
            raise SecretMissing(f"{self._what()} cannot be read: {exc.strerror}") from None
        raise SecretMissing(f"{self._what()} is larger than 1 MiB")

    def _what(self) -> str:
        return {"env": "variable", "file": "file", "credential": "credential"}[self.kind] + f" {self.name}"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.with_info_plain_validator_function(_validated)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        kinds = [{"required": [kind], "properties": {kind: {"type": "string", "minLength": 1}}} for kind in _KINDS]
        return {"type": "object", "oneOf": [{**kind, "additionalProperties": False} for kind in kinds]}


#: Stands for a secret that the database alone knows: it changes without the configuration.
KEPT = Reference("kept", "in the database")


def _validated(value: object, info: Any) -> Reference:
    from rotator.options import problem

    context = info.context or {}
    if isinstance(value, Reference):
        return value
    if not isinstance(value, dict):
        return _literal(value, allowed=bool(context.get(ALLOW_LITERALS)))
    kind = next(iter(value), "")
    if len(value) != 1 or kind not in _KINDS:
        problem("a secret is named in exactly one way", _ALLOWED)
    name = value[kind]
    if not isinstance(name, str) or not name or not name.isprintable() or (kind != "file" and set(name) & set("/=")):
        problem(f"the name after {kind}: is not one", _ALLOWED)
    return Reference(kind, str(Path(context.get(FOLDER, ".")) / name) if kind == "file" else name)


def _literal(value: object, *, allowed: bool) -> Reference:
    from rotator.options import problem

    if not allowed:
        problem("a secret is not written here", f"{_ALLOWED}; --allow-literal-secrets for a trial")
    if not isinstance(value, str) or not value:
        problem("an empty secret is not allowed", f"{_ALLOWED} or text")
    return Reference("literal", "", Secret(value))
