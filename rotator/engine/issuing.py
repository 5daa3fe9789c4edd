"""How does a new credential come to be, and how is it proved? Preflight, Issue, Reclaim, Verify."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rotator.domain import plan
from rotator.domain.events import Issued as IssuedEvent
from rotator.domain.events import SignInTried
from rotator.domain.kept import Kept
from rotator.domain.model import Credential, CredentialState, IssueIntent, Mode, Secret
from rotator.engine.preflight import examine
from rotator.engine.spooling import record
from rotator.engine.survey import survey
from rotator.engine.visit import Visit
from rotator.errors import DirectoryError, DirectoryThrottled, OutcomeUnknown, RotatorError, StoreError
from rotator.ports import Directory, Issued, Proof

_LONGEST_NAME = 90


async def preflight(visit: Visit, _step: plan.Preflight) -> None:
    """Look at everything that could refuse, before anything is touched."""
    try:
        lifetime = await examine(visit)
    except StoreError:
        raise
    except RotatorError as problem:
        visit.note(visit.entry("preflight", "outcome", ok=False, **_failure(problem)))
        return
    visit.note(visit.entry("preflight", "outcome", ok=True, lifetime=lifetime))


async def issue(visit: Visit, step: plan.Issue) -> None:
    """Ask Graph for a credential under a name written down first; seal its text in the transaction that records it."""
    expires_at = visit.now + _lifetime(visit)
    intent = _intent(visit, step.n)
    attempt = visit.facts.attempt
    await visit.before_graph(
        intent,
        visit.entry("issue", "intent", n=step.n, name=intent.display_name, expires_at=expires_at),
        pressing=attempt is not None and attempt.mode is Mode.COMPROMISED,
    )
    visit.be_sure()
    directory = await visit.directory()
    visit.world.memory.asked_for.add(intent.display_name)
    try:
        issued = await directory.add_password(
            visit.application.object_id, display_name=intent.display_name, expires_at=expires_at
        )
    except OutcomeUnknown as unknown:
        again = visit.now + max(visit.later(step.n), unknown.retry_after or timedelta())
        visit.note(
            visit.entry(
                "issue", "outcome", ok=False, n=step.n, unknown=str(unknown), message=str(unknown), issue_after=again
            )
        )
        await visit.commit()
    except DirectoryError as refused:
        facts = {**_failure(refused), "refused": str(refused)}
        visit.note(replace(intent, outcome="refused"), visit.entry("issue", "outcome", ok=False, n=step.n, **facts))
    else:
        await _keep(visit, intent, issued)
    visit.heard(directory)


async def reclaim(visit: Visit, step: plan.Reclaim) -> None:
    """The answer to an issue is unknown: find what it left by its name, and wait before asking anew (law L4)."""
    again = visit.now + visit.later(step.n)
    try:
        await survey(visit)
    except DirectoryThrottled as throttled:
        again = visit.now + max(visit.later(step.n), throttled.retry_after or timedelta())
        visit.note(visit.entry("reclaim", "note", n=step.n, message=str(throttled)))
    except DirectoryError as problem:
        visit.note(visit.entry("reclaim", "note", n=step.n, message=str(problem)))
    # Whatever this look showed, a new issue waits for the retry table; the intent stays open for its second look.
    visit.note(visit.entry("reclaim", "outcome", n=step.n, issue_after=again))


async def verify(visit: Visit, step: plan.Verify) -> None:
    """Sign in until enough successes follow one another, each fresh, spaced as the definition asks (law L5)."""
    rule = visit.rotation.verify
    text = await visit.text(step.key_id)
    credential = visit.facts.pending
    if text is None or credential is None or credential.key_id != step.key_id or credential.revoke_intent_at:
        visit.note(
            visit.entry("verify", "outcome", ok=False, key_id=step.key_id, message="the new secret's text is gone")
        )
        return
    directory = await visit.directory()
    deadline = visit.world.clock.monotonic() + rule.deadline.total_seconds()
    tries, in_a_row, proof = 0, 0, Proof(accepted=False)
    while in_a_row < rule.successes:
        if tries:
            await _pause(visit, proof)
        if tries and visit.world.clock.monotonic() >= deadline:
            _unproved(visit, step.key_id, tries, proof)
            return
        proof = await _sign_in(visit, directory, text)
        tries += 1
        in_a_row = in_a_row + 1 if proof.accepted else 0
        _tried(visit, tries, in_a_row, proof)
    visit.note(visit.entry("verify", "outcome", ok=True, key_id=step.key_id, tries=tries, code=proof.code))


async def _keep(visit: Visit, intent: IssueIntent, issued: Issued) -> None:
    """Record what Graph made; if another node has taken over, take it away again by its key id."""
    named = issued.display_name == intent.display_name
    unfit_before = plan.progress(visit.facts.attempt, visit.facts.journal).unfit_seen if visit.facts.attempt else 0
    unfit = not named or (issued.text.reveal().startswith("-") and unfit_before < plan.MOST_UNFIT)
    credential = _ledger_row(visit, intent, issued, unfit=unfit)
    facts: dict[str, object] = {
        "n": intent.n,
        "key_id": issued.key_id,
        "hint": issued.hint,
        "expires_at": issued.expires_at,
    }
    if unfit:
        facts["unfit"] = "the text begins with '-'" if named else "Entra changed its display name"
    entries = [visit.entry("issue", "outcome", **facts)]
    if not named:
        message = f"Entra named the new credential {issued.display_name!r} instead of {intent.display_name!r}"
        entries.append(visit.entry("close", "intent", outcome="failed", message=message))
    kept = Kept(
        lease=visit.hold.lease,
        connection=visit.rotation.connection,
        intent=replace(intent, outcome="issued"),
        credential=credential,
        entries=tuple(entries),
        text=None if unfit else issued.text,
    )
    visit.note(*kept.changes)
    if not unfit:
        visit.tell(IssuedEvent(visit.rotation.name, visit.now, intent.attempt_id, issued.key_id, issued.expires_at))
    await record(visit, kept)


def _ledger_row(visit: Visit, intent: IssueIntent, issued: Issued, *, unfit: bool) -> Credential:
    return Credential(
        key_id=issued.key_id,
        rotation_id=visit.rotation.id,
        application=visit.application,
        display_name=issued.display_name,
        starts_at=issued.starts_at,
        expires_at=issued.expires_at,
        state=CredentialState.RETIRING if unfit else CredentialState.PENDING,
        hint=issued.hint,
        attempt_id=intent.attempt_id,
        has_text=not unfit,
        slot=1 - visit.facts.standing.active_index if visit.facts.current else visit.facts.standing.active_index,
        issued_at=visit.now,
        revoke_intent_at=visit.now if unfit else None,
    )


def _intent(visit: Visit, n: int) -> IssueIntent:
    attempt = visit.facts.attempt
    attempt_id = attempt.id if attempt else ""
    unique = f"{visit.prefix}{attempt_id}.{n}-{visit.world.chance.letters(4)}/"
    name = (unique + visit.rotation.name)[:_LONGEST_NAME]
    return IssueIntent(visit.rotation.id, attempt_id, n, name, visit.now)


def _lifetime(visit: Visit) -> timedelta:
    """What preflight found the policy to allow, from the journal."""
    for entry in reversed(visit.facts.journal):
        if entry.step == "preflight" and entry.facts.get("ok"):
            return timedelta(seconds=float(str(entry.facts["lifetime"])))
    return visit.rotation.lifetime


async def _pause(visit: Visit, proof: Proof) -> None:
    rule, pace = visit.rotation.verify, visit.world.pace
    wait = rule.interval if proof.accepted else max(rule.interval, pace.refused_pause)
    if wait > pace.short_wait:
        await visit.commit()
    if wait:
        await visit.hold.sleep(wait)
    else:
        visit.hold.step_boundary()


async def _sign_in(visit: Visit, directory: Directory, text: Secret) -> Proof:
    await visit.hold.ensure(visit.connection.request_timeout)
    proof = await directory.prove(visit.application.client_id, text)
    visit.heard(directory)
    return proof


def _tried(visit: Visit, tries: int, in_a_row: int, proof: Proof) -> None:
    wanted = visit.rotation.verify.successes
    attempt = visit.facts.attempt
    visit.world.tell(
        SignInTried(visit.rotation.name, visit.now, attempt.id if attempt else "", tries, in_a_row, wanted, proof.code)
    )
    if visit.rotation.verify.interval or not proof.accepted:
        visit.note(visit.entry("verify", "note", tries=tries, in_a_row=in_a_row, wanted=wanted, code=proof.code))


def _unproved(visit: Visit, key_id: str, tries: int, proof: Proof) -> None:
    said = f"{proof.code} {proof.detail}".strip() or "no answer"
    message = (
        f"The new secret {key_id} could not be proved in {visit.rotation.verify.deadline} "
        f"({tries} sign-ins, the last: {said}). "
        "It is taken away again; the old secret is untouched"
    )
    visit.note(visit.entry("verify", "outcome", ok=False, key_id=key_id, tries=tries, message=message))


def _failure(problem: RotatorError) -> dict[str, object]:
    facts: dict[str, object] = {"message": str(problem), "error": type(problem).__name__}
    if problem.connection_fault:
        facts["connection_fault"] = True
    retry_after = getattr(problem, "retry_after", None)
    if isinstance(retry_after, timedelta):
        facts["retry_after"] = retry_after.total_seconds()
    return facts
