"""Where is a cluster's API server, who vouches for it, and who are we there? As the pod, or by a kubeconfig."""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rotator.domain.model import Secret
from rotator.errors import RotatorError

#: Where Kubernetes puts what a pod needs to speak to its own cluster.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_NOT_IN_A_POD = "Run in a pod with a service account, or name a kubeconfig at this destination"


class AccessUnusable(RotatorError):
    """What the pod or the kubeconfig offers cannot be used."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one cluster. Files are read when they are used, since tokens in them are replaced all the time."""

    server: str
    namespace: str = "default"
    #: The authority of the server's certificate, PEM; empty: the usual ones.
    authority: str = ""
    #: Another name that the certificate is for.
    server_name: str = ""
    token_file: Path | None = None
    given_token: Secret | None = None
    certificate: str = field(default="", repr=False)
    key: Secret | None = None

    def token(self) -> Secret | None:
        """What proves who we are, as it stands now; None with a certificate. Raises AccessUnusable."""
        if self.token_file is None:
            return self.given_token
        text = text_of(self.token_file).strip()
        if not text:
            raise AccessUnusable(f"{self.token_file} is empty")
        return Secret(text)

    def context(self, usual: Callable[[], ssl.SSLContext]) -> ssl.SSLContext | None:
        """TLS with that authority alone and our certificate; None where the usual will do. Raises AccessUnusable."""
        if not self.authority and self.key is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if self.authority else usual()
        try:
            if self.authority:
                context.load_verify_locations(cadata=self.authority)
            if self.key is not None:
                _load(context, self.certificate, self.key)
        except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
            raise AccessUnusable("a certificate or key cannot be used (PEM is needed)") from exc
        return context


def in_cluster(environment: Mapping[str, str], account: Path = ACCOUNT) -> Access:
    """As the pod's service account. Raises AccessUnusable where there is none."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise AccessUnusable("variable KUBERNETES_SERVICE_HOST is not set", hint=_NOT_IN_A_POD)
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    namespace = text_of(account / "namespace").strip() or "default"
    return Access(server, namespace, text_of(account / "ca.crt"), token_file=account / "token")


def of_kubeconfig(path: Path, context: str = "") -> Access:
    """As the context of that name says, else the current one. Raises AccessUnusable."""
    document = _document(path)
    name = context or document.get("current-context")
    chosen = _named(document, "contexts", "context", name, path)
    cluster = _named(document, "clusters", "cluster", chosen.get("cluster"), path)
    user = _named(document, "users", "user", chosen.get("user"), path) if chosen.get("user") else {}
    _refuse_unsupported(cluster, user, path)
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith(("https://", "http://")):
        raise AccessUnusable(f"{path}: cluster {chosen.get('cluster')!r} has no server")
    key = _pem(user, "client-key", path)
    token = user.get("token")
    return Access(
        server.rstrip("/"),
        str(chosen.get("namespace") or "default"),
        _pem(cluster, "certificate-authority", path),
        server_name=str(cluster.get("tls-server-name") or ""),
        token_file=path.parent / str(user["tokenFile"]) if user.get("tokenFile") else None,
        given_token=Secret(token) if isinstance(token, str) and token else None,
        certificate=_pem(user, "client-certificate", path),
        key=Secret(key) if key else None,
    )


def text_of(path: Path) -> str:
    """What is in a file. Raises AccessUnusable."""
    try:
        return path.read_text("utf-8")
    except OSError as exc:
        raise AccessUnusable(f"{path} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise AccessUnusable(f"{path} is not text") from None


def _refuse_unsupported(cluster: Mapping[str, Any], user: Mapping[str, Any], path: Path) -> None:
    """Name what would otherwise be passed over in silence."""
    hints = {
        "insecure-skip-tls-verify": "Give the cluster's certificate-authority instead",
        "proxy-url": "Use network.proxy instead",
        "exec": "Use a token, a tokenFile or a client-certificate instead",
        "auth-provider": "Use a token, a tokenFile or a client-certificate instead",
        "username": "Use a token, a tokenFile or a client-certificate instead",
        "as": "Grant the rights to the user itself",
    }
    for option, hint in hints.items():
        if cluster.get(option) or user.get(option):
            raise AccessUnusable(f"{path}: {option} is not supported", hint=hint)


def _document(path: Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(text_of(path))
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict):
        raise AccessUnusable(f"{path} is not a kubeconfig")
    return document


def _named(document: Mapping[str, Any], rows: str, kind: str, name: object, path: Path) -> dict[str, Any]:
    for row in document.get(rows) or []:
        if isinstance(row, dict) and row.get("name") == name and isinstance(row.get(kind), dict):
            return dict(row[kind])
    hint = "Name one with context" if kind == "context" else ""
    raise AccessUnusable(f"{path}: there is no {kind} {name!r}" if name else f"{path}: no {kind} is chosen", hint=hint)


def _pem(block: Mapping[str, Any], option: str, path: Path) -> str:
    """From `option`-data in base64, or from the file that `option` names, relative to the kubeconfig."""
    data, file = block.get(f"{option}-data"), block.get(option)
    if isinstance(data, str) and data:
        try:
            return base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise AccessUnusable(f"{path}: {option}-data is not base64 of PEM") from None
    return text_of(path.parent / str(file)) if file else ""


def _load(context: ssl.SSLContext, certificate: str, key: Secret) -> None:
    """OpenSSL takes a certificate and its key from a file only: one that nobody else may read, gone at once."""
    with tempfile.NamedTemporaryFile("w", prefix="rotator-") as file:
        file.write(f"{certificate}\n{key.reveal()}\n")
        file.flush()
        context.load_cert_chain(file.name)
