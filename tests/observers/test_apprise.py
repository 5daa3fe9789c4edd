"""Does a message reach a service by way of Apprise, and does one that hangs, fails or redirects cost only itself?"""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from rotator.domain.model import Secret
from rotator.domain.notices import Kind, Notice
from rotator.observers.apprise import AppriseChannel
from rotator.observers.post import Unsent
from rotator.references import SecretMissing
from tests.fakes import START
from tests.observers.test_channels import NOTICE, TEXT, Receiver


def url(address: str, **more: str) -> str:
    """As Apprise writes the address of something that takes JSON."""
    query = "&".join(f"{name}={value}" for name, value in more.items())
    return address.replace("http://", "json://user:hidden@") + (f"?{query}" if query else "")


async def sent(address: str, *notices: Notice, patience: float = 10) -> None:
    channel = AppriseChannel("here", lambda: Secret(address), patience=patience)
    await channel.send(notices or [NOTICE], 3)


async def test_a_service_gets_the_lines_a_title_and_how_bad_it_is() -> None:
    with closing(Receiver()) as receiver:
        await sent(url(receiver.address))
        await sent(url(receiver.address), Notice(Kind.RECOVERY, "billing", START, "well"))

    bodies = [body.decode() for _, _, body in receiver.bodies]
    assert '"title": "rotator: 4 notices: failed"' in bodies[0]
    assert "billing: failed: refused <***> & *left*" in bodies[0]
    assert "and 3 more" in bodies[0]
    assert ['"type": "failure"' in bodies[0], '"type": "success"' in bodies[1]] == [True, True]
    assert TEXT not in "".join(bodies)


@pytest.mark.parametrize("status", [404, 500])
async def test_a_service_that_answers_otherwise_is_told_by_its_name_and_tried_again(status: int) -> None:
    with closing(Receiver(status)) as receiver, pytest.raises(Unsent, match=r"^JSON did not take it$") as told:
        await sent(url(receiver.address))
    assert not told.value.for_good


async def test_a_redirect_is_not_followed_whatever_the_address_says() -> None:
    with closing(Receiver()) as inner, closing(Receiver(302, location=inner.address)) as outer:
        with pytest.raises(Unsent, match="did not take it"):
            await sent(url(outer.address, redirect="yes"))
        assert inner.bodies == []


async def test_a_service_that_hangs_is_left_and_gets_no_second_message_meanwhile() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = url(f"http://127.0.0.1:{silent.getsockname()[1]}/secret-path", rto="20")
        channel = AppriseChannel("here", lambda: Secret(address), patience=2)
        with pytest.raises(Unsent, match="no answer in time") as told:
            await channel.send([NOTICE], 0)
        assert not told.value.for_good
        with pytest.raises(Unsent, match="still at the message before"):
            await channel.send([NOTICE], 0)


@pytest.mark.parametrize("address", ["nonsense", "pigeon://hidden@here", "json://", ""])
async def test_an_address_that_apprise_does_not_know_is_told_without_showing_it(address: str) -> None:
    with pytest.raises(Unsent, match=r"^its address is not one that apprise knows$") as told:
        await sent(address)
    assert told.value.for_good


async def test_a_secret_that_is_not_there_is_waited_for() -> None:
    def missing() -> Secret:
        raise SecretMissing("variable X is not set")

    with pytest.raises(Unsent, match="variable X is not set") as told:
        await AppriseChannel("here", missing).send([NOTICE], 0)
    assert not told.value.for_good
