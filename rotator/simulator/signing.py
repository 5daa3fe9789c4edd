"""How are access tokens signed, and how does the simulator know its own again?"""

import base64
import hmac
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from rotator.simulator.wire import Json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class Signer(Protocol):
    """Signs claims into a token, and reads them back from one that it signed."""

    def sign(self, claims: Json) -> str:
        """A signed JWT."""

    def verify(self, token: str) -> Json | None:
        """Its claims, or None when it was not signed by us."""

    def jwks(self, issuer: str) -> Json:
        """The public keys, as the discovery document's `jwks_uri` shows them."""


class RsaSigner:
    """RS256, as Entra signs: anyone may check it. Making a signature costs about a millisecond."""

    def __init__(self, key: "RSAPrivateKey | None" = None) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        self.key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self.key.public_key().public_numbers()
        self._jwk = {"kty": "RSA", "use": "sig", "n": _number(numbers.n), "e": _number(numbers.e)}
        self.key_id = _encode(sha256(json.dumps(self._jwk).encode()).digest())[:27]

    @classmethod
    def from_pem(cls, pem: bytes) -> "RsaSigner":
        """The signer with a key that was kept. Raises `ValueError` when it is no RSA key."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        # Kept by ourselves: to prove its primes again takes 40 ms.
        key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("the signing key is no RSA key")  # noqa: TRY004 - whoever reads files expects one kind
        return cls(key)

    def as_pem(self) -> bytes:
        """The private key, to keep."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, claims: Json) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        signed = _signed_part({"typ": "JWT", "alg": "RS256", "x5t": self.key_id, "kid": self.key_id}, claims)
        return f"{signed}.{_encode(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def verify(self, token: str) -> Json | None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        signed, _, signature = token.rpartition(".")
        try:
            self.key.public_key().verify(decode_part(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
            return read_claims(token)
        except (InvalidSignature, ValueError):
            return None

    def jwks(self, issuer: str) -> Json:
        return {"keys": [self._jwk | {"kid": self.key_id, "x5t": self.key_id, "alg": "RS256", "issuer": issuer}]}


class CheapSigner:
    """HS256 under a key that only the simulator has: for simulated years in which nobody else checks tokens."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, claims: Json) -> str:
        signed = _signed_part({"typ": "JWT", "alg": "HS256"}, claims)
        return f"{signed}.{_encode(self._mac(signed))}"

    def verify(self, token: str) -> Json | None:
        signed, _, signature = token.rpartition(".")
        try:
            genuine = hmac.compare_digest(decode_part(signature), self._mac(signed))
            return read_claims(token) if genuine else None
        except ValueError:
            return None

    def jwks(self, issuer: str) -> Json:
        return {"keys": [], "issuer": issuer}

    def _mac(self, signed: str) -> bytes:
        return hmac.digest(self._key, signed.encode(), "sha256")


def read_claims(token: str) -> Json:
    """The claims of a JWT, unchecked. Raises `ValueError`."""
    return _object(token, 1)


def read_header(token: str) -> Json:
    """The header of a JWT, unchecked. Raises `ValueError`."""
    return _object(token, 0)


def decode_part(text: str) -> bytes:
    """Base64, of either alphabet, with or without padding. Raises `ValueError`."""
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))


def _object(token: str, index: int) -> Json:
    parts = token.split(".")
    if len(parts) != 3:
        msg = "not a signed JWT"
        raise ValueError(msg)
    value = json.loads(decode_part(parts[index]))
    if not isinstance(value, dict):
        msg = "not a JSON object"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for whoever reads tokens
    return value


def _signed_part(header: Json, claims: Json) -> str:
    return f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))
