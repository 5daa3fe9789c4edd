"""How is a credential delivered to a KV secret of HashiCorp Vault or OpenBao, beside the keys that others keep there?

KV version 2 is written with check-and-set, and marks stand in the secret's custom metadata: a look that finds nothing
changed fetches no text. Version 1 has neither; marks stand in the secret itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, Self

from pydantic import Field, model_validator

from rotator.destinations.marks import Mark, refuse_changed, refuse_foreign, refuse_stale, texts
from rotator.destinations.options import Endpoint, NamedSecret, NetworkOptions
from rotator.destinations.sidecar import SIDECAR, Seat, Shared, differs_in_token_alone
from rotator.errors import DestinationUnavailable
from rotator.options import Line, Rule, one_of, problem, refuse
from rotator.options import Options as Block

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.destinations.vault_session import Session
    from rotator.domain.model import Rotation
    from rotator.ports import Destination, Parcel, Placed

#: Vault takes 512 bytes a value of custom metadata; a mark without its names takes at most 260 of them.
_ROOM_FOR_NAMES = 250
_NEEDED = {
    "token": ("token",),
    "approle": ("role_id",),
    "kubernetes": ("role",),
    "jwt": ("role", "token"),
}


def _path(value: object) -> str:
    allowed = "a path such as apps/billing, without '..'"
    path = value.strip("/") if isinstance(value, str) else ""
    if not path or not path.isprintable() or len(path) > 512 or {"", ".", ".."} & set(path.split("/")):
        refuse(value, allowed)
    return path


def _engine_version(value: object) -> int:
    return value if type(value) is int and value in {1, 2} else refuse(value, "1 | 2")


VaultPath = Annotated[str, Rule(_path, {"type": "string", "minLength": 1, "maxLength": 512})]


class Auth(Block):
    """How to sign in to Vault."""

    method: Annotated[Literal["token", "approle", "kubernetes", "jwt"], one_of("token", "approle", "kubernetes", "jwt")]
    mount: VaultPath | None = Field(default=None, description="Where the method is mounted; default: its name.")
    role: Line | None = Field(default=None, description="kubernetes, jwt: the role to sign in as.")
    role_id: Line | None = Field(default=None, description="approle: the role id.")
    secret_id: NamedSecret | None = Field(default=None, description="approle: its secret id, named.")
    token: NamedSecret | None = Field(
        default=None,
        description="token: the token, named. kubernetes, jwt: the JWT, named; default for kubernetes: the pod's own.",
    )

    @model_validator(mode="after")
    def _has_what_the_method_needs(self) -> Self:
        for name in _NEEDED[self.method]:
            if not getattr(self, name):
                alias = type(self).model_fields[name].alias or name
                problem(f"{alias} is missing", f"the method {self.method} needs it")
        return self


class Options(NetworkOptions):
    """Which secret of which server."""

    endpoint: Endpoint = Field(description="The address of Vault or OpenBao.")
    mount: VaultPath = Field(default="secret", description="Where the KV engine is mounted; default secret.")
    path: VaultPath = Field(description="The secret below the mount.")
    version: Annotated[Literal[1, 2], Rule(_engine_version, {"enum": [1, 2]})] = Field(
        default=2, description="Of the KV engine: 1 | 2; default 2."
    )
    namespace: Line = Field(default="", description="The namespace; default: the root.")
    auth: Auth | None = Field(default=None, description="How to sign in; default: the token in $VAULT_TOKEN.")

    def place(self) -> str:
        within = f"{self.namespace.strip('/')}/" if self.namespace.strip("/") else ""
        return f"vault:{self.endpoint.partition('://')[2]}/{within}{self.mount}/{self.path}"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        from rotator.destinations.vault_one import KvOne
        from rotator.destinations.vault_session import session_of
        from rotator.destinations.vault_two import KvTwo

        seat = Seat.of(self.place(), surroundings.installation, rotation.id, names)
        session = session_of(self, surroundings)
        engine = (KvTwo if self.version == 2 else KvOne)(self.mount, self.path, seat=seat, session=session)
        turn = surroundings.kept.get(("vault", "turn", seat.place), asyncio.Lock)
        return VaultDestination(seat, names, engine=engine, session=session, turn=turn)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        bad = sorted(n for n in set(names.values()) if not n or len(n) > 256 or not n.isprintable() or n == SIDECAR)
        found = [f"names: {name!r} is not allowed (1 to 256 characters on one line, not {SIDECAR})" for name in bad]
        if self.version == 2 and len(json.dumps(sorted(names.values()), ensure_ascii=False).encode()) > _ROOM_FOR_NAMES:
            found.append(f"names: together longer than {_ROOM_FOR_NAMES} characters (what the metadata has room for)")
        return super().name_problems(names) + found


@dataclass(frozen=True, slots=True)
class Found:
    """A secret as it stands, its texts included."""

    shared: Shared
    #: The path has, or had, something in it.
    exists: bool = False
    #: The version that the next one must follow; 0 where there are no versions.
    current: int = 0
    #: Our mark says all there is to say.
    is_told: bool = True


class Engine(Protocol):
    """One secret of one version of the KV engine. All raise DestinationUnavailable or DestinationRefused."""

    @property
    def version(self) -> int:
        """Of the engine."""

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:
        """Path -> what the token must be allowed there."""

    async def read(self) -> Placed | None:
        """What is there for our seat."""

    async def find(self, operation: str) -> Found:
        """The whole secret."""

    async def put(self, found: Found, wanted: Shared) -> None:
        """Make it so, if it is not; raises when somebody else was faster."""

    async def take(self, found: Found, mine: Mark) -> None:
        """Take our names and our mark out."""


class VaultDestination:
    """One rotation's keys of one secret. Writers of this process take turns."""

    def __init__(
        self, seat: Seat, names: Mapping[str, str], *, engine: Engine, session: Session, turn: asyncio.Lock
    ) -> None:
        self._seat = seat
        self._names = dict(names)
        self._engine = engine
        self._session = session
        self._turn = turn

    async def check(self) -> None:
        """Asks what our token may do there; writes nothing."""
        await self._session.check_engine(self._engine.version)
        if not await self._session.check_rights(self._engine.needs):
            await self.read()

    async def read(self) -> Placed | None:
        """The version covers our texts as they stand; with KV version 2 none is fetched unless something was written
        since our last look.
        """
        return await self._engine.read()

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """Other keys of the secret stay as they are."""
        async with self._turn:
            await self._write(parcel, over)
        placed = await self.read()
        if placed is None:
            raise DestinationUnavailable(self._seat.place, "write", "what was written was taken away again at once")
        return placed

    async def _write(self, parcel: Parcel, over: Placed | None) -> None:
        found = await self._engine.find("write")
        former = found.shared.mine(self._seat)
        refuse_stale(former.marker if former else None, parcel.marker, destination=self._seat.place)
        made = former.made if former else not found.exists
        wanted = found.shared.having(texts(parcel, self._names), Mark(parcel.marker, self._seat.names, made=made))
        if not differs_in_token_alone(found.shared, wanted):
            refuse_changed(found.shared.placed(self._seat), over, destination=self._seat.place)
        await self._engine.put(found, wanted)

    async def remove(self, *, over: Placed) -> None:
        """A secret that we made goes, with all its versions, when nothing else is in it."""
        refuse_foreign(over, self._seat.installation, self._seat.rotation_id, destination=self._seat.place)
        async with self._turn:
            found = await self._engine.find("remove")
            now, mine = found.shared.placed(self._seat), found.shared.mine(self._seat)
            if now is not None:
                refuse_changed(now, over, destination=self._seat.place, operation="remove")
            if mine is not None:
                await self._engine.take(found, mine)

    async def close(self) -> None:
        """The sign-in is kept for the next opening."""
        await self._session.close()
