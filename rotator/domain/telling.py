"""What does a line of the journal say to a person? The same words as the events of a rotation as it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rotator.domain.model import Entry

Facts = Mapping[str, Any]
#: What is said, and whether it went well; None while it goes on.
Words = tuple[str, bool | None]


def told(entry: Entry) -> Words | None:
    """The entry in words, or None when another one says it better."""
    words = _WORDS.get((entry.step, entry.phase))
    return words(entry.facts) if words else _plain(entry)


def _plain(entry: Entry) -> Words | None:
    message = str(entry.facts.get("message", ""))
    return (message, None) if message else None


def _preflight(facts: Facts) -> Words:
    return ("preflight passed", True) if facts.get("ok") else (str(facts.get("message", "")), False)


def _issued(facts: Facts) -> Words:
    if "unknown" in facts:
        return f"no clear answer: {facts['unknown']}", None
    if "refused" in facts:
        return str(facts["refused"]), False
    unfit = f", but not fit for use: {facts['unfit']}" if facts.get("unfit") else ""
    return f"secret {facts['key_id']} issued, valid until {str(facts.get('expires_at', ''))[:10]}{unfit}", True


def _reclaimed(_facts: Facts) -> Words:
    return "looked for what the unanswered request left", None


def _signed_in(facts: Facts) -> Words:
    said = f"sign-in {facts.get('tries')}: {facts.get('in_a_row')} of {facts.get('wanted')} in a row"
    return (f"{said} ({facts['code']})" if facts.get("code") else said), None


def _verified(facts: Facts) -> Words:
    return (f"proved in {facts.get('tries')} sign-ins", True) if facts.get("ok") else (str(facts.get("message")), False)


def _delivered(facts: Facts) -> Words:
    if facts.get("ok"):
        return f"delivered to {facts['destination']}", True
    return f"not delivered: {facts.get('message')}", False


def _promoted(facts: Facts) -> Words:
    return f"secret {facts['key_id']} is current", True


def _notified(facts: Facts) -> Words:
    said = f"{facts['hook']} told" if facts.get("done") else f"{facts['hook']} not told: {facts.get('message')}"
    return said, bool(facts.get("done"))


def _revoked(facts: Facts) -> Words:
    return f"secret {facts['key_id']} revoked: {facts.get('why')}", True


def _others(facts: Facts) -> Words:
    return str(facts.get("message", "")), bool(facts.get("ok"))


def _discarded(facts: Facts) -> Words:
    return f"secret {facts['key_id']} that was not promoted: {facts.get('came_to')}", None


def _adopted(facts: Facts) -> Words:
    return f"secret {facts['key_id']} is in the books now", True


def _healed(facts: Facts) -> Words:
    return f"delivered again to {facts['destination']}", True


def _closed(facts: Facts) -> Words:
    return str(facts.get("message") or facts.get("outcome")), facts.get("outcome") == "succeeded"


_WORDS: Mapping[tuple[str, str], Callable[[Facts], Words]] = {
    ("preflight", "outcome"): _preflight,
    ("issue", "outcome"): _issued,
    ("reclaim", "outcome"): _reclaimed,
    ("verify", "note"): _signed_in,
    ("verify", "outcome"): _verified,
    ("deliver", "outcome"): _delivered,
    ("promote", "outcome"): _promoted,
    ("notify", "outcome"): _notified,
    ("revoke", "outcome"): _revoked,
    ("revoke-others", "outcome"): _others,
    ("discard", "outcome"): _discarded,
    ("adopt", "outcome"): _adopted,
    ("heal", "outcome"): _healed,
    ("close", "outcome"): _closed,
}
