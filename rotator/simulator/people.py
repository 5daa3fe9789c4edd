"""Which people are in the tenant, and what have they let applications do in their name?"""

import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Protocol

from rotator.simulator.refusals import bad_request
from rotator.simulator.wire import Json

#: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow: "typically ... about 10 minutes".
CODE_LIFETIME = timedelta(minutes=10)
#: https://learn.microsoft.com/entra/identity-platform/refresh-tokens: 90 days, and the old one outlives its successor.
REFRESH_LIFETIME = timedelta(days=90)

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_FIRST = "admin"


class _Tenant(Protocol):
    """What people need of the tenant they are in."""

    random: Random
    domain: str

    def now(self) -> datetime: ...
    def new_id(self) -> str: ...
    def changed(self) -> None: ...


@dataclass(slots=True)
class User:
    """A person; an administrator may change every application, anybody else those that he owns."""

    object_id: str
    name: str
    administers: bool = True
    enabled: bool = True
    #: Refresh tokens from before are revoked.
    signed_out_at: datetime | None = None
    #: Object ids of the groups that the person is in, directly or not.
    groups: list[str] = field(default_factory=list)
    #: Client id of an application -> the values of its app roles that the person is assigned.
    app_roles: dict[str, list[str]] = field(default_factory=dict)

    def as_json(self) -> Json:
        """As Graph shows a person among owners."""
        person = {"id": self.object_id, "displayName": self.name, "userPrincipalName": self.name}
        return {"@odata.type": "#microsoft.graph.user", **person}


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a code's verifier must fit (PKCE); an empty text asks for none."""

    text: str = ""
    method: str = "plain"

    def is_met(self, verifier: str) -> bool:
        """Whether the verifier is the one that the challenge was made of."""
        hashed = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        return not self.text or self.text == (hashed if self.method == "S256" else verifier)


@dataclass(slots=True)
class Code:
    """What the browser brings back to the application, to be redeemed once."""

    digest: str
    user_id: str
    client_id: str
    scopes: list[str]
    redirect_uri: str
    challenge: Challenge
    issued_at: datetime
    #: Put into the id token as it came.
    nonce: str = ""
    redeemed: bool = False


@dataclass(slots=True)
class RefreshToken:
    """The lasting right to act in a person's name; the text is known only by its SHA-256."""

    digest: str
    user_id: str
    client_id: str
    scopes: list[str]
    issued_at: datetime
    #: How often it has been used: Entra lets it be, a careful client uses each once.
    used: int = 0


@dataclass(slots=True)
class People:
    """Users and their grants. Nobody is there until somebody is asked for."""

    tenant: _Tenant
    users: dict[str, User] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)

    def named(self, name: str = "") -> User:
        """The user of that name, by default the first; made when there is none."""
        wanted = name or f"{_FIRST}@{self.tenant.domain}"
        for user in self.users.values():
            if wanted in {user.name, user.object_id} or not name:
                return user
        user = User(self.tenant.new_id(), wanted)
        self.users[user.object_id] = user
        self.tenant.changed()
        return user

    def owner(self, name: str) -> str:
        """The object id of a user who is there. Raises `GraphRefusal`."""
        for user in self.users.values():
            if name in {user.name, user.object_id}:
                return user.object_id
        raise bad_request(f"no user has the name or object id {name!r}")

    def sign_out(self, user: User) -> None:
        """Revoke every refresh token he has given, as `revokeSignInSessions` does."""
        user.signed_out_at = self.tenant.now()
        self.tenant.changed()

    def add_code(
        self,
        user: User,
        client_id: str,
        scopes: list[str],
        *,
        redirect_uri: str,
        challenge: Challenge,
        nonce: str = "",
    ) -> str:
        """The text of a new code."""
        text = f"1.{self._letters(60)}"
        now = self.tenant.now()
        made = Code(_digest(text), user.object_id, client_id, scopes, redirect_uri, challenge, now, nonce)
        self.codes[made.digest] = made
        return text

    def add_refresh_token(self, user_id: str, client_id: str, scopes: list[str]) -> str:
        """The text of a new refresh token."""
        text = f"1.{self._letters(120)}"
        made = RefreshToken(_digest(text), user_id, client_id, scopes, self.tenant.now())
        self.refresh_tokens[made.digest] = made
        self.tenant.changed()
        return text

    def code(self, text: str) -> Code | None:
        """What is known of a code."""
        return self.codes.get(_digest(text))

    def refresh_token(self, text: str) -> RefreshToken | None:
        """What is known of a refresh token."""
        return self.refresh_tokens.get(_digest(text))

    def _letters(self, count: int) -> str:
        return "".join(self.tenant.random.choices(_LETTERS, k=count))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
