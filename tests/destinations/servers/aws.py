"""How is AWS there on loopback? moto's server, behind the sockets and faults that all test servers share."""

from __future__ import annotations

import json
from typing import Any

from tests.destinations.servers.answering import Reply, Request, Server

REGION = "eu-north-1"
_ACCOUNT = "123456789012"


class Aws(Server):
    """Secrets Manager as moto keeps it, for one region; `values` and the like look at it from inside."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import create_backend_app
        from moto.secretsmanager.models import secretsmanager_backends
        from werkzeug.test import Client

        secretsmanager_backends.reset()
        self._client = Client(create_backend_app("secretsmanager"))
        self._backend: Any = secretsmanager_backends[_ACCOUNT][REGION]
        super().__init__(self._through)

    def _through(self, request: Request) -> Reply:
        headers = [(name, value) for name, value in request.headers.items() if name != "content-length"]
        got = self._client.open(request.path, method=request.method, headers=headers, data=request.body)
        kept = {name: value for name, value in got.headers.items() if name.lower().startswith("x-amz")}
        return Reply(got.status_code, got.get_data(), kept)

    def actions(self) -> list[str]:
        """What was asked for, in order."""
        return [request.headers["x-amz-target"].partition(".")[2] for request in self.requests]

    def current(self, name: str) -> dict[str, Any]:
        """What readers of the secret get; empty when there is none."""
        secret = self._backend.secrets.get(name)
        versions = secret.versions.values() if secret else ()
        texts = [each["secret_string"] for each in versions if "AWSCURRENT" in each["version_stages"]]
        assert len(texts) <= 1
        return dict(json.loads(texts[0])) if texts else {}

    def versions(self, name: str) -> dict[str, list[str]]:
        """Version -> its labels."""
        secret = self._backend.secrets.get(name)
        return {each: sorted(of["version_stages"]) for each, of in secret.versions.items()} if secret else {}

    def put(self, name: str, content: dict[str, Any] | str) -> None:
        """A stranger makes this the current version."""
        text = content if isinstance(content, str) else json.dumps(content)
        if name not in self._backend.secrets:
            self._backend.create_secret(name, text, None, "", [], None, None, [], force_overwrite=False)
            return
        old = next((each for each, labels in self.versions(name).items() if "AWSCURRENT" in labels), "")
        made = json.loads(self._backend.put_secret_value(name, text, None, None, ["STRANGER"]))["VersionId"]
        self._backend.update_secret_version_stage(name, "AWSCURRENT", old, made)

    def delete(self, name: str) -> None:
        """A stranger has it deleted in a week."""
        self._backend.delete_secret(name, 7, force_delete_without_recovery=False)
