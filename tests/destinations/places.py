"""How does a test look at a place as its consumers do, and meddle with it as strangers do? One class for each kind."""

from __future__ import annotations

import json
import shlex
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from rotator.destinations import Opener, Surroundings
from rotator.destinations.formats.disk import Disk
from rotator.destinations.surroundings import Kept
from rotator.domain.mapped import MappedName
from rotator.domain.model import DestinationRule, Rotation, Secret
from rotator.ports import Clock, Destination, MappedSecrets, Marker, Parcel
from rotator.store.opening import open_store
from tests.builders import CLIENT, TENANT, a_rotation
from tests.destinations.fakes import FakeMapped, QuickDisk
from tests.destinations.servers.answering import Reply, Request
from tests.fakes import START, ManualClock, SeededChance

T = TypeVar("T")
INSTALLATION = "abcd2345"
#: As Entra issues them.
FIRST = "uvw8Q~abcdefghijklmnopqrstuvwxyz01234567"
SECOND = "xyz8Q~ZYXWVUTSRQPONMLKJIHGFEDCBA98765432"
NAMES = {"clientId": "BILLING_CLIENT_ID", "clientSecret": "BILLING_CLIENT_SECRET"}


def a_parcel(text: str = FIRST, key: str = "key-1", *, token: int = 5, rotation: str = "rotation-1") -> Parcel:
    marker = Marker(INSTALLATION, rotation, key, token)
    return Parcel(marker, CLIENT, TENANT, START + timedelta(days=63), Secret(text), "attempt-1", "billing-api")


@dataclass
class Place:
    """A kind of destination somewhere. `shows` is what a consumer of the names gets."""

    folder: Path
    kind: str = ""
    mapped: MappedSecrets = field(default_factory=FakeMapped)
    clock: Clock = field(default_factory=ManualClock)
    inline: bool = True
    disk: Disk = field(default_factory=QuickDisk)
    installation: str = INSTALLATION
    #: Others may keep something of theirs in the same place.
    shared: ClassVar[bool] = True
    kept: Kept = field(default_factory=Kept)
    #: Nobody can read a text there again, so that any change of the place by others counts as drift.
    is_blind: ClassVar[bool] = False

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Place]:
        """While whatever serves the place is at work; kinds of a network start their server here."""
        yield self

    @property
    def path(self) -> Path:
        """What the option `path` names, for those that have it."""
        raise AssertionError

    def surroundings(self) -> Surroundings:
        return Surroundings(self.mapped, self.installation, self.clock, self.disk, inline=self.inline, kept=self.kept)

    def options(self) -> dict[str, Any]:
        return {}

    def rule(self, names: dict[str, str] | None = None, **options: Any) -> DestinationRule:
        return DestinationRule("here", self.kind, names=names or {}, options=self.options() | options)

    def open(
        self, rotation: Rotation | None = None, names: dict[str, str] | None = None, **options: Any
    ) -> Destination:
        rotation = rotation or a_rotation(mapping=dict(NAMES))
        return Opener(self.surroundings()).open(rotation, self.rule(names, **options))

    def elsewhere(self, url: str) -> dict[str, Any]:
        """Options that lead to another address, for kinds of a network."""
        here = str(self.server.url)  # type: ignore[attr-defined]  # those have one
        texts = {key: value for key, value in self.options().items() if isinstance(value, str) and here in value}
        return {key: value.replace(here, url) for key, value in texts.items()}

    def refusal(self, status: int) -> Reply:
        """How the service puts a refusal with that status."""
        return Reply(status, {"message": "no"})

    def is_write(self, request: Request) -> bool:
        """It asks for a change of what stands there."""
        return request.method not in {"GET", "HEAD", "OPTIONS"}

    def shows(self) -> dict[str, str]:
        """All names with their texts, of whomever."""
        raise AssertionError

    def set(self, name: str, text: str) -> None:
        """A stranger writes one name."""
        raise AssertionError

    def drop(self, name: str) -> None:
        """A stranger takes one name away."""
        raise AssertionError

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("*"))


class EmbeddedPlace(Place):
    """What readers see after the promotion, as the ledger would resolve it: key ids stand for texts."""

    kind = "embedded"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "embedded")
        self.fake = FakeMapped()
        self.mapped = self.fake
        self.texts = {"key-1": FIRST, "key-2": SECOND}

    def shows(self) -> dict[str, str]:
        return {name: self._text(row) for (_, name), row in self.fake.rows.items()}

    def _text(self, row: MappedName) -> str:
        if not row.rotation_id:
            return row.staged_key_id
        return CLIENT if row.field == "clientId" else self.texts[row.staged_key_id]

    def set(self, name: str, text: str) -> None:
        self.fake.rows[a_rotation().folder, name] = MappedName(name, "", "", text, text, 1, 0, "")

    def drop(self, name: str) -> None:
        del self.fake.rows[a_rotation().folder, name]


class StorePlace(EmbeddedPlace):
    """The same over the real store, in memory, where every call ends at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store = open_store(
            "sqlite://", chance=SeededChance(), database_time=lambda: START, installation=INSTALLATION
        )
        self.mapped = self.store

    def shows(self) -> dict[str, str]:
        return {name: self._text(row) for name, row in at_once(self.store.mapped_names(a_rotation().folder)).items()}

    def set(self, name: str, text: str) -> None:
        folder = a_rotation().folder
        old = at_once(self.store.mapped(folder, [name])).get(name)
        marker = Marker("", "", text, old.token if old else 0)
        at_once(self.store.stage(folder, {old.field if old else "keyId": name}, marker))

    def drop(self, name: str) -> None:
        at_once(self.store.unmap(a_rotation().folder, [name], "rotation-1"))


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The answer of something asynchronous that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError


class DotenvPlace(Place):
    @property
    def path(self) -> Path:
        return self.folder / "billing.env"

    def options(self) -> dict[str, Any]:
        return {"path": str(self.path)}

    def shows(self) -> dict[str, str]:
        """As a shell would read it, the last assignment winning."""
        if not self.path.exists():
            return {}
        rows = [row for row in self.path.read_text().splitlines() if "=" in row and not row.startswith("#")]
        return {name: "".join(shlex.split(text)) for name, _, text in (row.partition("=") for row in rows)}

    def set(self, name: str, text: str) -> None:
        rows = self.path.read_text().splitlines() if self.path.exists() else []
        rows = [f"{name}={text}" if row.startswith(f"{name}=") else row for row in rows]
        self.path.write_text("\n".join(rows if f"{name}={text}" in rows else [*rows, f"{name}={text}"]) + "\n")

    def drop(self, name: str) -> None:
        rows = [row for row in self.path.read_text().splitlines() if not row.startswith(f"{name}=")]
        self.path.write_text("\n".join(rows) + "\n")


class JsonPlace(Place):
    @property
    def path(self) -> Path:
        return self.folder / "billing.json"

    def options(self) -> dict[str, Any]:
        return {"path": str(self.path), "format": "json"}

    def shows(self) -> dict[str, str]:
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def set(self, name: str, text: str) -> None:
        self.path.write_text(json.dumps(self.shows() | {name: text}, indent=2))

    def drop(self, name: str) -> None:
        self.path.write_text(json.dumps({k: v for k, v in self.shows().items() if k != name}, indent=2))


class DirectoryPlace(Place):
    @property
    def path(self) -> Path:
        return self.folder / "billing"

    def options(self) -> dict[str, Any]:
        if not self.path.is_symlink():
            self.path.mkdir(exist_ok=True)
        return {"path": str(self.path), "format": "directory"}

    def shows(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        return {each.name: each.read_text() for each in self.path.iterdir() if each.name[0] != "." and each.exists()}

    def set(self, name: str, text: str) -> None:
        """As an editor that writes a new file and renames it."""
        self.path.mkdir(exist_ok=True)
        new = self.path / ".new"
        new.write_text(text)
        new.rename(self.path / name)

    def drop(self, name: str) -> None:
        (self.path / name).unlink()


def a_place(kind: str, folder: Path, **changes: Any) -> Place:
    """By the name the contract suite gives it."""
    if kind == "embedded-store":
        return StorePlace(folder)
    place: Place = EmbeddedPlace(folder) if kind == "embedded" else _maker(kind)(folder, _MAKERS[kind][0])
    return replace(place, **changes) if changes and kind != "embedded" else place


def _maker(kind: str) -> type[Place]:
    _, module, name = _MAKERS[kind]
    maker: type[Place] = getattr(import_module(f"tests.destinations.{module}"), name)
    return maker


#: Name in the suite -> kind, and where its place is; each kind of a network has a module of its own.
_MAKERS = {
    "dotenv": ("file", "places", "DotenvPlace"),
    "json": ("file", "places", "JsonPlace"),
    "directory": ("file", "places", "DirectoryPlace"),
    "template": ("file", "places_files", "TemplatePlace"),
    "credentials": ("file", "places_files", "CredentialsPlace"),
    "exec": ("exec", "places_handed", "ExecPlace"),
    "webhook": ("webhook", "places_handed", "WebhookPlace"),
    "gcp-secret-manager": ("gcp-secret-manager", "places_gcp", "GcpPlace"),
    "aws-secrets-manager": ("aws-secrets-manager", "places_aws", "AwsPlace"),
    "aws-secrets-manager-plain": ("aws-secrets-manager", "places_aws", "AwsSinglesPlace"),
    "azure-app-service": ("azure-app-service", "places_azure", "SitePlace"),
    "azure-container-app": ("azure-app-service", "places_azure", "ContainerAppPlace"),
    "azure-devops": ("azure-devops", "places_azure", "GroupPlace"),
    "azure-key-vault-json": ("azure-key-vault", "places_azure", "KeyVaultJsonPlace"),
    "azure-key-vault": ("azure-key-vault", "places_azure", "KeyVaultPlace"),
    "github-actions": ("github-actions", "places_github", "GitHubPlace"),
    "github-organisation": ("github-actions", "places_github", "GitHubOrganisationPlace"),
    "kubernetes": ("kubernetes", "places_kubernetes", "KubernetesPlace"),
    "infisical": ("infisical", "places_infisical", "InfisicalPlace"),
    "vault": ("vault", "places_vault", "VaultPlace"),
    "vault-one": ("vault", "places_vault", "VaultOnePlace"),
}
KINDS = ("embedded", "embedded-store", *_MAKERS)
FILES = ("dotenv", "json", "directory")
