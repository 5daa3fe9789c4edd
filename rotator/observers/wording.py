"""How does a message look to Slack, to Teams, in a mail and to a program? Without any secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from rotator.domain.notices import Kind, Notice
from rotator.redaction import redact_text

_LONGEST = 1024
_WORDS = {
    Kind.FAILURE: "failed",
    Kind.RECOVERY: "well again",
    Kind.EXPIRING: "expiring",
    Kind.OVERDUE: "overdue",
    Kind.ORPHAN: "orphan found",
    Kind.DRIFT: "drift",
    Kind.COMPROMISED: "compromised",
    Kind.SUCCESS: "rotated",
}


def subject(notices: Sequence[Notice], more: int) -> str:
    """One line for all of it."""
    first = notices[0]
    if len(notices) + more == 1:
        return f"{first.rotation}: {_WORDS[first.kind]}"
    count = len(notices) + more
    words = ", ".join(dict.fromkeys(_WORDS[notice.kind] for notice in notices))
    return f"{count} notices: {words}"


def lines(notices: Sequence[Notice], more: int) -> list[str]:
    """A line for each, and one for those that are not told."""
    told = [_line(notice) for notice in notices]
    return [*told, f"and {more} more: 'rotator status' shows all"] if more else told


def slack(notices: Sequence[Notice], more: int) -> dict[str, Any]:
    """The body of an incoming webhook: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""
    text = "\n".join(f"- {line}" for line in lines(notices, more))
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(plain, escaped)
    return {"text": f"*rotator* {subject(notices, more)}\n{text}", "unfurl_links": False}


def teams(notices: Sequence[Notice], more: int) -> dict[str, Any]:
    """A card for the trigger "When a Teams webhook request is received" of Workflows."""
    title = {"type": "TextBlock", "text": f"rotator: {subject(notices, more)}", "weight": "Bolder", "wrap": True}
    blocks = [{"type": "TextBlock", "text": _unmarked(line), "wrap": True} for line in lines(notices, more)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, *blocks],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def plain(notices: Sequence[Notice], more: int) -> dict[str, Any]:
    """For programs."""
    return {
        "type": "rotator.notices",
        "notices": [
            {
                "kind": notice.kind.value,
                "rotation": notice.rotation,
                "code": notice.code or None,
                "at": notice.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "message": _message(notice),
                "again": notice.again,
                "labels": dict(notice.labels),
            }
            for notice in notices
        ],
        "more": more,
    }


def _line(notice: Notice) -> str:
    again = f" (told {notice.again + 1} times)" if notice.again else ""
    return f"{notice.rotation}: {_WORDS[notice.kind]}{again}: {_message(notice)}"


def _message(notice: Notice) -> str:
    return redact_text(" ".join(notice.message.split()))[:_LONGEST]


def _unmarked(text: str) -> str:
    """Cards take a little Markdown; names and messages are none."""
    for mark in "\\*_[]`#":
        text = text.replace(mark, f"\\{mark}")
    return text
