"""How does the server meet whoever knocks badly, and where does it listen?"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rotator.errors import AddressTaken, ConfigError
from rotator.simulator.certificates import authority_in
from rotator.web.server import Place
from tests.web.door import Door, open_door


async def raw(door: Door, *parts: bytes) -> bytes:
    """What the server answers to these bytes, until it closes."""
    host, _, port = door.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for part in parts:
        writer.write(part)
        await writer.drain()
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


async def test_every_answer_has_an_id_and_is_not_to_be_stored(door: Door) -> None:
    for path in ("/healthz", "/nowhere", "/api/v1/identities"):
        answer = await door.ask("GET", path)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"].startswith("req-")
        assert "server" not in answer.headers


async def test_a_refusal_has_the_form_that_clients_know(door: Door) -> None:
    refused = await door.ask("GET", "/nowhere")
    assert refused.json() == {
        "reqId": refused.headers["x-request-id"],
        "statusCode": 404,
        "message": "Route GET:/nowhere not found",
        "error": "NotFound",
    }


async def test_it_is_alive_whatever_is_wrong_and_ready_when_nothing_is(door: Door) -> None:
    assert (await door.ask("GET", "/readyz", token="")).status_code == 200
    door.trouble.append("stopping")
    answer = await door.ask("GET", "/readyz", token="")
    assert (answer.status_code, answer.json()) == (503, {"status": "stopping"})
    assert (await door.ask("GET", "/healthz", token="")).status_code == 200


async def test_what_can_be_asked_is_told_without_any_help_from_elsewhere(door: Door) -> None:
    page = await door.ask("GET", "/api/docs", token="")
    assert "/api/v1/auth/azure-auth/login" in page.text
    assert "http://" not in page.text.replace(door.address, "")
    assert "https://" not in page.text
    document = (await door.ask("GET", "/api/docs/openapi.json", token="")).json()
    assert "/api/v1/identities/{identity_id}" in document["paths"]


@pytest.mark.parametrize(
    ("send", "status"),
    [
        (lambda: {"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        (lambda: {"content": b"\xff\xfe", "headers": {"content-type": "application/json"}}, 400),
        (lambda: {"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}, 400),
        (lambda: {"content": b"x" * (1 << 20)}, 413),
        (lambda: {"json": []}, 422),
        (lambda: {"json": {"name": {"deep": []}, "role": 7}}, 422),
        (lambda: {"content": b""}, 422),
    ],
)
async def test_a_bad_body_is_refused_and_never_our_fault(
    door: Door, send: Callable[[], dict[str, object]], status: int
) -> None:
    answer = await door.ask("POST", "/api/v1/identities", **send())  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert set(answer.json()) >= {"reqId", "statusCode", "message", "error"}


async def test_a_body_in_chunks_is_bounded_too(door: Door) -> None:
    head = b"POST /api/v1/identities HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    assert (await raw(door, head, chunk * 5, b"0\r\n\r\n")).startswith(b"HTTP/1.1 413")


async def test_a_head_of_a_megabyte_is_refused(door: Door) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (1 << 20)
    try:
        answer = await raw(door, head)
    except ConnectionError:
        answer = b"HTTP/1.1 4xx, and the connection was closed before it was read"
    assert answer.startswith(b"HTTP/1.1 4")


async def test_what_is_no_http_is_refused(door: Door) -> None:
    assert (await raw(door, b"\x16\x03\x01\x00\x00junk\r\n\r\n")).startswith(b"HTTP/1.1 400")


async def test_a_client_that_sends_no_head_is_cut_off(tmp_path: Path) -> None:
    async with open_door(tmp_path, patience=0.05) as door:
        with contextlib.suppress(ConnectionResetError):
            assert await raw(door, b"GET /healthz HT") == b""


async def test_a_client_that_sends_half_a_body_is_told_off(tmp_path: Path) -> None:
    head = b"POST /api/v1/identities HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{"
    async with open_door(tmp_path, patience=0.05) as door:
        assert (await raw(door, head)).startswith(b"HTTP/1.1 408")


async def test_a_client_that_takes_no_answer_is_cut_off(tmp_path: Path) -> None:
    async with open_door(tmp_path, patience=0.05) as door:
        host, _, port = door.address.removeprefix("http://").partition(":")
        with socket.socket() as knocking:
            knocking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            knocking.connect((host, int(port)))
            knocking.sendall(b"GET /api/docs/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 400)
            gone = select.poll()
            gone.register(knocking, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
            assert await asyncio.to_thread(gone.poll, 20_000), "it is still there"


async def test_a_bug_of_ours_is_an_answer_without_a_traceback(door: Door) -> None:
    door.bugs.append(ZeroDivisionError("secret inside"))
    answer = await door.ask("GET", "/readyz")
    assert answer.status_code == 500
    assert "secret inside" not in answer.text
    assert answer.json()["reqId"] in answer.json()["message"]


async def test_an_address_that_is_taken_is_told_in_one_line(door: Door, tmp_path: Path) -> None:
    port = int(door.address.rpartition(":")[2])
    with pytest.raises(AddressTaken, match=rf"another process listens on 127.0.0.1:{port}"):
        await _opened(tmp_path / "second", Place("127.0.0.1", port))


async def test_a_certificate_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    for name in ("a.pem", "a.key"):
        (tmp_path / name).write_text("no certificate")
    place = Place("127.0.0.1", 0, tls=(str(tmp_path / "a.pem"), str(tmp_path / "a.key")))
    with pytest.raises(ConfigError, match=r"api\.tls: .* cannot be used"):
        await _opened(tmp_path / "second", place)


async def test_it_serves_over_tls(tmp_path: Path) -> None:
    authority = authority_in(tmp_path, now=datetime.now(UTC))
    place = Place("127.0.0.1", 0, tls=(str(authority.server_file), str(authority.server_file)))
    async with open_door(tmp_path, place=place, ca_file=str(authority.ca_file)) as door:
        assert door.address.startswith("https://127.0.0.1:")
        assert (await door.whoami(door.admin)).status_code == 200


async def test_it_serves_on_a_unix_socket_that_only_we_may_use(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    async with open_door(tmp_path, place=Place(path=str(path))) as door:
        assert (await door.whoami(door.admin)).status_code == 200
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


async def test_a_socket_left_by_a_dead_daemon_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    async with open_door(tmp_path, place=Place(path=str(path))) as door:
        assert (await door.whoami(door.admin)).status_code == 200


async def _opened(folder: Path, place: Place) -> None:
    await asyncio.to_thread(folder.mkdir)
    async with open_door(folder, place=place):
        raise AssertionError("it should not have begun")
