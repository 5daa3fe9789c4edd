"""Does the system's chance keep what the port promises?"""

from __future__ import annotations

import re

from rotator.chance import SystemChance


def test_letters_are_of_the_alphabet_and_differ() -> None:
    drawn = {SystemChance().letters(16) for _ in range(50)}
    assert len(drawn) == 50
    assert all(re.fullmatch(r"[a-z2-7]{16}", letters) for letters in drawn)


def test_noise_stays_in_bounds_and_falls_on_both_sides() -> None:
    drawn = [SystemChance().noise() for _ in range(200)]
    assert -1 <= min(drawn) < 0 < max(drawn) <= 1
