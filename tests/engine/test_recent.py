"""Is what is remembered of the latest bounded, and is the latest what is remembered?"""

from __future__ import annotations

from rotator.engine.recent import Recent


def test_what_was_added_first_is_forgotten_first() -> None:
    recent = Recent[str](2)
    for each in ("a", "b", "a", "c"):
        recent.add(each)
    assert [each in recent for each in "abc"] == [True, False, True]
    recent.clear()
    assert "a" not in recent
