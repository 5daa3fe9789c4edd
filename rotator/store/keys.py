"""Which keys seal the secrets? Those of the configuration, else one in a file beside the database."""

from __future__ import annotations

import base64
import binascii
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from rotator.domain.model import Secret
from rotator.errors import StoreUnusable
from rotator.store.seal import KEY_BYTES

_log = logging.getLogger(__name__)


def key_of(text: Secret, source: str) -> bytes:
    """The 32 bytes of a key as configured, in base64. Raises StoreUnusable naming `source`, never the text."""
    wanted = f"a key is {KEY_BYTES} bytes in base64, as `openssl rand -base64 {KEY_BYTES}` prints"
    try:
        key = base64.b64decode("".join(text.reveal().split()), validate=True)
    except (binascii.Error, ValueError):
        raise StoreUnusable(f"The encryption key {source} is not base64", hint=f"Expected: {wanted}.") from None
    if len(key) != KEY_BYTES:
        raise StoreUnusable(f"The encryption key {source} has {len(key)} bytes", hint=f"Expected: {wanted}.")
    return key


def configured(texts: Sequence[Secret]) -> list[bytes]:
    """The keys of the configuration, newest first."""
    return [key_of(text, f"state.encryptionKeys[{n}]") for n, text in enumerate(texts)]


def key_file(database: Path) -> Path:
    """Where the key of a database without configured keys stands."""
    return database.with_name(database.name + ".key")


def from_file(path: Path) -> list[bytes]:
    """The keys in the file, newest first; none when there is no file. Raises StoreUnusable when it cannot be used."""
    try:
        lines = path.read_text("ascii").split()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise StoreUnusable(f"The key file {path} is not base64", hint="Restore it from a backup.") from None
    except OSError as error:
        raise StoreUnusable(
            f"The key file {path} cannot be read ({error.strerror})", hint="Check its owner and mode (0600)."
        ) from None
    return [key_of(Secret(line), str(path)) for line in lines]


def make_file(path: Path) -> bytes:
    """Make a key and its file (mode 0600, durable); only ever called together with a new database."""
    key = os.urandom(KEY_BYTES)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreUnusable(
            f"The key file {path} cannot be made ({error.strerror})", hint="Set state.encryptionKeys, or move it away."
        ) from None
    _log.warning(
        "Made the encryption key %s. Whoever has it and the database has every secret: "
        "keep a copy of it apart from the database's, or set state.encryptionKeys.",
        path,
    )
    return key
