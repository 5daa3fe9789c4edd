"""How does Graph write applications, service principals and their credentials?"""

import base64
from datetime import datetime

from rotator.simulator.model import Application, Certificate, FederatedCredential, Password, ServicePrincipal
from rotator.simulator.passwords import DEFAULT_LIFETIME
from rotator.simulator.wire import Json, graph_time, stamp_time


def application_json(application: Application, at: datetime) -> Json:
    """An application as a read of the state at that moment shows it."""
    return {
        "id": application.object_id,
        "deletedDateTime": None,
        "appId": application.client_id,
        "applicationTemplateId": None,
        "disabledByMicrosoftStatus": None,
        "createdDateTime": stamp_time(application.created_at),
        "displayName": application.display_name,
        "description": None,
        "groupMembershipClaims": None,
        "identifierUris": application.identifier_uris,
        "isFallbackPublicClient": None,
        "notes": None,
        "publisherDomain": "simulated.onmicrosoft.com",
        "signInAudience": application.audience,
        "tags": [],
        "tokenEncryptionKeyId": None,
        "addIns": [],
        "api": {
            "acceptMappedClaims": None,
            "knownClientApplications": [],
            "requestedAccessTokenVersion": application.token_version,
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
        },
        "appRoles": [],
        "keyCredentials": [certificate_json(one) for one in application.certificates],
        "passwordCredentials": [password_json(one) for one in application.passwords if one.listed(at)],
        "requiredResourceAccess": [],
        "web": {"homePageUrl": None, "logoutUrl": None, "redirectUris": []},
    }


def principal_json(principal: ServicePrincipal, at: datetime, *, tenant_id: str) -> Json:
    """A service principal as a read of the state at that moment shows it."""
    return {
        "id": principal.object_id,
        "deletedDateTime": None,
        "accountEnabled": principal.enabled,
        "alternativeNames": [],
        "appDisplayName": principal.display_name,
        "appId": principal.client_id,
        "appOwnerOrganizationId": tenant_id,
        "appRoleAssignmentRequired": False,
        "createdDateTime": stamp_time(principal.created_at),
        "displayName": principal.display_name,
        "servicePrincipalNames": [principal.client_id],
        "servicePrincipalType": "Application",
        "signInAudience": "AzureADMyOrg",
        "tags": [],
        "appRoles": [],
        "keyCredentials": [certificate_json(one) for one in principal.certificates],
        "passwordCredentials": [password_json(one) for one in principal.passwords if one.listed(at)],
    }


def password_json(password: Password, text: str | None = None) -> Json:
    """A password credential; its text only in the answer that made it."""
    stamped = password.starts_at == password.created_at
    defaulted = stamped and password.expires_at - password.starts_at == DEFAULT_LIFETIME
    return {
        "customKeyIdentifier": None,
        "displayName": password.display_name,
        "endDateTime": stamp_time(password.expires_at) if defaulted else graph_time(password.expires_at),
        "hint": password.hint,
        "keyId": password.key_id,
        "secretText": text,
        "startDateTime": stamp_time(password.starts_at) if stamped else graph_time(password.starts_at),
    }


def certificate_json(certificate: Certificate) -> Json:
    """A key credential, without its public key, as lists show it."""
    return {
        "customKeyIdentifier": certificate.thumbprint_sha1,
        "displayName": certificate.display_name,
        "endDateTime": graph_time(certificate.expires_at),
        "key": None,
        "keyId": certificate.key_id,
        "startDateTime": graph_time(certificate.starts_at),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }


def federated_json(credential: FederatedCredential) -> Json:
    """A federated identity credential."""
    return {
        "id": credential.credential_id,
        "name": credential.name,
        "issuer": credential.issuer,
        "subject": credential.subject,
        "description": "",
        "audiences": credential.audiences,
    }


def read_certificate(key_id: str, entry: Json) -> Certificate:
    """A certificate out of a `keyCredentials` entry that carries its `key`. Raises `ValueError`, `KeyError`."""
    der = base64.b64decode(entry["key"])
    return certificate_from(der, key_id, entry.get("displayName"))


def certificate_from(der: bytes, key_id: str, display_name: str | None = None) -> Certificate:
    """A certificate out of its DER, or PEM as the Azure CLI sends it, bytes. Raises `ValueError`."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

    pem = der.lstrip().startswith(b"-----BEGIN")
    certificate = load_pem_x509_certificate(der) if pem else load_der_x509_certificate(der)
    return Certificate(
        key_id=key_id,
        display_name=display_name,
        starts_at=certificate.not_valid_before_utc,
        expires_at=certificate.not_valid_after_utc,
        der=certificate.public_bytes(Encoding.DER),
        thumbprint_sha1=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - Entra's name for it, no security
        thumbprint_sha256=certificate.fingerprint(hashes.SHA256()).hex().upper(),
    )
