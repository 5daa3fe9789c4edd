"""Has the demo kept what it promises? Counted from the events, and compared with the tenant's own truth."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotator.cli.demo.script import name_of
from rotator.domain.events import AttemptEnded, Event, Promoted, Revoked

if TYPE_CHECKING:
    from rotator.cli.demo.tenant import Tenant
    from rotator.domain.model import Facts
    from rotator.store.store import SqlStore

_LEAST_ROTATIONS = 2
_LEAST_REVOKED = 1
_DENIED = "Authorization_RequestDenied"


class Promises:
    """The port `Observer`; counts promotions, revocations and failures by rotation."""

    def __init__(self, tenant: Tenant, folder: Path) -> None:
        self._tenant = tenant
        self._folder = folder
        self._promoted: Counter[str] = Counter()
        self._revoked: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._denied = name_of(tenant.denied)
        self._good = [name_of(each) for each in tenant.applications if each is not tenant.denied]

    def told(self, event: Event) -> None:
        """Count."""
        if isinstance(event, Promoted):
            self._promoted[event.rotation] += 1
        elif isinstance(event, Revoked):
            self._revoked[event.rotation] += 1
        elif isinstance(event, AttemptEnded) and event.outcome == "failed":
            self._failed[event.rotation] += 1

    def all_seen(self) -> bool:
        """Every rotation that can has rotated twice and revoked once, and the denied one has failed."""
        return not self.missing()

    def missing(self) -> list[str]:
        """What has not happened yet."""
        lines = []
        for name in self._good:
            rotated, revoked = self._promoted[name], self._revoked[name]
            if rotated < _LEAST_ROTATIONS or revoked < _LEAST_REVOKED:
                lines.append(f"{name} has rotated {rotated} times and revoked {revoked} secrets")
        if not self._failed[self._denied]:
            lines.append(f"{self._denied} has not failed yet")
        return lines

    def summary(self) -> str:
        """One line for all of it."""
        rotated, revoked = self._promoted.total(), self._revoked.total()
        refused = f"{self._denied} failed as it must, {self._failed[self._denied]} times"
        return f"\n{rotated} rotations of {len(self._good)} applications, {revoked} old secrets revoked; {refused}."

    async def broken(self, store: SqlStore) -> list[str]:
        """What the tenant's truth says against what has happened so far; empty when nothing does."""
        truth = {each["objectId"]: each for each in await self._tenant.truth()}
        by_name = {facts.rotation.name: facts for facts in await store.facts()}
        lines = []
        for application in self._tenant.applications:
            facts, true = by_name[name_of(application)], truth[application["objectId"]]
            ours = [each for each in true["credentials"] if each["displayName"].startswith("rotator/")]
            if facts.rotation.name == self._denied:
                lines += self._of_denied(facts, ours)
            else:
                lines += [f"{facts.rotation.name}: {what}" for what in await self._of_good(store, facts, ours)]
        if self.all_seen() and not await self._tenant.throttlings():
            lines.append("the tenant never throttled us")
        return lines

    async def _of_good(self, store: SqlStore, facts: Facts, ours: list[dict[str, Any]]) -> list[str]:
        current = facts.current
        if current is None:
            return ["it has no current secret any more"] if self._promoted[facts.rotation.name] else []
        lines = []
        if not any(each["keyId"] == current.key_id and each["signsIn"] for each in ours):
            lines.append(f"its current secret {current.key_id} does not sign in")
        known = {each.key_id for each in facts.credentials}
        intended = {each.display_name for each in facts.intents}
        unknown = [e for e in ours if e["listed"] and e["keyId"] not in known and e["displayName"] not in intended]
        lines += [f"secret {each['keyId']} is in the tenant and not in the books" for each in unknown]
        text = await store.text(current.key_id)
        shown = [self._delivered(facts)] if facts.attempt is None else []
        if text is not None and any(text.reveal() != each for each in shown):
            lines.append("its file does not hold the current secret")
        return lines

    def _delivered(self, facts: Facts) -> str:
        """The secret as its file has it."""
        name = facts.rotation.mapping["clientSecret"]
        path = next(self._folder.glob(f"delivered/{facts.rotation.name}.*"))
        text = path.read_text("utf-8")
        if path.suffix == ".json":
            return str(json.loads(text)[name])
        found = [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{name}=")]
        return found[0].strip("'\"") if found else ""

    def _of_denied(self, facts: Facts, ours: list[dict[str, Any]]) -> list[str]:
        name = facts.rotation.name
        lines = [f"{name}: a secret was made there: {each['keyId']}" for each in ours]
        if self._failed[name] and _DENIED not in facts.standing.message:
            lines.append(f"{name}: its message does not say {_DENIED}: {facts.standing.message!r}")
        return lines
