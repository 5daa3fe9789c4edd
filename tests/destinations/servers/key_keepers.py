"""What do Key Vault and Vault's transit engine answer about a key that stays with them?"""

from __future__ import annotations

import base64
import secrets

from tests.destinations.servers.answering import Reply, Request, Server

TOKEN = "a-token"


class KeyVault(Server):
    """A vault with one key, and the platform's identity beside it: TLS for the one, plain HTTP for the other."""

    def __init__(self) -> None:
        super().__init__(self._replied)
        self.versions = ["v1"]
        self.wrapped: dict[str, str] = {}

    def _replied(self, request: Request) -> Reply:
        if request.path == "/metadata/identity/oauth2/token":
            well = request.headers.get("metadata") == "true"
            return Reply(200, {"access_token": TOKEN}) if well else Reply(400, {"error": "invalid_request"})
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply(401, {"error": {"code": "Unauthorized", "message": "who are you"}})
        version = request.path.split("/")[3] if request.path.count("/") == 4 else self.versions[-1]
        assert request.json["alg"] == "RSA-OAEP-256"
        if request.path.endswith("/wrapkey"):
            text = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()
            self.wrapped[f"{version}:{text}"] = request.json["value"]
            return Reply(200, {"kid": f"{self.url}/keys/rotator/{version}", "value": text})
        plain = self.wrapped.get(f"{version}:{request.json['value']}")
        if plain is None:
            return Reply(400, {"error": {"code": "BadParameter", "message": "it does not open"}})
        return Reply(200, {"kid": "x", "value": plain})


class TransitServer(Server):
    """A transit engine with one key."""

    def __init__(self) -> None:
        super().__init__(self._replied)
        self.kept: dict[str, str] = {}

    def _replied(self, request: Request) -> Reply:
        if request.headers.get("x-vault-token") != TOKEN:
            return Reply(403, {"errors": ["permission denied"]})
        if request.path == "/v1/auth/token/lookup-self":
            return Reply(200, {"data": {"ttl": 3600}})
        if request.path == "/v1/transit/encrypt/rotator":
            text = f"vault:v1:{secrets.token_hex(8)}"
            self.kept[text] = request.json["plaintext"]
            return Reply(200, {"data": {"ciphertext": text}})
        plain = self.kept.get(request.json["ciphertext"])
        return Reply(200, {"data": {"plaintext": plain}}) if plain else Reply(400, {"errors": ["invalid ciphertext"]})
