"""What does one look at many rotations ask for, and find? Values between the dashboard and the books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rotator.domain.model import Attempt, Credential, Facts

#: What a list may be narrowed to.
SHOWN = ("all", "attention", "rotating", "paused")
#: Project, environment and path that somebody may read; empty is any.
Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """Which rotations are looked for; retired ones never are."""

    #: Bars and attempts that ended before are left out.
    since: datetime
    #: None: everywhere, the connections' own rotations included.
    places: frozenset[Place] | None = None
    #: Part of the rotation's or the application's name.
    text: str = ""
    show: str = "all"
    most: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Life:
    """What happened to one rotation since then: its credentials, revoked ones too, and its attempts, oldest first."""

    credentials: tuple[Credential, ...] = ()
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """How all that may be read stand, and one page of those that were looked for."""

    now: datetime
    total: int
    #: Failed, held, or with an alarm.
    attention: int
    rotating: int
    paused: int
    #: How many fit the text and what is to be shown.
    found: int
    #: Those of the page: what needs attention first, then by name.
    page: tuple[Facts, ...] = ()
    #: By the id of the rotation.
    lives: Mapping[str, Life] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """How all rotations stand, in numbers; retired ones apart."""

    #: By the status, or the state of one that has none yet.
    states: Mapping[str, int] = field(default_factory=dict)
    #: Replaced secrets that are still valid.
    retiring: int = 0
    #: By the destination that does not bear what it should.
    drifted: Mapping[str, int] = field(default_factory=dict)


def needs_attention(facts: Facts) -> bool:
    """Tell whether somebody should look at it."""
    standing = facts.standing
    return bool(standing.failures or standing.hold or standing.alarms)
