"""How is a credential delivered to another Infisical server? Secrets of a folder, in one batch, marked by metadata."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from rotator.destinations import singles
from rotator.destinations.infisical_session import InfisicalAuth, InfisicalSession
from rotator.destinations.infisical_words import Row, metadata, row_of
from rotator.destinations.marks import Mark, digest, refuse_changed, refuse_foreign, refuse_stale, texts
from rotator.destinations.options import NetworkOptions
from rotator.destinations.sidecar import Seat
from rotator.destinations.singles import Single
from rotator.destinations.wire import Answer, in_time, open_wire
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.options import Rule, refuse, text

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Rotation, Secret
    from rotator.ports import Destination, Parcel, Placed

_PUBLIC = "https://app.infisical.com"
_PATH = re.compile(r"/(?:[A-Za-z0-9._-]+/?)*")
_HINTS = {
    403: "Give the identity the rights to describe, create, edit and delete secrets in that folder",
    404: "Check projectId and environment; the folder of secretPath must exist",
}
#: What no person calls a secret; asked to be changed by `check`, and never made.
_NOBODY = "ROTATOR_CHECKS_WHETHER_IT_MAY_WRITE_HERE"


def _path(value: object) -> str:
    if isinstance(value, str) and _PATH.fullmatch(value):
        return value.rstrip("/") or "/"
    return refuse(value, "/ or a path such as /team/billing")


class Options(NetworkOptions):
    """Which folder of which project, and how to sign in."""

    project_id: Annotated[str, text(64, least=1)] = Field(description="The project's id, as its settings show it.")
    environment: Annotated[str, text(64, least=1)] = Field(description="The slug of the environment, such as prod.")
    secret_path: Annotated[str, Rule(_path, {"type": "string", "pattern": "^/"})] = Field(
        "/", description="The folder; it must exist."
    )
    auth: InfisicalAuth = Field(description="How to sign in, as a machine identity.")

    @property
    def address(self) -> str:
        """Of the server, without a final slash."""
        return self.endpoint or _PUBLIC

    def place(self) -> str:
        return f"infisical:{self.address}/{self.project_id}/{self.environment}{self.secret_path}"

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        return InfisicalDestination(self, rotation, names, surroundings=surroundings)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        bad = sorted({name for name in names.values() if set(name) & set(":/") or name != name.strip()})
        allowed = "no ':' and no '/', no blank at either end"
        return super().name_problems(names) + [f"names: {name!r} is not allowed ({allowed})" for name in bad]


class InfisicalDestination:
    """One rotation's secrets in one folder. A batch is one transaction there, but knows no compare-and-set.

    So writers of this process take turns, and the versions in the answer tell when somebody else came between.
    """

    def __init__(
        self, options: Options, rotation: Rotation, names: Mapping[str, str], *, surroundings: Surroundings
    ) -> None:
        self._options = options
        self._names = dict(names)
        self._place = options.place()
        self._seat = Seat.of(self._place, surroundings.installation, rotation.id, names)
        self._turn = surroundings.kept.get((self._place, *sorted(self._seat.names)), asyncio.Lock)
        self._wire = open_wire(options, self._place, surroundings, hints=_HINTS)
        self._session = InfisicalSession(
            self._wire,
            options.address,
            options.auth,
            place=self._place,
            connection=rotation.connection,
            surroundings=surroundings,
        )

    async def check(self) -> None:
        """Lists the folder, and asks for a change of a secret that does not exist."""
        await self._look("check")
        change = {"mode": "failOnNotFound", "secrets": [{"secretKey": _NOBODY, "secretComment": ""}]}
        await self._ask("check", "PATCH", "/batch", change, wanted={400, 404})

    async def read(self) -> Placed | None:
        """Lists the folder without texts."""
        return singles.placed(_singles(await self._look("read")), self._seat)

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """All names in one batch."""
        async with in_time(self._options.timeout, self._place, "write"), self._turn:
            rows = await self._look("write")
            now = singles.placed(_singles(rows), self._seat)
            refuse_stale(now.marker if now else None, parcel.marker, destination=self._place)
            wanted = texts(parcel, self._names)
            gone = singles.dropped(_singles(rows), self._seat)
            if gone or not all(self._holds(rows.get(name), parcel, text) for name, text in wanted.items()):
                refuse_changed(now, over, destination=self._place)
                await self._put(rows, parcel, wanted)
                await self._delete(gone, "write")
                rows = await self._look("write")
                now = singles.placed(_singles(rows), self._seat)
                self._refuse_overtaken(rows, parcel, wanted)
        if now is None:
            what = "what was written is not there under its names"
            hint = "A project that capitalises names needs names in capitals"
            raise DestinationUnavailable(self._place, "write", what, hint=hint)
        return now

    async def remove(self, *, over: Placed) -> None:
        refuse_foreign(over, self._seat.installation, self._seat.rotation_id, destination=self._place)
        async with in_time(self._options.timeout, self._place, "remove"), self._turn:
            rows = await self._look("remove")
            now = singles.placed(_singles(rows), self._seat)
            if now is None:
                return
            refuse_changed(now, over, destination=self._place, operation="remove")
            ours = singles.former(_singles(rows), self._seat) | {*self._seat.names}
            await self._delete(sorted(ours & set(rows)), "remove")

    async def close(self) -> None:
        await self._wire.close()

    async def _look(self, operation: str) -> dict[str, Row]:
        """Every secret of the folder by its name."""
        query = {**self._folder(), "viewSecretValue": "false", "expandSecretReferences": "false", "recursive": "false"}
        answer = await self._session.send(operation, "GET", "/api/v4/secrets", params=query)
        listed = answer.json.get("secrets")
        if not isinstance(listed, list):
            raise DestinationUnavailable(self._place, operation, "the answer is not one of Infisical")
        return {row.name: row for each in listed if (row := row_of(each)) is not None}

    async def _put(self, rows: Mapping[str, Row], parcel: Parcel, wanted: Mapping[str, Secret]) -> None:
        secrets = [self._secret(name, text, rows.get(name), parcel) for name, text in wanted.items()]
        change = {"mode": "upsert", "secrets": secrets}
        answer = await self._ask("write", "PATCH", "/batch", change, hide=list(wanted.values()))
        if "approval" in answer.json:
            hint = "Exempt the identity from the approval policy of that folder"
            raise DestinationRefused(self._place, "write", "an approval policy holds the change back", hint=hint)

    def _secret(self, name: str, text: Secret, row: Row | None, parcel: Parcel) -> dict[str, object]:
        mark = Mark(parcel.marker, self._seat.names, digest=self._digest(text))
        return {
            "secretKey": name,
            "secretValue": text.reveal(),
            "secretComment": f"Delivered by rotation {parcel.rotation_name}",
            "secretMetadata": metadata(mark, version=row.version + 1 if row else 1, others=row.others if row else ()),
        }

    def _refuse_overtaken(self, rows: Mapping[str, Row], parcel: Parcel, wanted: Mapping[str, Secret]) -> None:
        if any(name in rows and not self._holds(rows[name], parcel, text) for name, text in wanted.items()):
            what = "somebody else wrote there at the same moment"
            raise DestinationUnavailable(self._place, "write", what, hint="It is read and written again")

    async def _delete(self, names: Collection[str], operation: str) -> None:
        if names:
            secrets = {"secrets": [{"secretKey": name, "type": "shared"} for name in names]}
            await self._ask(operation, "DELETE", "/batch", secrets, wanted={404})

    async def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        body: Mapping[str, object],
        *,
        wanted: Collection[int] = (),
        hide: Collection[Secret] = (),
    ) -> Answer:
        whole = {**self._folder(), **body}
        return await self._session.send(
            operation, method, f"/api/v4/secrets{path}", json=whole, wanted=wanted, hide=hide
        )

    def _folder(self) -> dict[str, str]:
        options = self._options
        return {
            "projectId": options.project_id,
            "environment": options.environment,
            "secretPath": options.secret_path,
        }

    def _holds(self, row: Row | None, parcel: Parcel, text: Secret) -> bool:
        mark = Mark(parcel.marker, self._seat.names, digest=self._digest(text))
        return row is not None and row.is_untouched and row.mark == mark

    def _digest(self, text: Secret) -> str:
        return digest(text.reveal(), key=f"{self._seat.installation}/{self._seat.rotation_id}/{self._place}")


def _singles(rows: Mapping[str, Row]) -> dict[str, Single]:
    return {
        name: Single(row.mark, row.mark.digest if row.mark and row.is_untouched else f"version {row.version}")
        for name, row in rows.items()
    }
