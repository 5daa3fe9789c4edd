"""What does an AADSTS code of the token endpoint mean, and what should be done about it?

The numbers: https://learn.microsoft.com/entra/identity-platform/reference-error-codes, which advises against relying on
them; nothing better exists. A number that is not here is shown as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rotator.answers import parsed, shortened
from rotator.errors import DirectoryError, DirectoryUnavailable, SignInRefused

_ERROR: Final = re.compile(r"[a-z_]{1,40}")
#: Entra asks to try again; numbers 90033 and 90055 have been seen with 400 and 401 too.
TRANSIENT: Final = frozenset({"90024", "90033", "90055"})
TRANSIENT_WORDS: Final = frozenset({"temporarily_unavailable", "server_error"})
_WRONG_HINT = (
    "Put the value (not the id) of a current client secret of application {client} where `clientSecret` points."
)
_FEDERATED_HINT = "Give application {client} a federated credential with exactly the token's issuer, subject, audience."

_AGAIN = "Sign in again at /authorize, and give the connection the new code or refresh token."


@dataclass(frozen=True, slots=True)
class _Meaning:
    what: str
    hint: str


_MEANINGS: Mapping[str, _Meaning] = {
    "7000215": _Meaning("the client secret is wrong, was removed, or is not known everywhere yet", _WRONG_HINT),
    "7000222": _Meaning(
        "the client secret has expired",
        "Create a client secret for application {client} and put it where `clientSecret` points; "
        "`isAutoRotationEnabled: true` keeps it from expiring again.",
    ),
    "7000218": _Meaning(
        "neither a secret nor an assertion was sent", "Check `method` and `credentials` of the connection."
    ),
    "700016": _Meaning(
        "tenant {tenant} does not know application {client}", "Check `clientId` and `tenantId`."
    ),
    "7000229": _Meaning(
        "application {client} has no service principal in tenant {tenant}",
        "Create it: `az ad sp create --id {client}`.",
    ),
    "7000112": _Meaning(
        "application {client} is disabled", "Enable sign-in of its enterprise application in tenant {tenant}."
    ),
    "700027": _Meaning(
        "the certificate is not one of application {client}, or its key does not fit",
        "Upload the certificate that `certificate` points to under the application's certificates.",
    ),
    "700024": _Meaning(
        "the assertion is not valid at this time", "Set this machine's clock; renew the token file if there is one."
    ),
    "70021": _Meaning("no federated credential matches the token", _FEDERATED_HINT),
    "700211": _Meaning("no federated credential has the token's issuer", _FEDERATED_HINT),
    "700212": _Meaning("no federated credential has the token's audience", _FEDERATED_HINT),
    "700213": _Meaning("no federated credential has the token's subject", _FEDERATED_HINT),
    "90002": _Meaning("there is no tenant {tenant} in this cloud", "Check `tenantId` and `cloud`."),
    "900023": _Meaning("{tenant} is no tenant id", "Check `tenantId`."),
    "1002012": _Meaning("the scope is not valid", "Check `scope` of the connection's cloud: it ends in /.default."),
    "70011": _Meaning("the scope is not valid", "Check `scope` of the connection's cloud: it ends in /.default."),
    "500011": _Meaning(
        "tenant {tenant} does not know the resource of the scope", "Check `cloud` and its `scope`."
    ),
    "50057": _Meaning("the person in whose name {client} acts is disabled", _AGAIN),
    "50173": _Meaning("the person's consent was revoked, by a new password for instance", _AGAIN),
    "50076": _Meaning("the person must prove himself by a second factor", _AGAIN),
    "50078": _Meaning("the person must prove himself by a second factor again", _AGAIN),
    "50079": _Meaning("the person must set up a second factor", _AGAIN),
    "54005": _Meaning("the code has been used already", "Send the browser to /authorize again: a code serves once."),
    "65001": _Meaning(
        "the person has not consented to what application {client} asks for",
        "Consent in /authorize to Application.ReadWrite.All for application {client}, or have an administrator do it.",
    ),
    "70000": _Meaning("the code or refresh token is not one of application {client}", _AGAIN),
    "70008": _Meaning("the code has expired", "Send the browser to /authorize again, and use the code at once."),
    "500112": _Meaning(
        "the code was made for another redirect URI", "Use the redirectUri of api.oauth when asking /authorize."
    ),
    "50011": _Meaning(
        "application {client} does not know the redirect URI", "Register redirectUri of api.oauth with it."
    ),
    "700082": _Meaning("the refresh token has not been used for 90 days and has expired", _AGAIN),
    "53003": _Meaning(
        "conditional access blocks application {client}", "Exempt it, or this machine's address, from the policy."
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who signs in where, for the words of errors; an empty client id is a managed identity or the Azure CLI."""

    connection: str
    tenant_id: str
    client_id: str = ""
    #: What is said of in place of the connection.
    purpose: str = ""

    @property
    def operation(self) -> str:
        """What was being done."""
        return self.purpose or f"sign-in of connection {self.connection!r}"


@dataclass(frozen=True, slots=True)
class Refused:
    """The error body of the token endpoint: AADSTS numbers, OAuth's word, the text."""

    numbers: tuple[str, ...] = ()
    error: str = ""
    text: str = ""

    @classmethod
    def read(cls, content: bytes | str) -> Refused:
        """The body; empty when it is none. Codes are shown to people, so only what looks like a code is one."""
        body = parsed(content)
        numbers, error = body.get("error_codes"), str(body.get("error") or "")
        return cls(
            tuple(str(number) for number in numbers if isinstance(number, int)) if isinstance(numbers, list) else (),
            error if _ERROR.fullmatch(error) else "",
            str(body.get("error_description") or ""),
        )

    @property
    def number(self) -> str:
        """The first number we know the meaning of, else the first."""
        return next((each for each in self.numbers if each in _MEANINGS), next(iter(self.numbers), ""))

    @property
    def transient(self) -> bool:
        """Entra asks to try again."""
        return bool(TRANSIENT.intersection(self.numbers)) or self.error in TRANSIENT_WORDS


def sign_in_refused(refused: Refused, who: SignIn, *, status: int, hide: Iterable[str] = ()) -> DirectoryError:
    """The error for a refused sign-in. `hide` are texts that may not appear, should an authority echo them."""
    code = f"AADSTS{refused.number}" if refused.number else refused.error or str(status)
    operation = who.operation
    if refused.transient:
        return DirectoryUnavailable(operation, "Entra asks to try again later", code=code, status=status)
    meaning = _MEANINGS.get(refused.number)
    facts = {"client": who.client_id or "(of this machine)", "tenant": who.tenant_id}
    detail = meaning.what.format_map(facts) if meaning else _shown(refused.text, hide)
    hint = meaning.hint.format_map(facts) if meaning else "Check `credentials`, `method` and `cloud` of the connection."
    return SignInRefused(operation, detail or f"HTTP {status}", code=code, status=status, hint=hint)


def _shown(text: str, hide: Iterable[str]) -> str:
    """Their words without the number, the trace ids and anything to be hidden."""
    for each in hide:
        text = text.replace(each, "***") if each else text
    said = text.partition(" Trace ID:")[0]
    number, _, rest = said.partition(": ")
    return shortened(rest if number.startswith("AADSTS") else said)
