"""Does a new secret sign in? One request to the token endpoint by plain httpx: no cache and no SDK in between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rotator.answers import parsed, shortened
from rotator.entra.sign_in_refusals import Refused
from rotator.ports import Proof
from rotator.trouble import NO_ANSWER, described, word

if TYPE_CHECKING:
    import httpx

    from rotator.domain.model import Secret
    from rotator.entra.clouds import Endpoints

#: Wrong, removed or not yet known everywhere; expired, also seen briefly on brand-new applications (vault#27593).
SECRET_REFUSED: Final = frozenset({"7000215", "7000222"})

#: Refusals that come only after the secret was accepted: "Conditional Access policies are enforced after first-factor
#: authentication is completed" (https://learn.microsoft.com/entra/identity/conditional-access/overview); for service
#: principals see .../conditional-access/workload-identity. Names from .../identity-platform/reference-error-codes.
#: 501051 is an authorisation of an authenticated client: the resource demands an assignment that it does not have.
ACCEPTED_THEN_REFUSED: Final[Mapping[str, str]] = {
    "53000": "conditional access demands a compliant device",
    "53001": "conditional access demands a domain-joined device",
    "53002": "conditional access demands an approved client",
    "53003": "conditional access blocks this application here",
    "53004": "proof-up is demanded because of risk",
    "53011": "blocked because of risk",
    "530032": "blocked by a security policy of the tenant",
    "530034": "blocked because of risk",
    "50076": "a second factor is demanded",
    "50079": "a second factor must be registered",
    "50158": "an external security challenge is demanded",
    "50105": "the application is not assigned to the resource",
    "501051": "the application is not assigned to the resource",
}


class Prover:
    """Signs in with secrets that nobody has proved yet; one connection pool, a fresh request each time."""

    def __init__(self, http: httpx.AsyncClient, cloud: Endpoints, tenant_id: str, *, seconds: float) -> None:
        self._http = http
        self._url = _parsed(cloud.token_url(tenant_id))
        self._host = cloud.authority.partition("://")[2]
        self._scope = cloud.scope
        self._seconds = seconds

    async def prove(self, client_id: str, secret: Secret) -> Proof:
        """What one sign-in showed. Never raises for an answer or its absence; its words never hold the secret."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._http.post(self._url, data=self._form(client_id, secret))
        except NO_ANSWER as exc:
            return Proof(accepted=False, code=word(exc), detail=described(exc, self._host))
        return _judged(answer, secret)

    def _form(self, client_id: str, secret: Secret) -> dict[str, str]:
        return {
            "client_id": client_id,
            "client_secret": secret.reveal(),
            "scope": self._scope,
            "grant_type": "client_credentials",
        }


def _parsed(address: str) -> httpx.URL:
    """Once, and not for every sign-in."""
    import httpx

    return httpx.URL(address)


def _judged(answer: httpx.Response, secret: Secret) -> Proof:
    status = answer.status_code
    if status == 200 and parsed(answer.content).get("access_token"):
        return Proof(accepted=True)
    refused = Refused.read(answer.content)
    passed = next((number for number in refused.numbers if number in ACCEPTED_THEN_REFUSED), None)
    if passed and status < 429:
        return Proof(accepted=True, code=passed, detail=ACCEPTED_THEN_REFUSED[passed])
    if status == 429 or status >= 500 or refused.transient or not refused.error:
        code = "throttled" if status == 429 else "unavailable" if status >= 500 or refused.transient else "unreadable"
        return Proof(accepted=False, code=refused.number or code, detail=f"Entra answered {status}")
    wrong = bool(SECRET_REFUSED.intersection(refused.numbers))
    said = shortened(refused.text.partition(" Trace ID:")[0].replace(secret.reveal(), "***"))
    return Proof(accepted=False, code=refused.number or refused.error, detail=said, secret_refused=wrong)
