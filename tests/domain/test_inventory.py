"""What is wrong with a secret that nobody looks at?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rotator.domain.inventory import Finding, Ground, Held, Holder, counted, judged
from tests.fakes import START

DAY = timedelta(days=1)
OURS = "rotator/here/abc.1-wxyz/billing"


def held(ends: datetime | None = START + 90 * DAY, **changes: Any) -> Held:
    plain: dict[str, Any] = {"key_id": "key-1", "kind": "secret", "name": "by hand", "starts_at": START - 90 * DAY}
    return Held(**{**plain, "expires_at": ends, **changes})


def findings(*things: Held, ground: Ground | None = None, **holder: Any) -> list[set[str]]:
    items = judged(Holder("object-1", "client-1", "Billing", things, **holder), ground or Ground("contoso", START))
    return [{each.value for each in item.findings} for item in items]


def test_what_is_valid_for_months_to_come_is_well() -> None:
    assert findings(held()) == [set()]


def test_the_end_decides() -> None:
    assert findings(held(START)) == [{"expired"}]
    assert findings(held(START + timedelta(seconds=1))) == [{"expiring"}]
    assert findings(held(START + 30 * DAY)) == [{"expiring"}]
    assert findings(held(START + 30 * DAY + timedelta(seconds=1))) == [set()]
    assert findings(held(None)) == [{"never-expires"}]
    assert findings(held(START.replace(year=2299))) == [{"never-expires"}]


def test_more_than_a_year_is_long() -> None:
    assert findings(held(START + 276 * DAY)) == [set()]
    assert findings(held(START + 277 * DAY)) == [{"long-lived"}]


def test_a_third_valid_secret_is_one_too_many() -> None:
    two, gone, certificate = [held(), held()], held(START - DAY), held(kind="certificate")

    assert {"too-many"} not in findings(*two, gone, certificate)
    assert findings(*two, held()) == [{"too-many"}] * 3


def test_what_a_service_principal_holds_is_hidden_from_the_portal() -> None:
    assert findings(held(), is_principal=True) == [{"hidden"}]


def test_nobody_owns_an_application_only_where_that_is_known() -> None:
    assert findings(held(), ground=Ground("contoso", START, ownerless=None)) == [set()]
    assert findings(held(), ground=Ground("contoso", START, ownerless={"object-1"})) == [{"no-owner"}]
    assert findings(held(), ground=Ground("contoso", START, ownerless={"object-2"})) == [set()]


def test_a_secret_in_a_ledger_is_its_rotations_and_one_with_our_name_that_is_not_is_an_orphan() -> None:
    ground = Ground("contoso", START, {"key-1": "billing"}, prefix="rotator/here/")
    holder = Holder(
        "object-1", "client-1", "Billing", (held(name=OURS), held(key_id="key-2", name=OURS), held(key_id="3"))
    )

    ours, orphan, other = judged(holder, ground)

    assert (ours.rotation, ours.findings[-1:]) == ("billing", (Finding.TOO_MANY,))
    assert (orphan.rotation, orphan.findings[-1:]) == ("", (Finding.ORPHAN,))
    assert Finding.ORPHAN not in other.findings
    assert counted([ours, orphan, other]) == {"too-many": 3, "orphan": 1}


def test_unused_is_what_is_valid_and_old_enough_and_has_not_signed_in_for_long() -> None:
    used = {"late": START - 91 * DAY, "soon": START - 90 * DAY}
    ground = Ground("contoso", START, used=used)
    old = START - 200 * DAY

    assert findings(held(key_id="late", starts_at=old), ground=ground) == [{"unused"}]
    assert findings(held(key_id="soon", starts_at=old), ground=ground) == [set()]
    assert findings(held(key_id="never", starts_at=old), ground=ground) == [{"unused"}]
    assert findings(held(key_id="young", starts_at=START - 90 * DAY), ground=ground) == [set()]
    assert findings(held(START, key_id="over", starts_at=old), ground=ground) == [{"expired"}]
    assert findings(held(key_id="never", starts_at=old)) == [set()], "nobody asked"


def test_a_line_says_when_it_was_last_used() -> None:
    used = {"key-1": START - DAY}
    [item] = judged(Holder("o", "c", "Billing", (held(),)), Ground("contoso", START, used=used))

    assert item.used_at == START - DAY
