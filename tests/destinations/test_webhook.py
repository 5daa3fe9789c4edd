"""What does a receiver get, how does it know us, and what comes of its answers?"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.clock import SystemClock
from rotator.destinations.signing import Unusable, signed
from rotator.domain.model import Secret
from rotator.errors import DestinationRefused, DestinationUnavailable
from tests.destinations.places import FIRST, SECOND, Place, a_parcel, a_place
from tests.destinations.places_handed import KEY, Receiver, WebhookPlace
from tests.destinations.servers.answering import Fault, Reply, authority
from tests.fakes import START


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[WebhookPlace]:
    async with a_place("webhook", tmp_path).living() as living:
        assert isinstance(living, WebhookPlace)
        yield living


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the specification, in other hands: libraries verify the same three headers."""
    key = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"event_type":"ping","data":{"success":true}}'
    headers = signed(body, key, message_id="msg_loFOjxBNrRLzqYUf", at=START)
    again = signed(body, key, message_id="msg_loFOjxBNrRLzqYUf", at=START)
    assert headers == again
    assert headers["webhook-timestamp"] == str(int(START.timestamp()))
    assert signed(body + b" ", key, message_id="msg_loFOjxBNrRLzqYUf", at=START) != headers


def test_a_published_message_is_signed_as_published() -> None:
    """From the reference libraries of Standard Webhooks."""
    from datetime import UTC, datetime

    headers = signed(
        b'{"test": 2432232314}',
        Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1614265330, UTC),
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("key", ["short", "whsec_short", "whsec_&&&&"])
def test_a_key_that_could_be_guessed_is_refused(key: str) -> None:
    with pytest.raises(Unusable):
        signed(b"", Secret(key), message_id="1", at=START)


async def test_the_text_is_left_out_unless_the_definition_asks_for_it(place: WebhookPlace) -> None:
    place.server.faults = [Fault(reply=Reply(204))]
    await place.open(includeSecret=False, readBack=False).write(a_parcel(), over=None)
    (told,) = (request.json for request in place.server.requests)
    assert FIRST not in json.dumps(told)
    assert told["type"] == "credential.write"
    assert told["data"]["keyId"] == "key-1"
    assert "secrets" not in told["data"]


async def test_every_try_of_one_delivery_bears_the_same_id(place: WebhookPlace) -> None:
    place.server.faults = [Fault(reply=Reply(503), times=1), Fault(reply=Reply(204))]
    with pytest.raises(DestinationUnavailable):
        await place.open(readBack=False).write(a_parcel(), over=None)
    await place.open(readBack=False).write(a_parcel(), over=None)
    await place.open(readBack=False).write(a_parcel(SECOND, "key-2"), over=None)
    first, again, other = (request.headers["webhook-id"] for request in place.server.requests)
    assert first == again != other


async def test_a_receiver_that_gets_an_old_message_knows_it(place: WebhookPlace) -> None:
    place.server.faults = [Fault(reply=Reply(204))]
    await place.open(readBack=False).write(a_parcel(), over=None)
    (request,) = place.server.requests
    assert place.server.genuine(request)
    place.server.now += 301
    assert not place.server.genuine(request)


async def test_check_posts_nothing_and_takes_any_answer_but_a_refusal(place: WebhookPlace) -> None:
    for status in (204, 404, 405, 501):
        place.server.faults = [Fault(reply=Reply(status), times=1)]
        await place.open().check()
    assert {method for method, _ in place.server.asked} == {"OPTIONS"}
    for status, error in ((403, DestinationRefused), (503, DestinationUnavailable), (302, DestinationRefused)):
        place.server.faults = [Fault(reply=Reply(status), times=1)]
        with pytest.raises(error):
            await place.open().check()


async def test_a_receiver_that_quotes_the_secret_is_not_quoted(place: WebhookPlace) -> None:
    place.server.faults = [Fault(reply=Reply(422, {"error": "bad", "message": "I do not like other~text"}))]
    with pytest.raises(DestinationRefused, match="I do not like") as caught:
        await place.open(readBack=False).write(a_parcel("other~text"), over=None)
    assert "other~text" not in str(caught.value)


async def test_a_key_that_is_not_there_is_told_before_anything_is_sent(place: WebhookPlace) -> None:
    place.key_file.unlink()
    with pytest.raises(DestinationRefused, match="hmac cannot be read"):
        await place.open().read()
    place.key_file.write_text("short")
    with pytest.raises(DestinationRefused, match="fewer than 24 bytes"):
        await place.open().read()
    assert place.server.asked == []


async def test_over_tls_both_sides_show_a_certificate(tmp_path: Path) -> None:
    place = a_place("webhook", tmp_path)
    assert isinstance(place, WebhookPlace)
    place.key_file = tmp_path / "hmac"
    place.key_file.write_text(f"whsec_{KEY}")
    place.server = Receiver(now=place.clock.now().timestamp())
    context = authority().server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(a_certificate(tmp_path / "client.pem"))
    async with place.server.listening(context):
        trusted: dict[str, Any] = {"caFile": str(authority().ca_file)}
        with pytest.raises(DestinationUnavailable):
            await place.open(**trusted).read()
        await writes(place, clientCertificate=str(tmp_path / "client.pem"), **trusted)
        with pytest.raises(DestinationUnavailable, match="caFile"):
            await place.open(clientCertificate=str(tmp_path / "client.pem")).read()


def a_certificate(path: Path) -> Path:
    """One that vouches for itself, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), SystemClock().now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rotator")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now - timedelta(days=1), now + timedelta(days=1))
    made = builder.sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return path


async def writes(place: Place, **options: Any) -> None:
    destination = place.open(**options)
    written = await destination.write(a_parcel(), over=None)
    await destination.close()
    assert written.marker == a_parcel().marker


async def test_a_certificate_that_cannot_be_used_is_told_without_asking_for_a_passphrase(place: WebhookPlace) -> None:
    for name, content in (("none.pem", None), ("bad.pem", "no certificate")):
        path = place.folder / name
        if content:
            path.write_text(content)
        with pytest.raises(DestinationRefused, match=name):
            await place.open(clientCertificate=str(path)).read()
