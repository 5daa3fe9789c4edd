"""How do a secret of GitHub and the variable beside it stand, and how are both written?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rotator.destinations.marks import Mark
from rotator.destinations.singles import Single
from rotator.domain.model import Secret
from rotator.errors import DestinationRefused, DestinationUnavailable

if TYPE_CHECKING:
    from rotator.destinations.github_actions import Options
    from rotator.destinations.github_api import GitHub

_BESIDE = "ROTATOR_OF_"
_EXTRA = "Install it with its extra: pip install 'entra-rotator[github]'"


@dataclass(frozen=True, slots=True)
class Stand(Single):
    """`content` is the digest of what we wrote while nobody has written since, else when it was written.

    `text` is what the variable says; empty: there is none.
    """

    at: str = ""
    text: str = ""

    @classmethod
    def of(cls, at: str, text: str) -> Stand:
        """For a secret last written at that time."""
        try:
            plain = json.loads(text) if text else None
        except ValueError:
            plain = None
        mark = Mark.from_json(plain)
        if mark is None or not isinstance(plain, dict):
            return cls(None, f"at {at}", at, text)
        if plain.get("at") == at:
            return cls(mark, mark.digest, at, text)
        if not plain.get("at"):
            # A write that began and was not confirmed: nobody knows which text stands there.
            mark = replace(mark, marker=replace(mark.marker, key_id=""))
        return cls(mark, f"at {at}", at, text)


class Secrets:
    """The secrets of a repository, of an environment or of an organisation, and the variables beside them."""

    def __init__(self, options: Options, github: GitHub) -> None:
        self._options = options
        self._place = options.place()
        self._github = github
        if options.organisation is not None:
            above = f"/orgs/{options.organisation}/actions"
        elif options.environment:
            above = f"/repos/{options.repository}/environments/{quote(options.environment, safe='')}"
        else:
            above = f"/repos/{options.repository}/actions"
        self._secrets, self._variables = f"{above}/secrets", f"{above}/variables"

    async def check(self) -> None:
        """Refuse when we cannot write there, as far as GitHub tells before we do."""
        _, key = await self._public_key("check")
        _sealed("", key, self._place, "check")
        await self._github.ask("check", "GET", self._variables, params={"per_page": 1})
        await self._github.check_rights()

    async def stands(self, operation: str, names: Iterable[str]) -> dict[str, Stand]:
        """Those of the names for which there is a secret."""
        found = {}
        for name in names:
            at = await self._written_at(operation, name)
            if at:
                found[name] = Stand.of(at, await self._variable(operation, name))
        return found

    async def write(self, name: str, text: Secret, mark: Mark, *, over: Stand | None) -> None:
        """Make the secret hold the text, and the variable say so; `mark` holds the digest."""
        at = over.at if over is not None and over.content == mark.digest else ""
        if not at:
            # Said before it is done, so that a crash in between leaves a secret that is known as ours.
            await self._tell(name, _told(mark, ""))
            await self._put(name, text)
            at = await self._written_at("write", name)
            self._refuse_unseen(at, over)
        told = _told(mark, at)
        if not at or (over is not None and over.text == told):
            return
        await self._tell(name, told)

    async def remove(self, name: str) -> None:
        """Both; what is gone already is success."""
        await self._github.ask("remove", "DELETE", f"{self._secrets}/{name}", wanted={404})
        await self._github.ask("remove", "DELETE", f"{self._variables}/{_BESIDE}{name}", wanted={404})

    async def close(self) -> None:
        """Let go of connections."""
        await self._github.close()

    def _refuse_unseen(self, at: str, over: Stand | None) -> None:
        """A read that lags behind must not be noted: the true time would look like another writer's."""
        if over is not None and at == over.at:
            detail = "GitHub does not show yet that it was written"
            raise DestinationUnavailable(self._place, "write", detail, hint="It is written again")

    async def _written_at(self, operation: str, name: str) -> str:
        answer = await self._github.ask(operation, "GET", f"{self._secrets}/{name}", wanted={404})
        return str(answer.json.get("updated_at") or "") if answer.status == 200 else ""

    async def _variable(self, operation: str, name: str) -> str:
        answer = await self._github.ask(operation, "GET", f"{self._variables}/{_BESIDE}{name}", wanted={404})
        return str(answer.json.get("value") or "") if answer.status == 200 else ""

    async def _tell(self, name: str, told: str) -> None:
        body: dict[str, Any] = {"name": f"{_BESIDE}{name}", "value": told}
        path = f"{self._variables}/{_BESIDE}{name}"
        answer = await self._github.ask("write", "PATCH", path, wanted={404}, json=body)
        if answer.status == 404:
            shown = {"visibility": self._options.visibility} if self._options.organisation else {}
            await self._github.ask("write", "POST", self._variables, json={**body, **shown})

    async def _put(self, name: str, text: Secret) -> None:
        key_id, key = await self._public_key("write")
        sealed = _sealed(text.reveal(), key, self._place, "write")
        body: dict[str, Any] = {"encrypted_value": sealed, "key_id": key_id}
        path = f"{self._secrets}/{name}"
        if self._options.organisation:
            body |= await self._visibility(path)
        await self._github.ask("write", "PUT", path, json=body)

    async def _visibility(self, path: str) -> dict[str, Any]:
        """Who sees it stays as it is; a write says it anew each time."""
        answer = await self._github.ask("write", "GET", path, wanted={404})
        kept = answer.json.get("visibility") if answer.status == 200 else None
        if kept != "selected":
            return {"visibility": kept or self._options.visibility}
        rows = await self._github.ask("write", "GET", f"{path}/repositories", params={"per_page": 100})
        chosen = rows.json.get("repositories") or []
        if rows.json.get("total_count", 0) > len(chosen):
            hint = "Let the organisation's secret be seen by all or by private repositories"
            detail = "it is selected for more than 100 repositories"
            raise DestinationRefused(self._place, "write", detail, hint=hint)
        return {"visibility": "selected", "selected_repository_ids": [row["id"] for row in chosen]}

    async def _public_key(self, operation: str) -> tuple[str, str]:
        answer = await self._github.ask(operation, "GET", f"{self._secrets}/public-key")
        key_id, key = answer.json.get("key_id"), answer.json.get("key")
        if not isinstance(key_id, str) or not isinstance(key, str):
            raise DestinationUnavailable(self._place, operation, "GitHub gave no key to seal the secret with")
        return key_id, key


def _told(mark: Mark, at: str) -> str:
    return json.dumps({**mark.to_json(), "at": at}, separators=(",", ":"))


def _sealed(text: str, key: str, place: str, operation: str) -> str:
    """In a box that only GitHub can open: https://docs.github.com/rest/guides/encrypting-secrets-for-the-rest-api."""
    try:
        from nacl.encoding import Base64Encoder
        from nacl.exceptions import CryptoError
        from nacl.public import PublicKey, SealedBox
    except ImportError:
        raise DestinationRefused(place, operation, "PyNaCl is not installed", hint=_EXTRA) from None
    try:
        sealed: bytes = SealedBox(PublicKey(key.encode(), Base64Encoder)).encrypt(text.encode(), Base64Encoder)
    except (CryptoError, ValueError, TypeError):
        problem = DestinationUnavailable(place, operation, "GitHub gave a key that is none")
    else:
        return sealed.decode()
    raise problem
