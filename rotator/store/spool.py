"""Where does an issued secret wait while the books cannot be written? Sealed in a file of this machine.

One file a credential: what it is about in the clear, and everything that recording it takes sealed like a text of the
books, bound to its key id. Written whole and through to the disk, or not at all.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from rotator.domain.kept import Kept
from rotator.domain.model import Lease, Secret
from rotator.errors import StoreUnavailable, StoreUnusable
from rotator.store import rows
from rotator.store.rows import instant, micros
from rotator.store.seal import Place, Seal

Result = TypeVar("Result")

_FORM = 1
_SUFFIX = ".spooled"

_log = logging.getLogger("rotator.store.spool")


class SpoolFolders:
    """Implements `ports.Spool` in the first of some folders that takes a file; they are made when needed."""

    def __init__(self, folders: Sequence[Path], seal: Seal, *, installation: str, inline: bool = False) -> None:
        """`inline`: in the calling thread, for simulations that must repeat exactly."""
        self._folders = tuple(folders)
        self._seal = seal
        self._installation = installation
        self._inline = inline
        #: Whose visits still wait to record them.
        self._awaited: set[str] = set()
        #: Files that have been complained of.
        self._told: set[Path] = set()

    async def keep(self, kept: Kept) -> None:
        await self._run(lambda: self._write(kept.key_id, self._sealed(kept)))
        if kept.stale:
            self._awaited.discard(kept.key_id)
        else:
            self._awaited.add(kept.key_id)

    async def drop(self, key_id: str) -> None:
        self._awaited.discard(key_id)
        await self._run(lambda: self._remove(key_id))

    async def left(self) -> Sequence[Kept]:
        return [kept for kept in await self._run(self._read_all) if kept.key_id not in self._awaited]

    async def _run(self, work: Callable[[], Result]) -> Result:
        return work() if self._inline else await asyncio.to_thread(work)

    def _sealed(self, kept: Kept) -> bytes:
        body = self._seal.close(_place(kept.key_id), json.dumps(_plain(kept)).encode())
        record = {
            "form": _FORM,
            "installation": self._installation,
            "keyId": kept.key_id,
            "sealedUnder": self._seal.newest,
            "sealed": base64.b64encode(body).decode(),
        }
        return json.dumps(record).encode()

    def _write(self, key_id: str, content: bytes) -> None:
        problems = []
        for folder in self._folders:
            try:
                _replace(folder / _name_of(key_id), content)
            except OSError as error:
                problems.append(f"{folder}: {error.strerror}")
            else:
                return
        raise StoreUnavailable(f"No folder takes the issued secret ({'; '.join(problems) or 'there is none'})")

    def _remove(self, key_id: str) -> None:
        for folder in self._folders:
            with suppress(OSError):
                (folder / _name_of(key_id)).unlink()

    def _read_all(self) -> list[Kept]:
        found = (self._read(path) for folder in self._folders for path in _files(folder))
        return [kept for kept in found if kept is not None]

    def _read(self, path: Path) -> Kept | None:
        try:
            return self._opened(path.read_bytes())
        except FileNotFoundError:  # recorded meanwhile
            return None
        except OSError as error:
            self._tell(path, f"cannot be read ({error.strerror})", "Check its owner and mode.")
        except _OfAnother as other:
            self._tell(path, f"is of installation {other}", "It is left for that one; remove it if there is none.")
        except StoreUnusable as unopened:
            self._tell(path, f"does not open: {unopened.what}", "Give the key that was in use; it is kept until then.")
        except (ValueError, KeyError, TypeError, AttributeError):
            aside = path.with_suffix(".unreadable")
            with suppress(OSError):
                path.replace(aside)
            self._tell(path, f"is cut short or damaged; kept as {aside.name}", "Its key is found by its display name.")
        return None

    def _opened(self, content: bytes) -> Kept:
        record = json.loads(content)
        if record["form"] != _FORM:
            raise ValueError
        if record["installation"] != self._installation:
            raise _OfAnother(record["installation"])
        place, body = _place(record["keyId"]), base64.b64decode(record["sealed"], validate=True)
        return _kept(json.loads(self._seal.open(place, record["sealedUnder"], body)))

    def _tell(self, path: Path, what: str, hint: str) -> None:
        if path not in self._told:
            self._told.add(path)
            _log.warning("the file of an issued secret that could not be recorded, %s, %s. %s", path, what, hint)


class _OfAnother(Exception):
    """It was left by another installation."""


def _place(key_id: str) -> Place:
    return Place("spool", key_id, "record")


def _name_of(key_id: str) -> str:
    """No name from outside becomes a path."""
    return hashlib.sha256(key_id.encode()).hexdigest()[:24] + _SUFFIX


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)
    except OSError:
        return


def _replace(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, whole and through to the disk, over what was there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _plain(kept: Kept) -> dict[str, Any]:
    lease = kept.lease
    return {
        "lease": [lease.tenant_id, lease.object_id, lease.holder, lease.token, micros(lease.until)],
        "connection": kept.connection,
        "intent": rows.INTENT.params(kept.intent),
        "credential": rows.CREDENTIAL.params(kept.credential),
        "entries": [rows.ENTRY.params(entry) for entry in kept.entries],
        "text": None if kept.text is None else kept.text.reveal(),
        "stale": kept.stale,
    }


def _kept(plain: dict[str, Any]) -> Kept:
    tenant_id, object_id, holder, token, until = plain["lease"]
    text = plain["text"]
    entries = [rows.ENTRY.of_params(entry) for entry in plain["entries"]]
    return Kept(
        lease=Lease(tenant_id, object_id, holder, token, instant(until)),
        connection=plain["connection"],
        intent=rows.INTENT.of_params(plain["intent"]),
        credential=rows.CREDENTIAL.of_params({**plain["credential"], "has_text": text is not None}),
        entries=tuple(entries),
        text=None if text is None else Secret(text),
        stale=plain["stale"],
    )
