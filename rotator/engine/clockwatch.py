"""Can the database's time be believed? Compared with Entra's `Date` and with monotonic time (law L13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)


@dataclass(slots=True)
class ClockWatch:
    """Remembers when the database's time was last believed. `pace` is the speed of scaled time, 1.0 but in the demo."""

    pace: float = 1.0
    #: There was a doubt when it was last asked for: look twice before claiming.
    uneasy: bool = False
    #: There has been a doubt since somebody last took care of what was done under it.
    was_uneasy: bool = False
    #: The database's time and the monotonic time of the last look, and of Entra's last answer.
    _seen: tuple[datetime, float] | None = None
    _entra: tuple[datetime, float] | None = None
    #: The database's time jumped at this monotonic time; believed again when Entra has agreed since.
    _jumped_at: float | None = None

    def entra_said(self, date: datetime, monotonic: float) -> None:
        """Entra answered with this `Date` at that monotonic time."""
        if self._entra is None or monotonic > self._entra[1]:
            self._entra = (date, monotonic)

    def look(self, now: datetime, monotonic: float) -> None:
        """The database says it is `now`; notices a jump since the last look."""
        if self._seen is not None and self._apart(now, monotonic, self._seen):
            self._jumped_at = monotonic
            self.uneasy = self.was_uneasy = True
        if self._seen is None or monotonic >= self._seen[1]:
            self._seen = (now, monotonic)

    def doubt(self, now: datetime, monotonic: float) -> str:
        """Why `now` is not to be believed, or an empty string."""
        why = self._why(now, monotonic)
        self.uneasy = bool(why)
        self.was_uneasy |= self.uneasy
        return why

    def _why(self, now: datetime, monotonic: float) -> str:
        if self._entra is not None and (self._jumped_at is None or self._entra[1] >= self._jumped_at):
            self._jumped_at = None
            if not self._apart(now, monotonic, self._entra):
                return ""
            implied = self._expected(self._entra, monotonic)
            return (
                f"the database says {now:%Y-%m-%d %H:%M:%SZ}, Entra's last answer implies {implied:%Y-%m-%d %H:%M:%SZ}"
            )
        if self._jumped_at is not None:
            return f"the database's time jumped to {now:%Y-%m-%d %H:%M:%SZ} and Entra has not confirmed it yet"
        return ""

    def wants_entra(self) -> bool:
        """A fresh answer of Entra is needed to settle a doubt."""
        return self._jumped_at is not None and (self._entra is None or self._entra[1] < self._jumped_at)

    def _expected(self, reference: tuple[datetime, float], monotonic: float) -> datetime:
        return reference[0] + timedelta(seconds=(monotonic - reference[1]) * self.pace)

    def _apart(self, now: datetime, monotonic: float, reference: tuple[datetime, float]) -> bool:
        # One real second of slack for every answer, which scaled time stretches.
        slack = TOLERANCE + timedelta(seconds=max(0.0, self.pace - 1.0))
        return abs(now - self._expected(reference, monotonic)) > slack
