"""What journal does an attempt leave when its steps end like this? Plays the plan against a script; no engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rotator.domain import plan
from rotator.domain.model import Attempt, Entry, Rotation
from tests.fakes import START

MINUTE = timedelta(minutes=1)
#: No attempt of these tests takes more steps than that; one that does goes round in circles.
MOST_STEPS = 150


@dataclass
class Play:
    """The journal grows as the plan asks; `script` says how each effect ends, and all is well where it has run out."""

    attempt: Attempt
    rotation: Rotation
    script: Iterator[str] = field(default_factory=lambda: iter(()))
    hooks: Sequence[str] = ()
    urgent: bool = False
    journal: list[Entry] = field(default_factory=list)
    now: datetime = START
    steps: list[plan.Step] = field(default_factory=list)

    def next(self) -> plan.Step | None:
        proved = plan.progress(self.attempt, self.journal)
        return plan.next_step(proved, self.rotation, self.now, urgent=self.urgent, hooks=self.hooks)

    def run(self) -> plan.Close:
        """Take steps until the attempt closes."""
        for _ in range(MOST_STEPS):
            step = self.next()
            assert step is not None
            self.steps.append(step)
            if isinstance(step, plan.Close):
                return step
            self.perform(step)
        raise AssertionError(f"it goes round in circles: {self.steps[-6:]}")

    def perform(self, step: plan.Step) -> None:
        getattr(self, f"_{type(step).__name__.lower()}")(step)

    def write(self, step: str, phase: str, **facts: Any) -> None:
        self.journal.append(Entry(self.attempt.rotation_id, self.attempt.id, step, phase, self.now, facts))

    def later(self) -> str:
        return (self.now + MINUTE).isoformat()

    def _verdict(self) -> str:
        return next(self.script, "good")

    def _wait(self, step: plan.Wait) -> None:
        assert step.until > self.now
        self.now = step.until

    def _preflight(self, _step: plan.Preflight) -> None:
        ok = self._verdict() != "bad"
        self.write("preflight", "outcome", ok=ok, message="" if ok else "refused")

    def _issue(self, step: plan.Issue) -> None:
        self.write("issue", "intent", n=step.n)
        match self._verdict():
            case "good":
                self.write("issue", "outcome", n=step.n, key_id=f"key-{step.n}", expires_at=self.later())
            case "bad":
                self.write("issue", "outcome", ok=False, n=step.n, refused="Graph said no")
            case "unfit":
                self.write("issue", "outcome", n=step.n, key_id=f"key-{step.n}", unfit="begins with '-'")
            case _:
                self.write("issue", "outcome", ok=False, n=step.n, unknown="503", issue_after=self.later())

    def _reclaim(self, step: plan.Reclaim) -> None:
        self.write("reclaim", "outcome", n=step.n, issue_after=self.later())

    def _verify(self, step: plan.Verify) -> None:
        ok = self._verdict() != "bad"
        self.write("verify", "outcome", ok=ok, key_id=step.key_id, message="" if ok else "not proved")

    def _deliver(self, step: plan.Deliver) -> None:
        for name in step.destinations:
            self.write("deliver", "intent", destination=name, key_id=step.key_id)
        for name in step.destinations:
            ok = self._verdict() not in {"bad", "unknown"}
            facts = {} if ok else {"retry_at": self.later()}
            self.write("deliver", "outcome", ok=ok, destination=name, key_id=step.key_id, **facts)

    def _promote(self, step: plan.Promote) -> None:
        self.write("promote", "outcome", key_id=step.key_id, missing=list(step.missing), message="promoted")

    def _notify(self, step: plan.Notify) -> None:
        self.write("notify", "intent", hook=step.hook)
        self.write("notify", "outcome", hook=step.hook, done=self._verdict() == "good")

    def _revokeothers(self, step: plan.RevokeOthers) -> None:
        self.write("revoke-others", "outcome", ok=self._verdict() == "good", message="ended")

    def _discard(self, step: plan.Discard) -> None:
        self.write("discard", "outcome", key_id=step.key_id)
