"""Does a signed assertion, by a certificate or by a foreign issuer, prove who the client is?"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rotator.simulator.aadsts import sign_in_refusal
from rotator.simulator.access_tokens import AccessTokens
from rotator.simulator.model import Application, Certificate, Holder
from rotator.simulator.signing import decode_part, read_claims, read_header
from rotator.simulator.tenant import Tenant
from rotator.simulator.wire import Json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_LEEWAY = 300


class AssertionCheck:
    """Checks `client_assertion` of the token endpoint."""

    def __init__(self, tenant: Tenant, tokens: AccessTokens) -> None:
        self._tenant = tenant
        self._tokens = tokens

    def check(self, form: dict[str, str], application: Application, holders: Iterable[Holder]) -> None:
        """Raises `SignInRefusal` unless the assertion proves the application."""
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise sign_in_refusal(900144, parameter="client_assertion_type")
        assertion = form["client_assertion"]
        try:
            claims = read_claims(assertion)
            read_header(assertion)
        except ValueError:
            raise sign_in_refusal(50027) from None
        if not _is_current(claims, self._tokens.real_now().timestamp()):
            raise sign_in_refusal(700024)
        if str(claims.get("iss")).startswith("https://"):
            self._check_federation(assertion, application)
        else:
            self._check_certificate(assertion, application, holders)

    def _check_certificate(self, assertion: str, application: Application, holders: Iterable[Holder]) -> None:
        header, claims = read_header(assertion), read_claims(assertion)
        certificate = _named_certificate(header, holders)
        if certificate is None:
            reason = f"The key was not found., Thumbprint of key used by client: '{_thumbprint(header)}'"
            raise sign_in_refusal(700027, reason=reason)
        if not certificate.starts_at <= self._tenant.now() < certificate.expires_at:
            raise sign_in_refusal(700027, reason="The key used is expired.")
        if not _signed_by(_certified_key(certificate), assertion, header.get("alg")):
            raise sign_in_refusal(
                700027, reason="The key was found, but use of the key to verify the signature failed."
            )
        if claims.get("iss") != application.client_id or claims.get("sub") != application.client_id:
            raise sign_in_refusal(700021)
        audience = str(claims.get("aud"))
        if not any(part in audience for part in (f"/{self._tenant.tenant_id}/", f"/{self._tenant.domain}/")):
            raise sign_in_refusal(700023, audience=audience)
        certificate.signed_in_at = self._tenant.now()

    def _check_federation(self, assertion: str, application: Application) -> None:
        header, claims = read_header(assertion), read_claims(assertion)
        issuer, subject, audience = claims.get("iss"), claims.get("sub"), claims.get("aud")
        audiences = {str(one) for one in (audience if isinstance(audience, list) else [audience])}
        if not any(
            (one.issuer, one.subject) == (issuer, subject) and audiences & set(one.audiences)
            for one in application.federated
        ):
            raise sign_in_refusal(70021, issuer=str(issuer), subject=str(subject), audience=str(audience))
        keys = self._tenant.issuers.get(str(issuer), [])
        named = [key for key in keys if "kid" not in header or key.get("kid") == header["kid"]]
        if not any(_signed_by(_public_key(key), assertion, header.get("alg")) for key in named):
            raise sign_in_refusal(700027, reason="The key was not found.")


def _is_current(claims: Json, now: float) -> bool:
    try:
        return float(claims.get("nbf", now)) - _LEEWAY <= now < float(claims.get("exp", 0)) + _LEEWAY
    except (ValueError, TypeError):
        return False


def _named_certificate(header: Json, holders: Iterable[Holder]) -> Certificate | None:
    wanted = _thumbprint(header)
    every = (certificate for holder in holders for certificate in holder.certificates)
    return next((one for one in every if wanted and wanted in {one.thumbprint_sha1, one.thumbprint_sha256}), None)


def _thumbprint(header: Json) -> str:
    # azure-identity 1.27 sends x5t#S256 in the standard alphabet with padding; decode_part takes every form.
    try:
        return decode_part(str(header.get("x5t#S256") or header.get("x5t") or "")).hex().upper()
    except ValueError:
        return ""


def _certified_key(certificate: Certificate) -> object:
    from cryptography.x509 import load_der_x509_certificate

    return load_der_x509_certificate(certificate.der).public_key()


def _public_key(jwk: Json) -> "RSAPublicKey":
    from cryptography.hazmat.primitives.asymmetric import rsa

    modulus, exponent = (int.from_bytes(decode_part(jwk[part]), "big") for part in ("n", "e"))
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _signed_by(key: object, assertion: str, algorithm: object) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
    scheme = {"RS256": padding.PKCS1v15(), "PS256": pss}.get(str(algorithm))
    signed, _, signature = assertion.rpartition(".")
    if scheme is None or not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(decode_part(signature), signed.encode(), scheme, hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True
