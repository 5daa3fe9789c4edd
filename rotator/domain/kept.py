"""What is known of an issued credential that could not be recorded?"""

from __future__ import annotations

from dataclasses import dataclass

from rotator.domain.changes import Change, SealText
from rotator.domain.model import Credential, Entry, IssueIntent, Lease, Secret


@dataclass(frozen=True, slots=True)
class Kept:
    """An issued credential that is not in the books yet, with all that recording it takes."""

    #: As it was held at the issue: its fencing token tells whether anybody else has acted since.
    lease: Lease
    connection: str
    #: With its outcome.
    intent: IssueIntent
    credential: Credential
    entries: tuple[Entry, ...]
    #: None: not fit for use, or dropped.
    text: Secret | None
    #: Somebody else has acted since: it is not to be recorded any more, only to be revoked.
    stale: bool = False

    @property
    def key_id(self) -> str:
        """Of the credential."""
        return self.credential.key_id

    @property
    def changes(self) -> tuple[Change, ...]:
        """What makes it known to the books, in one transaction."""
        sealed = (SealText(self.key_id, self.text),) if self.text is not None else ()
        return (self.intent, self.credential, *self.entries, *sealed)
