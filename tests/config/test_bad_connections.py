"""What does each mistake in a connection say? One line: where, what is wrong, what is allowed."""

from __future__ import annotations

import pytest

from tests.config.writing import CONNECTION, OURS, TENANT, Folder

DAYS = "a whole number from 1 to 3650 days"
LATER = "known, but not available in this version (leave it out)"
NAMES = "1 to 256 visible characters without ':' and '/'"
SECRET = "{env: NAME}, {file: PATH} or {credential: NAME}"
SLUG = "1 to 64 of a-z, 0-9 and '-', not beginning or ending with '-'"
URL = "sqlite:///PATH; four slashes before an absolute path"

CONNECTIONS = {
    "no method": (
        "{name: a}",
        (
            "connections[0].method: missing"
            " (client-secret | certificate | managed-identity | workload-identity | azure-cli | oauth)"
        ),
    ),
    "a person without a refresh token": (
        f"{{name: a, method: oauth, credentials: {{tenantId: {TENANT}, clientId: {TENANT}}}}}",
        "connections[0].credentials.refreshToken: missing (required)",
    ),
    "a refresh token in the file": (
        f"{{name: a, method: oauth, credentials: {{tenantId: {TENANT}, clientId: {TENANT}, refreshToken: 1.AX}}}}",
        (
            "connections[0].credentials.refreshToken: a secret is not written here"
            " ({env: NAME}, {file: PATH} or {credential: NAME}; --allow-literal-secrets for a trial)"
        ),
    ),
    "a person whose own secret is to be rotated": (
        (
            f"{{name: a, method: oauth, credentials: {{tenantId: {TENANT}, clientId: {TENANT},"
            " refreshToken: {env: HOME}}, isAutoRotationEnabled: true, rotation: {rotationInterval: 30}}"
        ),
        "connections[0].isAutoRotationEnabled: true is not allowed with method oauth (client-secret)",
    ),
    "no credentials": ("{name: a, method: azure-cli}", "connections[0].credentials: missing (required)"),
    "a tenant by name": (
        "{name: a, method: azure-cli, credentials: {tenantId: contoso.com}}",
        (
            "connections[0].credentials.tenantId: 'contoso.com' is not allowed"
            " (an id such as 00000000-0000-4000-8000-000000000000)"
        ),
    ),
    "a credential of another method": (
        f"{{name: a, method: azure-cli, credentials: {{tenantId: {TENANT}, clientSecret: {{env: X}}}}}}",
        "connections[0].credentials.clientSecret: unknown key (tenantId)",
    ),
    "a name in capitals": (
        f"{{name: Contoso, method: azure-cli, credentials: {{tenantId: {TENANT}}}}}",
        f"connections[0].name: 'Contoso' is not allowed ({SLUG})",
    ),
    "an unknown cloud": (
        f"{{name: a, method: azure-cli, cloud: mars, credentials: {{tenantId: {TENANT}}}}}",
        "connections[0].cloud: 'mars' is not a cloud (public | usgov | usgov-dod | china; others by name under clouds)",
    ),
    "rotating what has no secret": (
        (
            f"{{name: a, method: azure-cli, credentials: {{tenantId: {TENANT}}}, isAutoRotationEnabled: true,"
            " rotation: {rotationInterval: 30}}"
        ),
        "connections[0].isAutoRotationEnabled: true is not allowed with method azure-cli (client-secret)",
    ),
    "a long interval for an own secret": (
        f"{{name: a, method: azure-cli, credentials: {{tenantId: {TENANT}}}, rotation: {{rotationInterval: 366}}}}",
        "connections[0].rotation.rotationInterval: 366 is not allowed (a whole number from 1 to 365 days)",
    ),
    "a secret named in two ways": (
        (
            f"{{name: a, method: client-secret, credentials: {{tenantId: {TENANT}, clientId: {OURS},"
            " clientSecret: {env: X, file: y}}}"
        ),
        f"connections[0].credentials.clientSecret: a secret is named in exactly one way ({SECRET})",
    ),
}


@pytest.mark.parametrize("case", CONNECTIONS)
def test_a_mistake_in_a_connection_is_one_line_that_says_what_is_allowed(folder: Folder, case: str) -> None:
    text, line = CONNECTIONS[case]

    problems = folder.problems(f"connections: [{text}]")

    assert [problem.split(": ", 1)[1] for problem in problems] == [line]
    assert problems[0].startswith("config.yaml:1:")


def test_automatic_rotation_of_a_connection_needs_an_interval(folder: Folder) -> None:
    text = CONNECTION.replace("rotations:\n", "    isAutoRotationEnabled: true\n")

    assert folder.problems(text) == [
        (
            "config.yaml:3:5: connections[0].rotation: missing"
            " (required with isAutoRotationEnabled: {rotationInterval: DAYS})"
        ),
    ]
