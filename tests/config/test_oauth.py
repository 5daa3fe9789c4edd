"""Is the application in whose name people sign in described so that Entra will know it again?"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rotator.entra.options import OAuthApplication
from rotator.references import ALLOW_LITERALS

CLIENT = "22222222-2222-4222-8222-222222222222"


def described(**changes: Any) -> OAuthApplication:
    plain = {"clientId": CLIENT, "clientSecret": "text", "redirectUri": "https://rotator.example/callback"}
    return OAuthApplication.model_validate({**plain, **changes}, context={ALLOW_LITERALS: True})


@pytest.mark.parametrize(
    "address",
    [
        "https://rotator.example/callback/",
        "https://rotator.example",
        "http://localhost:8400/",
        "http://127.0.0.1/a?b=c",
    ],
)
def test_a_redirect_address_is_kept_to_the_letter(address: str) -> None:
    assert described(redirectUri=address).redirect_uri == address


@pytest.mark.parametrize(
    "address",
    [
        "http://rotator.example/callback",
        "rotator.example",
        "https://",
        "",
        7,
        "https://[",
        "https://a b",
        "https://a/" * 99,
    ],
)
def test_what_entra_would_not_register_is_refused(address: object) -> None:
    with pytest.raises(ValidationError, match=r"an address such as https://rotator\.example/callback"):
        described(redirectUri=address)


def test_a_public_client_has_no_secret() -> None:
    assert described(clientSecret=None).client_secret is None
