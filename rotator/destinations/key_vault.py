"""How is a credential delivered to Azure Key Vault? A secret for each name, marked by tags, read without its text."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from rotator.destinations import singles
from rotator.destinations.azure import AzureOptions, AzureSignIn
from rotator.destinations.key_vault_tags import carried, mark_of, position_of, tags_of, text_of, text_tag
from rotator.destinations.marks import Mark, refuse_changed, refuse_stale, texts
from rotator.destinations.options import Endpoint
from rotator.destinations.several import Several
from rotator.destinations.sidecar import Seat
from rotator.destinations.singles import Single
from rotator.destinations.wire import in_time, open_wire
from rotator.domain.model import Secret
from rotator.errors import DestinationRefused, DestinationUnavailable
from rotator.options import Flag, Rule, refuse

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotator.destinations.key_vault_client import KeyVault, Version
    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Folder, Rotation
    from rotator.ports import Destination, Parcel, Placed

_ALLOWED = re.compile(r"[0-9A-Za-z-]{1,127}")
#: How long a soft-deleted secret may take to come back, in looks of so many seconds.
_LOOKS, _PAUSE = 10, 2.0


def _secret_name(value: object) -> str:
    if isinstance(value, str) and _ALLOWED.fullmatch(value):
        return value
    return refuse(value, "1 to 127 letters, digits and '-'")


class Options(AzureOptions):
    """Which vault, one secret or several, and whether old versions are disabled."""

    endpoint: Annotated[Endpoint, Field(description="The vault, such as https://contoso.vault.azure.net.")]
    secret: Annotated[str, Rule(_secret_name, {"type": "string", "pattern": f"^{_ALLOWED.pattern}$"})] | None = Field(
        default=None,
        description="One secret, a JSON object with the names as members; default: a secret for each name.",
    )
    disable_old: Flag = Field(
        default=False, description="Disable versions of ours that are older than the current and the previous secret."
    )

    def place(self) -> str:
        return f"azure-key-vault:{self.endpoint}" + (f"/{self.secret}" if self.secret else "")

    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        return KeyVaultDestination(self, rotation, names, surroundings=surroundings)

    def default_names(self, mapping: Mapping[str, str]) -> dict[str, str]:
        return dict(mapping) if self.secret else {field: name.replace("_", "-") for field, name in mapping.items()}

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        if self.secret:
            return super().name_problems(names)
        allowed = "1 to 127 letters, digits and '-'"
        bad = sorted(name for name in set(names.values()) if not _ALLOWED.fullmatch(name))
        told = [f"names: {name!r} is not allowed in a key vault ({allowed}{_better(name)})" for name in bad]
        lower = [name.lower() for name in names.values()]
        twice = len(set(names.values())) == len(lower) > len(set(lower))
        return super().name_problems(names) + told + (["names: a key vault does not tell A from a"] if twice else [])

    def claims(self, _folder: Folder, names: Collection[str]) -> set[str]:
        return {f"azure-key-vault:{self.endpoint}:{name.lower()}" for name in ([self.secret] if self.secret else names)}


@dataclass(frozen=True, slots=True)
class _Found:
    """The versions of one name; `latest` is what readers get."""

    latest: Version
    all: tuple[Version, ...]


class KeyVaultDestination(Several[_Found]):
    """One rotation's secrets in one vault. The vault has no compare-and-set, so writers of this process take turns."""

    def __init__(
        self, options: Options, rotation: Rotation, names: Mapping[str, str], *, surroundings: Surroundings
    ) -> None:
        place = options.place()
        objects = {"clientSecret": options.secret} if options.secret else dict(names)
        members = f" {sorted(names.items())}" if options.secret else ""
        seat = Seat.of(place + members, surroundings.installation, rotation.id, objects)
        turn = surroundings.kept.get((place, *sorted(seat.names)), asyncio.Lock)
        super().__init__(seat, objects.get("clientSecret", ""), place=place, turn=turn)
        self._options = options
        self._rotation = rotation
        self._names = dict(names)
        self._around = surroundings
        self._opened: KeyVault | None = None

    async def check(self) -> None:
        """Lists what is there, and asks for a change of a version that does not exist."""
        vault = await self._vault("check")
        for name in self._seat.names:
            await vault.versions(name, "check")
        await vault.may_change(self._seat.names[0])

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """As everywhere, within the time allowed."""
        async with in_time(self._options.timeout, self._place, "write"):
            return await super().write(parcel, over=over)

    async def remove(self, *, over: Placed) -> None:
        """Soft-deletes our secrets, as the vault always does; a later delivery of these names brings them back."""
        async with in_time(self._options.timeout, self._place, "remove"):
            await super().remove(over=over)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def _vault(self, operation: str) -> KeyVault:
        if self._opened is None:
            self._opened = await self._open(operation)
        return self._opened

    async def _open(self, operation: str) -> KeyVault:
        # The SDK takes 0.2 s to import, which is too long for the loop.
        client = await asyncio.to_thread(_client)
        if client is None:
            hint = "Install entra-rotator[azure-key-vault]"
            raise DestinationRefused(self._place, operation, "azure-keyvault-secrets is not installed", hint=hint)
        sign_in = AzureSignIn(self._options, self._rotation, self._place, surroundings=self._around)
        wire = open_wire(self._options, self._place, self._around)
        return client(self._options.endpoint, sign_in, wire, place=self._place, clock=self._around.clock)

    async def _write(self, parcel: Parcel, over: Placed | None) -> Placed:
        found = await self._look("write")
        now = self._placed(found)
        refuse_stale(now.marker if now else None, parcel.marker, destination=self._place)
        wanted = self._texts(parcel)
        changes = [name for name in self._ordered(wanted) if self._differs(name, found, parcel, wanted)]
        if changes or singles.dropped(self._singles(found), self._seat):
            self._refuse_changed(now, over, found, parcel)
        for name in changes:
            await self._bring(name, found.get(name), parcel, wanted[name])
        await self._tidy(found, parcel)
        found = await self._look("write") if changes else found
        if any(name in found and self._differs(name, found, parcel, wanted) for name in wanted):
            what = "somebody else wrote there at the same moment"
            raise DestinationUnavailable(self._place, "write", what, hint="It is read and written again")
        placed = self._placed(found)
        if placed is None:
            raise DestinationUnavailable(self._place, "write", "what was written was taken away again at once")
        return placed

    async def _take(self, operation: str, name: str, found: _Found) -> None:
        """Only what is ours has come so far."""
        del found
        await (await self._vault(operation)).delete(name)

    async def _listed(self, names: Collection[str], operation: str) -> dict[str, _Found]:
        vault = await self._vault(operation)
        listed = await asyncio.gather(*(vault.versions(name, operation) for name in names))
        return {name: _Found(_latest(rows), tuple(rows)) for name, rows in zip(names, listed, strict=True) if rows}

    def _singles(self, found: Mapping[str, _Found]) -> dict[str, Single]:
        return {name: _single(each) for name, each in found.items()}

    def _refuse_changed(
        self, now: Placed | None, over: Placed | None, found: Mapping[str, _Found], parcel: Parcel
    ) -> None:
        """A write that was cut off half way is finished, not taken for a stranger's."""
        marks = [mark_of(each.latest.tags) for each in found.values()]
        if not all(mark is not None and mark.marker == parcel.marker for mark in marks) or not marks:
            refuse_changed(now, over, destination=self._place)

    def _texts(self, parcel: Parcel) -> dict[str, Secret]:
        """Name of a secret in the vault -> its text."""
        plain = texts(parcel, self._names)
        if not self._options.secret:
            return plain
        whole = {name: text.reveal() for name, text in plain.items()}
        return {self._options.secret: Secret(json.dumps(whole, sort_keys=True))}

    def _differs(self, name: str, found: Mapping[str, _Found], parcel: Parcel, wanted: Mapping[str, Secret]) -> bool:
        if name not in found:
            return True
        return self._needs_text(found[name], wanted[name]) or not self._is_dressed(name, found[name].latest, parcel)

    def _needs_text(self, found: _Found, text: Secret) -> bool:
        return not self._is_ours(found) or _copied(found) or text_of(found.latest.tags) != self._digest(text)

    def _is_dressed(self, name: str, version: Version, parcel: Parcel) -> bool:
        """What stands beside the text is as it is to be."""
        mark = mark_of(version.tags)
        expires = self._expires(name, parcel)
        whole = mark == self._mark(parcel) and version.enabled
        return whole and (expires is None or version.expires_at == expires)

    async def _bring(self, name: str, found: _Found | None, parcel: Parcel, text: Secret) -> None:
        vault = await self._vault("write")
        expires = self._expires(name, parcel)
        if found is not None and not self._needs_text(found, text):
            tags = {**found.latest.tags, **self._tags(parcel, text, position=position_of(found.latest.tags) or 0)}
            await vault.change(name, found.latest.id, "write", tags=tags, expires_at=expires)
            return
        tags = self._tags(parcel, text, position=len(found.all) if found else 0)
        tags = carried(found.latest.tags if found else {}, tags)
        try:
            form = "application/json" if self._options.secret else "text/plain"
            await vault.put(name, text, tags=tags, form=form, expires_at=expires)
        except _recoverable():
            recovered = await self._recovered(name)
        else:
            return
        if recovered is None or not self._is_ours(recovered):
            what = f"{name} had been deleted by somebody and is brought back"
            raise DestinationUnavailable(self._place, "write", what, hint="It is read again")
        await self._bring(name, recovered, parcel, text)

    async def _recovered(self, name: str) -> _Found | None:
        """A deleted secret with all its versions; None when it takes too long."""
        await (await self._vault("write")).recover(name)
        for _ in range(_LOOKS):
            found = await self._listed([name], "write")
            if found:
                return found[name]
            await self._around.clock.sleep(_PAUSE)
        return None

    def _is_ours(self, found: _Found) -> bool:
        mark = mark_of(found.latest.tags)
        return mark is not None and self._seat.owns(mark)

    async def _tidy(self, found: Mapping[str, _Found], parcel: Parcel) -> None:
        """What our marks list beyond our names goes, and old versions of ours are disabled where that is asked for."""
        vault = await self._vault("write")
        for name in singles.dropped(self._singles(found), self._seat):
            await vault.delete(name)
        secret = found.get(self._secret)
        if self._options.disable_old and secret is not None:
            for version in self._outlived(secret, parcel.marker.key_id):
                await vault.change(self._secret, version.id, "write", enabled=False)

    def _outlived(self, found: _Found, current: str) -> list[Version]:
        """Enabled versions of ours that hold neither the current secret nor the one before it."""
        ours = [
            (mark.marker.key_id, each)
            for each in sorted(found.all, key=lambda version: version.created_at, reverse=True)
            if (mark := mark_of(each.tags)) is not None and self._seat.owns(mark)
        ]
        before = next((key for key, _ in ours if key != current), "")
        return [each for key, each in ours if each.enabled and key not in {current, before}]

    def _mark(self, parcel: Parcel) -> Mark:
        return Mark(parcel.marker, self._seat.names)

    def _tags(self, parcel: Parcel, text: Secret, *, position: int) -> dict[str, str]:
        return tags_of(self._mark(parcel), rotation=parcel.rotation_name, attempt=parcel.attempt_id) | text_tag(
            self._digest(text), position
        )

    def _expires(self, name: str, parcel: Parcel) -> datetime | None:
        """Whole seconds, as the vault keeps them; only the secret itself expires."""
        if name != self._secret:
            return None
        return parcel.expires_at.astimezone(UTC).replace(microsecond=0)


def _client() -> type[KeyVault] | None:
    try:
        from rotator.destinations.key_vault_client import KeyVault
    except ImportError:
        return None
    return KeyVault


def _recoverable() -> type[Exception]:
    from rotator.destinations.key_vault_client import Recoverable

    return Recoverable


def _better(name: str) -> str:
    better = re.sub(r"[^0-9A-Za-z-]", "-", name)[:127]
    return f"; {better} would do" if better.strip("-") else ""


def _latest(versions: list[Version]) -> Version:
    """What readers get. Times are whole seconds, so within the last one the places that ours name decide."""
    newest = max(version.created_at for version in versions)
    rivals = [version for version in versions if newest - version.created_at < timedelta(seconds=1)]
    ours = [version for version in rivals if position_of(version.tags) == len(versions) - 1]
    others = [version for version in rivals if position_of(version.tags) is None]
    return [*ours, *others, *rivals][0]


def _copied(found: _Found) -> bool:
    """Somebody made a new version and took our tags along: the text under them need not be ours."""
    places = [position_of(version.tags) for version in found.all]
    return places.count(position_of(found.latest.tags)) > 1


def _single(found: _Found) -> Single:
    version = found.latest
    mark = mark_of(version.tags)
    text = version.id if mark is None or _copied(found) else text_of(version.tags) or version.id
    return Single(mark, f"{text} {version.enabled} {version.expires_at}")
