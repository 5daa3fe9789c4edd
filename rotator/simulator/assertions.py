"""Does a signed assertion, by a certificate or by a foreign issuer, prove who the client is?"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rotator.simulator.access_tokens import AccessTokens
from rotator.simulator.model import Application, Certificate, Holder
from rotator.simulator.refusals import SignInRefusal
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
            text = f"The 'client_assertion_type' must be '{ASSERTION_TYPE}'."
            raise SignInRefusal(900144, text, error="invalid_request", status=400)
        assertion = form["client_assertion"]
        try:
            header, claims = read_header(assertion), read_claims(assertion)
        except ValueError:
            text = "The client assertion is not a well-formed JWT."
            raise SignInRefusal(50027, text, error="invalid_request", status=400) from None
        self._check_times(claims)
        if "x5t" in header or "x5t#S256" in header or claims.get("iss") == application.client_id:
            self._check_certificate(assertion, application, holders)
        else:
            self._check_federation(assertion, application)

    def _check_times(self, claims: Json) -> None:
        now = self._tokens.real_now().timestamp()
        if not claims.get("nbf", now) - _LEEWAY <= now < claims.get("exp", 0) + _LEEWAY:
            raise SignInRefusal(700024, "Client assertion is not within its valid time range.")

    def _check_certificate(self, assertion: str, application: Application, holders: Iterable[Holder]) -> None:
        header, claims = read_header(assertion), read_claims(assertion)
        certificate = _named_certificate(header, holders)
        if certificate is None:
            text = (
                "The certificate with identifier used to sign the client assertion is not registered on application. "
                f"[Reason - The key was not found., Thumbprint of key used by client: '{_thumbprint(header)}']"
            )
            raise SignInRefusal(700027, text)
        now = self._tenant.now()
        if not certificate.starts_at <= now < certificate.expires_at:
            text = "Client assertion failed signature validation. [Reason - The key used is expired.]"
            raise SignInRefusal(700027, text)
        from cryptography.x509 import load_der_x509_certificate

        key = load_der_x509_certificate(certificate.der).public_key()
        if not _signed_by(key, assertion, header.get("alg")):
            text = "Client assertion failed signature validation. [Reason - The key was found, but signature failed.]"
            raise SignInRefusal(700027, text)
        if claims.get("iss") != application.client_id or claims.get("sub") != application.client_id:
            text = "Client assertion contains an invalid subject or issuer: both must be the client id."
            raise SignInRefusal(700021, text)
        if not self._is_ours(str(claims.get("aud"))):
            text = f"Client assertion audience claim does not match: '{claims.get('aud')}'."
            raise SignInRefusal(700023, text)

    def _is_ours(self, audience: str) -> bool:
        known = (f"/{self._tenant.tenant_id}/", f"/{self._tenant.domain}/")
        return any(part in audience for part in known)

    def _check_federation(self, assertion: str, application: Application) -> None:
        claims = read_claims(assertion)
        audiences = claims.get("aud") if isinstance(claims.get("aud"), list) else [claims.get("aud")]
        trusted = any(
            (one.issuer, one.subject) == (claims.get("iss"), claims.get("sub")) and set(one.audiences) & set(audiences)
            for one in application.federated
        )
        if not trusted:
            text = (
                f"No matching federated identity record found for presented assertion. Assertion Issuer: "
                f"'{claims.get('iss')}'. Assertion Subject: '{claims.get('sub')}'. Assertion Audience: '{claims.get('aud')}'."
            )
            raise SignInRefusal(70021, text)
        header = read_header(assertion)
        keys = self._tenant.issuers.get(str(claims.get("iss")), [])
        named = [key for key in keys if "kid" not in header or key.get("kid") == header["kid"]]
        if not any(_signed_by(_public_key(key), assertion, header.get("alg")) for key in named):
            raise SignInRefusal(700027, "Client assertion failed signature validation.")


def _named_certificate(header: Json, holders: Iterable[Holder]) -> Certificate | None:
    wanted = _thumbprint(header)
    for holder in holders:
        for certificate in holder.certificates:
            if wanted and wanted in {certificate.thumbprint_sha1, certificate.thumbprint_sha256}:
                return certificate
    return None


def _thumbprint(header: Json) -> str:
    # azure-identity 1.27 sends x5t#S256 in the standard alphabet with padding; decode_part takes every form.
    try:
        return decode_part(str(header.get("x5t#S256") or header.get("x5t") or "")).hex().upper()
    except ValueError:
        return ""


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
