"""How does a message get to Slack, Teams, an address of one's own or a mailbox? Redirects are not followed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rotator.domain.notices import Notice
from rotator.errors import RotatorError
from rotator.observers import wording
from rotator.observers.apart import Apart
from rotator.observers.post import Unsent
from rotator.trouble import NO_ANSWER, described

if TYPE_CHECKING:
    import smtplib
    import ssl

    import httpx

    from rotator.domain.model import Secret

#: Seconds for one message, its connection included.
PATIENCE = 15.0
_AGAIN = frozenset({408, 425, 429})
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})

Wording = Callable[[Sequence[Notice], int], Mapping[str, Any]]
#: The headers that let a receiver know that a body is ours.
Sign = Callable[[bytes], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class HttpChannel:
    """Posts JSON. The address is read anew for each message; whoever knows it may write there, so it is a secret."""

    name: str
    address: Callable[[], str]
    wording: Wording
    client: Callable[[], httpx.AsyncClient]
    sign: Sign | None = None

    async def send(self, notices: Sequence[Notice], more: int) -> None:
        """One request; raises Unsent in words without the address."""
        body = json.dumps(self.wording(notices, more)).encode()
        try:
            address = self._address()
            headers = {"Content-Type": "application/json", **(self.sign(body) if self.sign else {})}
        except RotatorError as problem:
            raise Unsent(str(problem)) from None
        status = await self._posted(address, body, headers)
        if 200 <= status < 300:
            return
        moved = "; it redirects, which is not followed" if 300 <= status < 400 else ""
        raise Unsent(f"it answered {status}{moved}", for_good=status < 500 and status not in _AGAIN)

    async def _posted(self, address: str, body: bytes, headers: Mapping[str, str]) -> int:
        host = urlsplit(address).hostname or ""
        try:
            async with asyncio.timeout(PATIENCE):
                # Only the status: however much the answer holds, it is not read.
                async with self.client().stream("POST", address, content=body, headers=headers) as answer:
                    return answer.status_code
        except NO_ANSWER as problem:
            why = described(problem, host)
        raise Unsent(why)

    def _address(self) -> str:
        address = self.address().strip()
        try:
            parts = urlsplit(address)
            safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
        except ValueError:
            safe = False
        if not safe:
            raise Unsent("its address is not one with https", for_good=True)
        return address


@dataclass(frozen=True, slots=True)
class Mailbox:
    """How mail is handed in. `security`: starttls, tls, or none."""

    host: str
    port: int
    security: str
    sender: str
    to: Sequence[str]
    context: Callable[[], ssl.SSLContext]
    username: str = ""
    password: Callable[[], Secret] | None = None


@dataclass(frozen=True, slots=True)
class MailChannel:
    """Hands mail to a server, in a thread: a server that hangs holds up nothing but its own channel."""

    name: str
    mailbox: Mailbox
    patience: float = PATIENCE
    _apart: Apart = field(default_factory=Apart, init=False)

    async def send(self, notices: Sequence[Notice], more: int) -> None:
        """One mail to all; raises Unsent."""
        message = EmailMessage()
        message["Subject"] = f"rotator: {wording.subject(notices, more)}"
        message["From"], message["To"] = self.mailbox.sender, ", ".join(self.mailbox.to)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n\n".join(wording.lines(notices, more)) + "\n")
        await self._apart.hand_in(partial(_handed_in, self.mailbox, message), self.patience)


def _handed_in(mailbox: Mailbox, message: EmailMessage) -> Unsent | None:
    import smtplib

    try:
        with _connected(mailbox) as server:
            if mailbox.security == "starttls":
                server.starttls(context=mailbox.context())
            if mailbox.password is not None:
                server.login(mailbox.username, mailbox.password().reveal())
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused:
        return Unsent("the server refuses the recipients", for_good=True)
    except smtplib.SMTPResponseException as problem:
        # Its text may quote what we sent.
        return Unsent(f"the server answered {problem.smtp_code}", for_good=problem.smtp_code >= 500)
    except RotatorError as problem:
        return Unsent(str(problem))
    except (OSError, smtplib.SMTPException) as problem:
        return Unsent(f"no mail was taken ({mailbox.host}: {type(problem).__name__})")
    return None


def _connected(mailbox: Mailbox) -> smtplib.SMTP:
    import smtplib

    if mailbox.security == "tls":
        return smtplib.SMTP_SSL(mailbox.host, mailbox.port, timeout=PATIENCE, context=mailbox.context())
    return smtplib.SMTP(mailbox.host, mailbox.port, timeout=PATIENCE)
