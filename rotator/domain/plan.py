"""What is the next step of an attempt? Decided from what its journal proves, and from nothing else.

A crash is not a case here (law L3): whatever prefix of the journal survived, `next_step` goes on from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from rotator.domain.model import Attempt, DestinationRule, Entry, Mode, Outcome, Rotation

#: A text that begins with `-` is issued again this often before it is taken as it is (azure-cli#30620).
MOST_UNFIT = 3


@dataclass(frozen=True, slots=True)
class Preflight:
    """Look before anything is touched."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Ask Graph for credential number `n` of this attempt."""

    n: int


@dataclass(frozen=True, slots=True)
class Reclaim:
    """Issue `n` has no recorded answer: look for what it may have left."""

    n: int


@dataclass(frozen=True, slots=True)
class Verify:
    """Prove the new credential by signing in."""

    key_id: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """Bring it to these destinations, side by side."""

    key_id: str
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Promote:
    """Make it current; `missing` are required destinations that must be served later."""

    key_id: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notify:
    """Run a consumer hook."""

    hook: str


@dataclass(frozen=True, slots=True)
class RevokeOthers:
    """Compromised: end every other credential of the ledger now."""

    key_id: str


@dataclass(frozen=True, slots=True)
class Discard:
    """End a credential of this attempt that is not promoted; `unseen`: it was never on its way to a destination."""

    key_id: str
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """The attempt is over."""

    outcome: Outcome
    message: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before that time."""

    until: datetime
    why: str


Step = Preflight | Issue | Reclaim | Verify | Deliver | Promote | Notify | RevokeOthers | Discard | Close | Wait


@dataclass(frozen=True, slots=True)
class Progress:
    """What the journal proves about one attempt."""

    attempt: Attempt
    preflight: bool = False
    #: The highest number an issue intent bears.
    issues: int = 0
    #: Issue intents with neither an answer nor a first look.
    unanswered: tuple[int, ...] = ()
    #: No further issue before this time.
    issue_after: datetime | None = None
    #: The credential that is being brought through.
    key_id: str = ""
    #: Credentials issued and not fit for use, yet to be discarded; how many there were.
    unfit: tuple[str, ...] = ()
    unfit_seen: int = 0
    verified: bool = False
    delivered: frozenset[str] = frozenset()
    #: Destinations for which a delivery was begun, whatever came of it.
    approached: frozenset[str] = frozenset()
    failed_deliveries: Mapping[str, datetime] = field(default_factory=dict)
    promoted: bool = False
    #: Required destinations that were missing at the promotion.
    missing: tuple[str, ...] = ()
    notified: frozenset[str] = frozenset()
    others_revoked: bool = False
    #: Why the attempt is to be closed before its end, if it is.
    closing: Outcome | None = None
    message: str = ""


def progress(attempt: Attempt, journal: Iterable[Entry]) -> Progress:
    """Fold the journal of an attempt, oldest first."""
    proved = Progress(attempt)
    for entry in journal:
        fold = _FOLDS.get((entry.step, entry.phase))
        proved = fold(proved, entry.facts) if fold else proved
    return proved


def next_step(
    proved: Progress, rotation: Rotation, now: datetime, *, urgent: bool = False, hooks: Sequence[str] = ()
) -> Step | None:
    """Return the next step, or None when the attempt has ended.

    `urgent`: the current credential has less than half its margin left: a dead destination must not become an outage.
    """
    if proved.attempt.ended_at is not None:
        return None
    if proved.unanswered:
        return Reclaim(proved.unanswered[0])
    if proved.unfit:
        return Discard(proved.unfit[0], unseen=True)
    if proved.closing and not proved.promoted:
        return _closing(proved)
    if not proved.promoted:
        return _towards_promotion(proved, rotation, now, urgent=urgent)
    return _after_promotion(proved, hooks)


def _closing(proved: Progress) -> Step:
    if proved.key_id:
        return Discard(proved.key_id, unseen=not proved.approached)
    return Close(proved.closing or Outcome.FAILED, proved.message)


def _towards_promotion(proved: Progress, rotation: Rotation, now: datetime, *, urgent: bool) -> Step:
    if not proved.preflight:
        return Preflight()
    if not proved.key_id:
        if proved.issue_after and now < proved.issue_after:
            return Wait(proved.issue_after, "issue")
        return Issue(proved.issues + 1)
    if not proved.verified:
        return Verify(proved.key_id)
    return _delivery(proved, rotation, now, urgent=urgent)


def _delivery(proved: Progress, rotation: Rotation, now: datetime, *, urgent: bool) -> Step:
    waiting = [rule for rule in rotation.destinations if rule.name not in proved.delivered]
    missing = tuple(rule.name for rule in waiting if rule.required and rule.name not in proved.attempt.accept_outage)
    ready = _ready(waiting, proved, now)
    if ready:
        return Deliver(proved.key_id, ready)
    if not missing or (urgent and proved.delivered):
        return Promote(proved.key_id, tuple(rule.name for rule in waiting if rule.required))
    return Wait(min(proved.failed_deliveries[name] for name in missing if name in proved.failed_deliveries), "deliver")


def _ready(waiting: Sequence[DestinationRule], proved: Progress, now: datetime) -> tuple[str, ...]:
    """Those of the lowest order that may be tried now; a later order waits for the required ones of an earlier one."""
    ready: list[str] = []
    for order in sorted({rule.order for rule in waiting}):
        group = [rule for rule in waiting if rule.order == order]
        ready = [rule.name for rule in group if _may_try(rule, proved, now)]
        if ready or any(rule.required and rule.name not in proved.attempt.accept_outage for rule in group):
            return tuple(ready)
    return tuple(ready)


def _may_try(rule: DestinationRule, proved: Progress, now: datetime) -> bool:
    retry_at = proved.failed_deliveries.get(rule.name)
    if retry_at is None:
        return True
    # After one failure an optional or given-up destination is left to reconcile, which keeps trying.
    blocking = rule.required and rule.name not in proved.attempt.accept_outage
    return blocking and now >= retry_at


def _after_promotion(proved: Progress, hooks: Sequence[str]) -> Step:
    open_hooks = [hook for hook in hooks if hook not in proved.notified]
    if open_hooks:
        return Notify(open_hooks[0])
    missing = [name for name in proved.missing if name not in proved.attempt.accept_outage]
    if proved.attempt.mode is Mode.COMPROMISED and not (missing or proved.others_revoked):
        return RevokeOthers(proved.key_id)
    return Close(Outcome.SUCCEEDED, proved.message)


def _preflight_ended(proved: Progress, facts: Mapping[str, object]) -> Progress:
    if facts.get("ok"):
        return replace(proved, preflight=True)
    return replace(proved, closing=Outcome.FAILED, message=str(facts.get("message", "")))


def _issue_intended(proved: Progress, facts: Mapping[str, object]) -> Progress:
    n = _number(facts, "n")
    return replace(proved, issues=max(proved.issues, n), unanswered=(*proved.unanswered, n))


def _issue_ended(proved: Progress, facts: Mapping[str, object]) -> Progress:
    if "unknown" in facts:
        return replace(proved, issue_after=_time(facts, "issue_after"))
    answered = replace(proved, unanswered=tuple(n for n in proved.unanswered if n != facts.get("n")))
    if "refused" in facts:
        return replace(answered, closing=Outcome.FAILED, message=str(facts["refused"]))
    key_id = str(facts["key_id"])
    if facts.get("unfit"):
        return replace(answered, unfit=(*answered.unfit, key_id), unfit_seen=answered.unfit_seen + 1)
    return replace(answered, key_id=key_id)


def _reclaim_ended(proved: Progress, facts: Mapping[str, object]) -> Progress:
    again = _time(facts, "issue_after")
    later = max(filter(None, (again, proved.issue_after)), default=None)
    return replace(proved, unanswered=tuple(n for n in proved.unanswered if n != facts.get("n")), issue_after=later)


def _resumed(proved: Progress, facts: Mapping[str, object]) -> Progress:
    """Somebody asked, or expiry nears: destinations are tried again at once. A new issue still waits (law L4)."""
    pressing = facts.get("reason") in {"REQUESTED", "NEAR_EXPIRY"}
    return replace(proved, failed_deliveries={}) if pressing else proved


def _verify_ended(proved: Progress, facts: Mapping[str, object]) -> Progress:
    if facts.get("ok"):
        return replace(proved, verified=True)
    return replace(proved, closing=Outcome.FAILED, message=str(facts.get("message", "")))


def _deliver_intended(proved: Progress, facts: Mapping[str, object]) -> Progress:
    return replace(proved, approached=proved.approached | {str(facts["destination"])})


def _deliver_ended(proved: Progress, facts: Mapping[str, object]) -> Progress:
    name = str(facts["destination"])
    others = {k: v for k, v in proved.failed_deliveries.items() if k != name}
    if facts.get("ok"):
        return replace(proved, delivered=proved.delivered | {name}, failed_deliveries=others)
    retry_at = _time(facts, "retry_at")
    return replace(proved, failed_deliveries={**others, name: retry_at} if retry_at else others)


def _promote_ended(proved: Progress, facts: Mapping[str, object]) -> Progress:
    missing = facts.get("missing", ())
    names = tuple(str(name) for name in missing) if isinstance(missing, (list, tuple)) else ()
    return replace(proved, promoted=True, missing=names, message=str(facts.get("message", "")))


def _notify_ended(proved: Progress, facts: Mapping[str, object]) -> Progress:
    hook = str(facts["hook"])
    said = f"{hook} was told." if facts.get("done") else f"{hook} was not told: {facts.get('message')}."
    message = f"{proved.message} {said}".strip()
    return replace(proved, notified=proved.notified | {hook}, message=message)


def _others_revoked(proved: Progress, facts: Mapping[str, object]) -> Progress:
    return replace(proved, others_revoked=True, message=str(facts.get("message", proved.message)))


def _discard_ended(proved: Progress, facts: Mapping[str, object]) -> Progress:
    gone = str(facts["key_id"])
    if gone in proved.unfit:
        return replace(proved, unfit=tuple(key for key in proved.unfit if key != gone))
    return replace(proved, key_id="", verified=False)


def _closing_decided(proved: Progress, facts: Mapping[str, object]) -> Progress:
    if proved.promoted:
        return proved
    return replace(proved, closing=Outcome(str(facts["outcome"])), message=str(facts.get("message", "")))


_FOLDS = {
    ("preflight", "outcome"): _preflight_ended,
    ("issue", "intent"): _issue_intended,
    ("issue", "outcome"): _issue_ended,
    ("reclaim", "outcome"): _reclaim_ended,
    ("resume", "intent"): _resumed,
    ("verify", "outcome"): _verify_ended,
    ("deliver", "intent"): _deliver_intended,
    ("deliver", "outcome"): _deliver_ended,
    ("promote", "outcome"): _promote_ended,
    ("notify", "outcome"): _notify_ended,
    ("revoke-others", "outcome"): _others_revoked,
    ("discard", "outcome"): _discard_ended,
    ("close", "intent"): _closing_decided,
}


def _number(facts: Mapping[str, object], name: str) -> int:
    value = facts[name]
    return value if isinstance(value, int) else int(str(value))


def _time(facts: Mapping[str, object], name: str) -> datetime | None:
    value = facts.get(name)
    return datetime.fromisoformat(str(value)) if value else None
