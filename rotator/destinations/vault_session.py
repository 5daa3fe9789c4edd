"""How does a destination speak to Vault, as whom, and for how long?

A sign-in outlives the destinations that use it: its token is renewed when a third of its life is left, and fetched anew
when that fails or Vault no longer takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rotator.destinations.wire import Answer, Wire, open_wire, resolved, said
from rotator.domain.model import Secret
from rotator.errors import DestinationRefused
from rotator.references import Reference

if TYPE_CHECKING:
    from rotator.destinations.surroundings import Surroundings
    from rotator.destinations.vault import Auth, Options
    from rotator.ports import Clock

#: Where Kubernetes puts the pod's own token.
_POD_TOKEN = Reference("file", "/var/run/secrets/kubernetes.io/serviceaccount/token")
_SIGN_IN_HINT = "Check the auth block of this destination"


@dataclass(slots=True)
class Ticket:
    """A token of Vault; `until` on the monotonic clock, None: it does not end."""

    token: Secret
    seconds: float = 0
    until: float | None = None
    renewable: bool = False

    @classmethod
    def of(cls, token: Secret, seconds: object, *, renewable: object, now: float) -> Ticket:
        """As Vault tells it; a life of 0 seconds is one without end."""
        life = float(seconds) if isinstance(seconds, int | float) else 0.0
        return cls(token, life, now + life if life else None, renewable is True)

    def is_fresh(self, now: float) -> bool:
        """More than a third of its life is left."""
        return self.until is None or self.until - now > self.seconds / 3


@dataclass(slots=True)
class Held:
    """The ticket in use, for all destinations with the same sign-in."""

    ticket: Ticket | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


def session_of(options: Options, surroundings: Surroundings) -> Session:
    """Whoever opens it closes it. Raises ConfigError for a bad caFile."""
    held = surroundings.kept.get(("vault", options.endpoint, options.namespace, options.auth), Held)
    wire = open_wire(options, options.place(), surroundings)
    return Session(options, wire, held, clock=surroundings.clock, environment=surroundings.environment)


class Session:
    """Requests with a token. All methods raise DestinationUnavailable or DestinationRefused."""

    def __init__(
        self, options: Options, wire: Wire, held: Held, *, clock: Clock, environment: Mapping[str, str]
    ) -> None:
        self._options = options
        self._place = options.place()
        self._wire = wire
        self._held = held
        self._clock = clock
        self._environment = environment

    async def ask(
        self, operation: str, method: str, path: str, *, wanted: Collection[int] = (), **request: Any
    ) -> Answer:
        """As `Wire.send`, below /v1. A token that Vault no longer takes is replaced once."""
        ticket, is_new = await self._ticket(operation)
        answer = await self._send(operation, method, path, ticket, wanted={403, *wanted}, **request)
        if answer.status == 403 and not is_new:
            self._forget(ticket)
            ticket, _ = await self._ticket(operation)
            answer = await self._send(operation, method, path, ticket, wanted={403, *wanted}, **request)
        if answer.status == 403 and 403 not in wanted:
            detail = f"Vault answered 403{said(answer.content)} at {path}"
            raise DestinationRefused(self._place, operation, detail, hint="Allow it in a policy of the token")
        return answer

    def refuse_missing_mount(self, operation: str, answer: Answer) -> None:
        """Raise DestinationRefused when the 404 is about the mount, not about the secret."""
        if b"no handler for route" in answer.content:
            detail = f"there is no engine mounted at {self._options.mount}"
            raise DestinationRefused(
                self._place, operation, detail, hint="Correct the mount, or enable a KV engine there"
            )

    async def check_engine(self, version: int) -> None:
        """Raise DestinationRefused when the mount is not a KV engine of that version; silent where we may not ask."""
        path = f"sys/internal/ui/mounts/{self._options.mount}"
        answer = await self._ask_softly("check", "GET", path)
        data = answer.json.get("data") if answer.status == 200 else None
        if not isinstance(data, dict):
            return
        if data.get("type") not in {"kv", "generic"}:
            detail = f"the engine at {self._options.mount} is {data.get('type')!r}, not kv"
            raise DestinationRefused(self._place, "check", detail, hint="Name the mount of a KV engine")
        mounted = (data.get("options") or {}).get("version", "1")
        if str(version) != mounted:
            detail = f"the engine at {self._options.mount} is KV version {mounted}"
            raise DestinationRefused(self._place, "check", detail, hint=f"Set version: {mounted} at this destination")

    async def check_rights(self, needs: Mapping[str, Collection[str]]) -> bool:
        """Raise DestinationRefused naming what the token lacks; False where it may not even ask that."""
        answer = await self._ask_softly("check", "POST", "sys/capabilities-self", json={"paths": list(needs)})
        if answer.status != 200:
            return False
        for path, needed in needs.items():
            allowed = answer.json.get(path)
            missing = [each for each in needed if isinstance(allowed, list) and not {each, "root"} & set(allowed)]
            if missing:
                policy = " ".join(f'path "{at}" {{ capabilities = {_listed(rights)} }}' for at, rights in needs.items())
                detail = f"the token lacks {', '.join(missing)} at {path}"
                raise DestinationRefused(self._place, "check", detail, hint=f"Give it a policy with {policy}")
        return True

    async def close(self) -> None:
        """The sign-in stays for the next session."""
        await self._wire.close()

    async def _ask_softly(self, operation: str, method: str, path: str, **request: Any) -> Answer:
        return await self.ask(operation, method, path, wanted={400, 403, 404, 405}, **request)

    async def _send(self, operation: str, method: str, path: str, ticket: Ticket | None, **request: Any) -> Answer:
        headers = {"X-Vault-Request": "true", **request.pop("headers", {})}
        if self._options.namespace:
            headers["X-Vault-Namespace"] = self._options.namespace
        if ticket is not None:
            headers["X-Vault-Token"] = ticket.token.reveal()
        url = f"{self._options.endpoint}/v1/{quote(path)}"
        return await self._wire.send(operation, method, url, headers=headers, **request)

    def _forget(self, ticket: Ticket) -> None:
        if self._held.ticket is ticket:
            self._held.ticket = None

    async def _ticket(self, operation: str) -> tuple[Ticket, bool]:
        """The ticket to use, and whether it was fetched just now."""
        async with self._held.turn:
            held = self._held.ticket
            if held is not None and not self._is_replaced(held, operation):
                if held.is_fresh(self._clock.monotonic()):
                    return held, False
                self._held.ticket = await self._renewed(held, operation)
            else:
                self._held.ticket = None
            if self._held.ticket is None:
                self._held.ticket = await self._signed_in(operation)
                return self._held.ticket, True
            return self._held.ticket, False

    def _is_replaced(self, held: Ticket, operation: str) -> bool:
        """A token that is given, not fetched, may be another by now: an agent writes it to a file again and again."""
        auth = self._options.auth
        return (auth is None or auth.method == "token") and self._given(operation) != held.token

    async def _renewed(self, held: Ticket, operation: str) -> Ticket | None:
        """None when it has to be fetched anew."""
        now = self._clock.monotonic()
        if not held.renewable or (held.until is not None and held.until <= now):
            return None
        answer = await self._send(operation, "POST", "auth/token/renew-self", held, wanted={400, 403}, json={})
        auth = answer.json.get("auth") if answer.status == 200 else None
        if not isinstance(auth, dict):
            return None
        renewed = Ticket.of(held.token, auth.get("lease_duration"), renewable=auth.get("renewable"), now=now)
        # At the end of its longest life a token is renewed for ever shorter times.
        return renewed if renewed.until is None or renewed.seconds > held.seconds / 3 else None

    async def _signed_in(self, operation: str) -> Ticket:
        auth = self._options.auth
        if auth is None or auth.method == "token":
            return await self._looked_up(self._given(operation), operation)
        secret, body = self._login_body(auth, operation)
        path = f"auth/{auth.mount or auth.method}/login"
        hide = [secret] if secret else []
        answer = await self._send(operation, "POST", path, None, wanted={400, 401, 403, 404}, json=body, hide=hide)
        told = answer.json.get("auth") if answer.status == 200 else None
        if not isinstance(told, dict) or not isinstance(told.get("client_token"), str):
            detail = f"sign-in by {auth.method} was refused with {answer.status}{said(answer.content, hide)}"
            raise DestinationRefused(self._place, operation, detail, hint=_SIGN_IN_HINT)
        token, now = Secret(told["client_token"]), self._clock.monotonic()
        return Ticket.of(token, told.get("lease_duration"), renewable=told.get("renewable"), now=now)

    def _login_body(self, auth: Auth, operation: str) -> tuple[Secret | None, dict[str, str | None]]:
        if auth.method == "approle":
            secret = resolved(auth.secret_id, self._place, operation) if auth.secret_id else None
            given = {"secret_id": secret.reveal()} if secret else {}
            return secret, {"role_id": auth.role_id, **given}
        jwt = resolved(auth.token or _POD_TOKEN, self._place, operation)
        return jwt, {"role": auth.role, "jwt": jwt.reveal()}

    def _given(self, operation: str) -> Secret:
        auth = self._options.auth
        if auth is not None and auth.token is not None:
            return resolved(auth.token, self._place, operation)
        token = self._environment.get("VAULT_TOKEN")
        if not token:
            raise DestinationRefused(
                self._place, operation, "variable VAULT_TOKEN is not set", hint="Set it, or name a sign-in with auth"
            )
        return Secret(token)

    async def _looked_up(self, token: Secret, operation: str) -> Ticket:
        """How long a given token lives; where it may not ask that, Vault will say when it has ended."""
        answer = await self._send(operation, "GET", "auth/token/lookup-self", Ticket(token), wanted={403})
        data = answer.json.get("data") if answer.status == 200 else None
        if not isinstance(data, dict):
            return Ticket(token)
        return Ticket.of(token, data.get("ttl"), renewable=data.get("renewable"), now=self._clock.monotonic())


def _listed(rights: Collection[str]) -> str:
    return "[" + ", ".join(f'"{right}"' for right in rights) + "]"
