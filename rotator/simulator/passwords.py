"""Which client secrets does an application hold, and does this one sign in?"""

import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Protocol
from uuid import UUID

from rotator.simulator.model import Application, Holder, Password, ServicePrincipal
from rotator.simulator.policies import AppManagementPolicy
from rotator.simulator.propagation import Propagation
from rotator.simulator.refusals import GraphRefusal, bad_request
from rotator.simulator.wire import graph_time

DEFAULT_LIFETIME = timedelta(days=730)
ENTRY_LIMIT = 1200
NAME_LIMIT = 256
PERSONAL_LIMIT = 2

_LETTERS = string.ascii_letters + string.digits + "._~"
_ALPHABET = _LETTERS + "-"
_DASHES = 1 / 40


class Book(Protocol):
    """What the secrets need of the tenant they belong to."""

    random: Random
    propagation: Propagation

    def now(self) -> datetime: ...
    def new_id(self) -> str: ...
    def changed(self) -> None: ...
    def policies_of(self, application: Application) -> Iterable[AppManagementPolicy]: ...


@dataclass(slots=True)
class PasswordBook:
    """Adds, removes and tries the client secrets of one tenant."""

    tenant: Book
    name_cut: int | None = field(default=None)
    """Cut display names at this many characters, as Entra does for some clients; None keeps them whole."""
    leading_dashes: float = field(default=_DASHES)
    """The share of texts that begin with a dash."""

    def add(
        self,
        holder: Holder,
        *,
        display_name: str | None = None,
        starts_at: datetime | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[Password, str]:
        """Make a secret; its text is returned here and never again.

        Raises `GraphRefusal` (400) by policy, limit or dates.
        """
        now = self.tenant.now()
        starts = starts_at or now
        expires = expires_at or starts + DEFAULT_LIFETIME
        self._forget_the_dead(holder, now)
        self._check(holder, display_name, starts, expires)
        text = secret_text(self.tenant.random, leading_dashes=self.leading_dashes)
        usable_at = self.tenant.propagation.usable_at(now, self.tenant.random)
        password = Password(
            key_id=self.tenant.new_id(),
            display_name=display_name[: self.name_cut] if display_name and self.name_cut else display_name,
            starts_at=starts,
            expires_at=expires,
            hint=text[:3],
            digest=digest(text),
            created_at=now,
            usable_at=usable_at,
            settled_at=self.tenant.propagation.settled_at(usable_at),
        )
        holder.passwords.append(password)
        self.tenant.changed()
        return password, text

    def remove(self, holder: Holder, key_id: str) -> Password:
        """Remove a secret, which may sign in a while longer. Raises `GraphRefusal` (400) when there is none."""
        now = self.tenant.now()
        for password in holder.passwords:
            if password.key_id == key_id and password.listed(now):
                password.removed_at = now
                password.dead_at = self.tenant.propagation.dead_at(now, self.tenant.random)
                self.tenant.changed()
                return password
        raise bad_request(_unknown_key(key_id))

    def listed(self, holder: Holder, at: datetime) -> list[Password]:
        """What a read of the state at that moment shows."""
        return [password for password in holder.passwords if password.listed(at)]

    def matching(self, holders: Iterable[Holder], text: str) -> list[Password]:
        """The secrets of these holders that have this text, whatever has become of them."""
        wanted = digest(text)
        return [password for holder in holders for password in holder.passwords if password.digest == wanted]

    def wavers(self, password: Password, now: datetime) -> bool:
        """Whether a sign-in now meets a replica that has not heard of this secret yet. Draws from the randomness."""
        if now >= password.settled_at:
            return False
        return self.tenant.random.random() < self.tenant.propagation.flap_probability

    def _check(self, holder: Holder, display_name: str | None, starts: datetime, expires: datetime) -> None:
        if expires <= starts:
            msg = f"The end date {graph_time(expires)} is not after the start date {graph_time(starts)}."
            raise bad_request(msg)
        if display_name and len(display_name) > NAME_LIMIT:
            msg = f"The displayName of a password credential has at most {NAME_LIMIT} characters."
            raise bad_request(msg)
        held = len(self.listed(holder, self.tenant.now()))
        if held + len(holder.certificates) >= ENTRY_LIMIT:
            raise GraphRefusal(400, "Directory_QuotaExceeded", "The directory object quota limit has been exceeded.")
        if isinstance(holder, ServicePrincipal):
            return
        if holder.personal and held >= PERSONAL_LIMIT:
            raise _too_many(held + 1)
        for policy in self.tenant.policies_of(holder):
            policy.check(holder.created_at, starts, expires)

    def _forget_the_dead(self, holder: Holder, now: datetime) -> None:
        horizon = self.tenant.propagation.oldest_seen(now)
        holder.passwords[:] = [one for one in holder.passwords if one.dead_at is None or one.dead_at > horizon]


def digest(text: str) -> str:
    """What is kept of a secret's text."""
    return sha256(text.encode()).hexdigest()


def secret_text(random: Random, *, leading_dashes: float = _DASHES) -> str:
    """A text in today's shape: 40 characters, `xxx8Q~…`, about one in forty with a leading dash."""
    first = "-" if random.random() < leading_dashes else random.choice(_LETTERS)
    rest = "".join(random.choices(_ALPHABET, k=36))
    return f"{first}{rest[:2]}8Q~{rest[2:]}"


def parse_key_id(value: object) -> str:
    """A key id as clients send it. Raises `GraphRefusal` (400) when it is no UUID."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        msg = f"Invalid GUID:{value}"
        raise bad_request(msg) from None


def _too_many(wanted: int) -> GraphRefusal:
    # Text and details as reported in Azure/azure-cli#12946.
    text = f"Not allowed to add {wanted} passwords. You can only add a maximum of {PERSONAL_LIMIT} passwords."
    detail = {"target": "passwordCredentials", "code": "TooManyAppPasswords"}
    return GraphRefusal(400, "TooManyAppPasswords", text, details=(detail,))


def _unknown_key(key_id: str) -> str:
    return f"No password credential found with keyId '{key_id}'."
