"""How is a credential delivered to the secrets of GitHub Actions, which nobody can read back?

Each name is a secret of its own, sealed for GitHub alone. Beside it stands a variable, `ROTATOR_OF_NAME`, with our mark
and the time at which GitHub says the secret was last written: while that is so, nobody has written it since.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from rotator.destinations.marks import Mark, digest, refuse_changed, refuse_foreign, refuse_stale, texts
from rotator.destinations.options import NamedSecret, NetworkOptions
from rotator.destinations.sidecar import Seat
from rotator.destinations.singles import dropped, former, placed
from rotator.errors import DestinationUnavailable
from rotator.options import Line, Rule, one_of, problem, refuse
from rotator.options import Options as Block

if TYPE_CHECKING:
    from rotator.destinations.github_secrets import Secrets, Stand
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Rotation, Secret
    from rotator.ports import Destination, Parcel, Placed

_OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})"
_NAME = re.compile(r"(?!GITHUB_|ROTATOR_OF_)[A-Z_][A-Z0-9_]{0,199}")
_VISIBLE = ("all", "private")


def _repository(value: object) -> str:
    allowed = "OWNER/NAME such as example/billing"
    found = isinstance(value, str) and re.fullmatch(rf"{_OWNER}/[A-Za-z0-9._-]{{1,100}}", value)
    return str(value) if found and not str(value).endswith(("/.", "/..")) else refuse(value, allowed)


def _organisation(value: object) -> str:
    found = isinstance(value, str) and re.fullmatch(_OWNER, value)
    return str(value) if found else refuse(value, "the name of an organisation such as example")


class Auth(Block):
    """How to sign in to GitHub."""

    method: Annotated[Literal["token", "app"], one_of("token", "app")]
    token: NamedSecret | None = Field(default=None, description="token: a personal access token, named.")
    app_id: Line | None = Field(default=None, description="app: the App's id or client id.")
    private_key: NamedSecret | None = Field(default=None, description="app: its private key, PEM, named.")
    installation_id: Line | None = Field(
        default=None, description="app: the installation; default: the one at the repository or organisation."
    )

    @model_validator(mode="after")
    def _has_what_the_method_needs(self) -> Self:
        for name in ("token",) if self.method == "token" else ("app_id", "private_key"):
            if not getattr(self, name):
                alias = type(self).model_fields[name].alias or name
                problem(f"{alias} is missing", f"the method {self.method} needs it")
        return self


class Options(NetworkOptions):
    """Whose secrets."""

    repository: Annotated[str, Rule(_repository, {"type": "string"})] | None = Field(
        default=None, description="OWNER/NAME; this or organisation."
    )
    organisation: Annotated[str, Rule(_organisation, {"type": "string"})] | None = Field(
        default=None, description="The organisation whose secrets they are."
    )
    environment: Line = Field(
        default="", description="An environment of the repository; default: the repository's own."
    )
    visibility: Annotated[Literal["all", "private"], one_of(*_VISIBLE)] = Field(
        default="private", description="Which repositories of the organisation see a secret we make; default private."
    )
    auth: Auth | None = Field(default=None, description="How to sign in; default: the token in $GITHUB_TOKEN.")

    @model_validator(mode="after")
    def _is_of_one_owner(self) -> Self:
        if (self.repository is None) == (self.organisation is None):
            problem("repository and organisation", "exactly one of them")
        if self.environment and self.repository is None:
            problem("environment without repository", "an environment belongs to a repository")
        return self

    def place(self) -> str:
        server = "" if self.endpoint is None else f"{self.endpoint.partition('://')[2]}/"
        return f"github-actions:{server}" + "/".join(
            filter(None, (self.repository or self.organisation, self.environment))
        )

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        from rotator.destinations.github_api import GitHub
        from rotator.destinations.github_secrets import Secrets

        seat = Seat.of(self.place(), surroundings.installation, rotation.id, names)
        turn = surroundings.kept.get(("github-actions", seat.place), asyncio.Lock)
        return GitHubDestination(seat, names, Secrets(self, GitHub(self, surroundings)), turn=turn)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        bad = sorted(name for name in set(names.values()) if not _NAME.fullmatch(name))
        allowed = "A-Z, 0-9 and '_', beginning with neither a digit nor GITHUB_ nor ROTATOR_OF_"
        return super().name_problems(names) + [f"names: {name!r} is not allowed ({allowed})" for name in bad]


class GitHubDestination:
    """One rotation's secrets. GitHub has no check-and-set: writers and readers of this process take turns, and the
    fencing token in the marks tells those of others.
    """

    def __init__(self, seat: Seat, names: Mapping[str, str], secrets: Secrets, *, turn: asyncio.Lock) -> None:
        self._seat = seat
        self._names = dict(names)
        self._secrets = secrets
        self._turn = turn

    async def check(self) -> None:
        """Asks for the key that secrets are sealed with, and for what the sign-in may do as far as GitHub tells."""
        await self._secrets.check()

    async def read(self) -> Placed | None:
        """The version covers our texts as we last wrote them, and whether anybody has written since."""
        async with self._turn:
            return placed(await self._stands("read"), self._seat)

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """The secret last; what does not differ is not written."""
        async with self._turn:
            stands = await self._stands("write")
            now = placed(stands, self._seat)
            for stand in stands.values():
                refuse_stale(stand.mark.marker if stand.mark else None, parcel.marker, destination=self._seat.place)
            written = texts(parcel, self._names)
            mark = Mark(parcel.marker, self._seat.names)
            if not self._holds(stands, written):
                refuse_changed(now, over, destination=self._seat.place)
            await self._write(stands, written, mark)
            after = placed(await self._stands("write"), self._seat)
        if after is None:
            raise DestinationUnavailable(self._seat.place, "write", "what was written was taken away again at once")
        return after

    async def remove(self, *, over: Placed) -> None:
        """Secret first, then what says whose it is."""
        refuse_foreign(over, self._seat.installation, self._seat.rotation_id, destination=self._seat.place)
        async with self._turn:
            stands = await self._stands("remove")
            now = placed(stands, self._seat)
            if now is None:
                return
            refuse_changed(now, over, destination=self._seat.place, operation="remove")
            for name in sorted(former(stands, self._seat)):
                await self._secrets.remove(name)

    async def close(self) -> None:
        """The sign-in is kept for the next opening."""
        await self._secrets.close()

    async def _stands(self, operation: str) -> dict[str, Stand]:
        """Our names, and those that our marks list beside them."""
        found = await self._secrets.stands(operation, self._seat.names)
        return found | await self._secrets.stands(operation, sorted(former(found, self._seat) - set(self._seat.names)))

    def _holds(self, stands: Mapping[str, Stand], written: Mapping[str, Secret]) -> bool:
        ours = all(name in stands and (mark := stands[name].mark) and self._seat.owns(mark) for name in written)
        return ours and all(stands[name].content == self._content(name, text) for name, text in written.items())

    async def _write(self, stands: Mapping[str, Stand], written: Mapping[str, Secret], mark: Mark) -> None:
        # Programs that read both while we write see the new client id, which rarely differs, with the old secret.
        last = self._names.get("clientSecret")
        for name in sorted(written, key=lambda each: each == last):
            marked = Mark(mark.marker, mark.names, digest=self._content(name, written[name]))
            await self._secrets.write(name, written[name], marked, over=stands.get(name))
        for name in dropped(stands, self._seat):
            await self._secrets.remove(name)

    def _content(self, name: str, text: Secret) -> str:
        seat = self._seat
        return digest([text.reveal()], key=f"{seat.installation}/{seat.rotation_id}/{seat.place}/{name}")
