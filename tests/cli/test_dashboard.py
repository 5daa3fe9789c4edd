"""Does `rotator dashboard` let a person in, and out again?"""

from __future__ import annotations

import socket

import httpx

from tests.cli.workspace import Workspace
from tests.web.asking import NOBODY


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def test_a_link_from_the_host_opens_the_pages_until_the_host_ends_it(workspace: Workspace) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    workspace.document["api"] = {"listen": address.removeprefix("http://")}
    started = workspace.daemon()
    try:
        started.wait_for_log("the API listens")
        made = workspace.rotator("dashboard", "link")
        (link,) = made.out.split()
        assert link.startswith(f"{address}/sign-in?link=")
        with httpx.Client(verify=NOBODY, trust_env=False, timeout=20) as browser:
            page = browser.get(link)
            assert page.status_code == 200
            entered = browser.post(f"{address}/sign-in", data={"link": link.partition("link=")[2]})
            assert entered.status_code == 303
            assert "dashboard" in browser.get(f"{address}/").text
            assert workspace.rotator("dashboard", "sign-out").out == "dashboard: signed out\n"
            assert browser.get(f"{address}/").status_code == 303
    finally:
        started.close()


def test_a_link_can_be_of_another_identity_and_for_another_address(workspace: Workspace) -> None:
    workspace.document["api"] = {"listen": "127.0.0.1:0"}
    workspace.rotator("run", "--once")
    unknown = workspace.rotator("dashboard", "link", "--as", "anna", "--address", "https://rotator.example.com/")
    assert (unknown.status, unknown.out) == (2, "")
    assert "there is no identity 'anna'" in unknown.err
    workspace.rotator("identity", "create", "anna", "--role", "reader", "--project", "payments")
    made = workspace.rotator("dashboard", "link", "--as", "anna", "--address", "https://rotator.example.com/")
    assert made.out.startswith("https://rotator.example.com/sign-in?link=")


def test_a_link_bears_the_address_that_is_configured(workspace: Workspace) -> None:
    workspace.document |= {"api": {"listen": "127.0.0.1:0"}, "dashboard": {"address": "https://rotator.example.com/"}}
    workspace.rotator("run", "--once")
    assert workspace.rotator("dashboard", "link").out.startswith("https://rotator.example.com/sign-in?link=")
    other = workspace.rotator("dashboard", "link", "--address", "http://localhost:8780")
    assert other.out.startswith("http://localhost:8780/sign-in?link=")


def test_without_an_address_that_browsers_reach_it_asks_for_one(workspace: Workspace) -> None:
    for listen, said in (("off", "api.listen is off"), ("127.0.0.1:0", "--address URL"), ("unix:x.sock", "--address")):
        workspace.document["api"] = {"listen": listen}
        refused = workspace.rotator("dashboard", "link")
        assert (refused.status, refused.out) == (2, "")
        assert said in refused.err
    refused = workspace.rotator("dashboard", "link", "--address", "rotator.example.com")
    assert (refused.status, refused.out) == (2, "")
