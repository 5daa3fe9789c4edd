"""When does the credential expire that a connection signs in with, and who renews it?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from rotator.domain.alarms import CONNECTION_NEAR
from rotator.domain.lifetime import margin
from rotator.domain.model import Application
from rotator.entra.options import (
    CertificateConnection,
    ClientSecretConnection,
    OAuthConnection,
    tenant_and_client,
)
from rotator.errors import DirectoryError, RotatorError, SignInRefused

if TYPE_CHECKING:
    from rotator.domain.model import Secret
    from rotator.entra.client_secrets import ClientSecrets
    from rotator.entra.options import AnyConnection
    from rotator.ports import Directories, Listed, Registration

#: Graph shows this many first characters of a secret:
#: https://learn.microsoft.com/graph/api/resources/passwordcredential (hint)
_HINT: Final = 3
#: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_EXPIRED: Final = "7000222"


@dataclass(frozen=True, slots=True)
class Expiry:
    """The end of the credential in use; `expires_at` None: Entra refuses it as expired, and since when is not known."""

    what: str
    expires_at: datetime | None
    #: It was issued by us, or adopted, and is rotated in its turn.
    ours: bool = False
    #: So many secrets look like the one in use; it is the earliest end among theirs.
    alike: int = 1
    #: How long before its end a person should know.
    near: timedelta = CONNECTION_NEAR

    def __str__(self) -> str:
        """Whose it is and until when, for a person."""
        whose = "rotated by us" if self.ours else "not ours"
        if self.expires_at is None:
            return f"{whose}, expired"
        several = f" (the earliest of {self.alike}: it is one of those that begin alike)" if self.alike > 1 else ""
        return f"{whose}, expires on {self.expires_at:%Y-%m-%d %H:%M}Z{several}"


async def expiry_of(name: str, secrets: ClientSecrets, directories: Directories) -> Expiry | None:
    """The end of the connection's credential; None for a method without one. Raises RotatorError: it cannot be told."""
    options = secrets.connections.get(name)
    if isinstance(options, CertificateConnection):
        return await asyncio.to_thread(_of_certificate, options)
    if isinstance(options, OAuthConnection):
        return await _of_application(options, directories)
    if not isinstance(options, ClientSecretConnection):
        return None
    secret = await secrets.secret_of(name)
    rotated = await secrets.rotated(name)
    if rotated is not None and rotated[1] == secret:
        return _secret(rotated[0].expires_at, options, ours=options.is_auto_rotation_enabled)
    registration = await _registration(options, directories)
    return _among(registration.credentials, secret, options) if registration else Expiry("client secret", None)


async def _of_application(options: OAuthConnection, directories: Directories) -> Expiry | None:
    """Of the application that acts in a person's name. To look keeps the refresh token from dying of idleness."""
    given = options.credentials.client_secret
    registration = await _registration(options, directories)
    if registration is None:
        return Expiry("client secret", None)
    return _among(registration.credentials, given.resolve(), options) if given else None


async def _registration(options: AnyConnection, directories: Directories) -> Registration | None:
    """Of the application we sign in as; None: its secret has expired."""
    tenant, client = tenant_and_client(options)
    directory = await directories.open(options.name)
    try:
        return await directory.registration(Application(tenant, client_id=client))
    except SignInRefused as problem:
        if _EXPIRED in problem.code:
            return None
        raise


def _among(listed: Sequence[Listed], secret: Secret, options: AnyConnection) -> Expiry:
    """By the first characters, which is all that Entra tells of a secret."""
    begins = secret.reveal()[:_HINT]
    alike = [each for each in listed if each.hint == begins and each.expires_at is not None]
    if not alike:
        raise DirectoryError("reading the application", "none of its secrets begins like the one in use")
    first = min(alike, key=_end)
    adopted = options.rotation.adopt if options.is_auto_rotation_enabled and options.rotation else None
    ours = len(alike) == 1 and adopted is not None and adopted.lower() == first.key_id.lower()
    return _secret(first.expires_at, options, ours=ours, alike=len(alike))


def _secret(expires_at: datetime | None, options: AnyConnection, *, ours: bool, alike: int = 1) -> Expiry:
    near = _near(options) if ours else CONNECTION_NEAR
    return Expiry("client secret", expires_at, ours=ours, alike=alike, near=near)


def _end(listed: Listed) -> datetime:
    assert listed.expires_at is not None
    return listed.expires_at


def _near(options: AnyConnection) -> timedelta:
    """A secret that is rotated in time never comes this near its end, however short its life."""
    if options.rotation is None:
        return CONNECTION_NEAR
    return min(CONNECTION_NEAR, margin(timedelta(days=options.rotation.rotation_interval)) / 2)


def _of_certificate(options: CertificateConnection) -> Expiry:
    """Runs in a thread: it reads a file and imports cryptography. The first certificate is the one that signs in."""
    from cryptography.x509 import load_pem_x509_certificate

    given = options.credentials.certificate
    try:
        ends = load_pem_x509_certificate(given.resolve().reveal().encode()).not_valid_after_utc
    except ValueError:
        ends = None
    if ends is None:
        raise RotatorError(f"{given} holds no certificate in PEM")
    return Expiry("certificate", ends)
