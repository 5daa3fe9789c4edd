"""How does a credential stand in a variable group of Azure DevOps, where nobody can read a secret again?

The group says who changed it last. While that is us, our texts are as we wrote them; once it is somebody else, any
secret may have changed, so that counts as drift and is healed by writing again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rotator.destinations.marks import Mark, digest, refuse_changed, refuse_foreign, refuse_stale, texts
from rotator.destinations.sidecar import Seat, Shared
from rotator.destinations.wire import in_time
from rotator.domain.model import Secret
from rotator.errors import DestinationRefused, DestinationUnavailable

if TYPE_CHECKING:
    from rotator.destinations.devops_session import DevOps
    from rotator.ports import Parcel, Placed

_GROUPS = "/_apis/distributedtask/variablegroups"
#: https://learn.microsoft.com/azure/devops/organizations/security/namespace-reference: Library, and its bit Administer.
_LIBRARY, _ADMINISTER = "b7e84409-6553-448a-bbb2-af228e07cbeb", 2
_UNTOUCHED = "(secret, last written by us)"


@dataclass(frozen=True, slots=True)
class _Group:
    """The group as it stands; secrets show as what we know of them."""

    shared: Shared
    whole: Mapping[str, Any]
    #: Nobody else has changed the group since we did.
    is_ours: bool

    @property
    def variables(self) -> Mapping[str, Any]:
        found = self.whole.get("variables")
        return found if isinstance(found, dict) else {}


class VariableGroup:
    """One rotation's variables of one group. The group is replaced as a whole, and there is no compare-and-set."""

    def __init__(
        self,
        devops: DevOps,
        project: str,
        group: str,
        *,
        names: Mapping[str, str],
        seat: Seat,
        turn: asyncio.Lock,
    ) -> None:
        self._devops = devops
        self._project = quote(project)
        self._group = group
        self._names = dict(names)
        self._seat = seat
        self._turn = turn

    async def check(self) -> None:
        """Looks at the group, and asks Azure DevOps whether we administer it."""
        group = await self._look("check")
        references = [row for row in group.whole.get("variableGroupProjectReferences") or () if isinstance(row, dict)]
        projects = [str(row["projectReference"]["id"]) for row in references if "projectReference" in row]
        token = f"Library/{projects[0] if projects else self._project}/VariableGroup/{group.whole.get('id')}"
        path = f"/_apis/permissions/{_LIBRARY}/{_ADMINISTER}"
        answer = await self._devops.send("check", "GET", path, params={"tokens": token})
        if answer.json.get("value") != [True]:
            hint = "Give the identity the role Administrator of the variable group"
            raise DestinationRefused(self._seat.place, "check", "we may not change it", hint=hint)

    async def read(self) -> Placed | None:
        """Azure DevOps gives no secret away; the mark and the last writer tell."""
        return (await self._look("read")).shared.placed(self._seat)

    async def write(self, parcel: Parcel, *, over: Placed | None) -> Placed:
        """All names and the mark in one request."""
        async with in_time(self._devops.timeout, self._seat.place, "write"), self._turn:
            group = await self._look("write")
            now, mine = group.shared.placed(self._seat), group.shared.mine(self._seat)
            refuse_stale(mine.marker if mine else None, parcel.marker, destination=self._seat.place)
            plain = texts(parcel, self._names)
            mark = Mark(parcel.marker, self._seat.names, digest=self._digest(parcel.secret))
            wanted = _doubted(group, group.shared.having({**plain, **self._hidden()}, mark), self._seat)
            if not group.shared.same_as(wanted):
                refuse_changed(now, over, destination=self._seat.place)
                await self._put(group.whole, self._variables(group, wanted, plain), "write", hide=parcel.secret)
                now = await self._written(wanted)
        if now is None:
            raise DestinationUnavailable(self._seat.place, "write", "what was written was taken away again at once")
        return now

    async def remove(self, *, over: Placed) -> None:
        refuse_foreign(over, self._seat.installation, self._seat.rotation_id, destination=self._seat.place)
        async with in_time(self._devops.timeout, self._seat.place, "remove"), self._turn:
            group = await self._look("remove")
            now, mine = group.shared.placed(self._seat), group.shared.mine(self._seat)
            if now is not None:
                refuse_changed(now, over, destination=self._seat.place, operation="remove")
            if mine is not None:
                left = _doubted(group, group.shared.without(mine), self._seat)
                await self._put(group.whole, self._variables(group, left, {}), "remove")

    async def close(self) -> None:
        await self._devops.close()

    async def _written(self, wanted: Shared) -> Placed | None:
        shared = (await self._look("write")).shared
        same = all(shared.content.get(name) == wanted.content.get(name) for name in self._seat.names)
        if not same or shared.mine(self._seat) != wanted.mine(self._seat):
            what = "it does not show what was just written"
            raise DestinationUnavailable(self._seat.place, "write", what, hint="It is read and written again")
        return shared.placed(self._seat)

    async def _look(self, operation: str) -> _Group:
        path = f"/{self._project}{_GROUPS}"
        asked = {"kind": "variable group", "hint": "Make the group first, and let the identity see it"}
        found = await self._devops.named(operation, path, by="groupName", name=self._group, **asked)
        if found.get("type", "Vsts") != "Vsts":
            hint = "Deliver to the key vault that it shows, or name another group"
            raise DestinationRefused(self._seat.place, operation, "the group only shows a key vault", hint=hint)
        me = await self._devops.me(operation)
        return _found(found, me)

    async def _put(
        self, whole: Mapping[str, Any], variables: Mapping[str, Any], operation: str, *, hide: Secret | None = None
    ) -> None:
        kept = {key: whole[key] for key in ("name", "description", "type", "providerData") if key in whole}
        references = whole.get("variableGroupProjectReferences") or []
        body = {**kept, "variables": dict(variables), "variableGroupProjectReferences": references}
        path = f"{_GROUPS}/{quote(str(whole.get('id')))}"
        await self._devops.send(operation, "PUT", path, json=body, hide=[hide] if hide else [])

    def _variables(self, group: _Group, wanted: Shared, plain: Mapping[str, Secret]) -> dict[str, Any]:
        """As the API takes them: a secret without a value stays as it is."""
        made: dict[str, Any] = {}
        for name, value in wanted.whole().items():
            is_ours = name in plain
            there = group.variables.get(name)
            if is_ours:
                made[name] = {"value": plain[name].reveal(), "isSecret": name in self._hidden()}
            else:
                made[name] = there if there and group.shared.content.get(name) == value else {"value": value}
        return made

    def _hidden(self) -> dict[str, Secret]:
        """Our secret as it shows while nobody else has written."""
        name = self._names.get("clientSecret")
        return {name: Secret(_UNTOUCHED)} if name else {}

    def _digest(self, secret: Secret) -> str:
        return digest(secret.reveal(), key=f"{self._seat.installation}/{self._seat.rotation_id}/{self._seat.place}")


def _found(group: Mapping[str, Any], me: str) -> _Group:
    """A secret shows whether it can be as we wrote it."""
    by = group.get("modifiedBy")
    is_ours = isinstance(by, dict) and by.get("id") == me
    hidden = _UNTOUCHED if is_ours else f"(secret, {group.get('modifiedOn')})"
    found = group.get("variables")
    rows = {name: row for name, row in (found if isinstance(found, dict) else {}).items() if isinstance(row, dict)}
    shown = {name: hidden if row.get("isSecret") else row.get("value") or "" for name, row in rows.items()}
    shared = Shared.of(shown)
    doubtful = {name for mark in shared.marks if not mark.digest for name in mark.names}
    unknown = {name: "(secret, unknown)" for name in doubtful if rows.get(name, {}).get("isSecret")}
    return _Group(Shared({**shared.content, **unknown}, shared.marks), group, is_ours=is_ours)


def _doubted(group: _Group, wanted: Shared, seat: Seat) -> Shared:
    """Our write makes us the last writer, which must not vouch for secrets of other rotations that may have changed."""
    if group.is_ours:
        return wanted
    marks = tuple(mark if seat.owns(mark) else replace(mark, digest="") for mark in wanted.marks)
    return Shared(wanted.content, marks)
