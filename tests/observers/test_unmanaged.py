"""Is Prometheus told what nobody rotates, and no more than it can hold?"""

from __future__ import annotations

from datetime import timedelta

from rotator.domain.inventory import Finding, Held, Holder, Item
from rotator.observers.unmanaged import Taken, Unmanaged
from tests.fakes import START
from tests.observers.reading import Samples

DAY = timedelta(days=1)
ENDS = "rotator_unmanaged_credential_expiry_timestamp_seconds"


def item(days: int | None, key_id: str = "key-1", rotation: str = "", *findings: Finding) -> Item:
    ends = None if days is None else START + days * DAY
    return Item("contoso", Holder("o", "c", "Billing"), Held(key_id, "secret", "", START, ends), rotation, findings)


def told(*items: Item) -> str:
    taken, unmanaged = Taken(START), Unmanaged()
    for each in items:
        taken.add(each)
    unmanaged.learn("contoso", taken)
    return "".join(unmanaged.text())


def test_before_the_first_inventory_nothing_is_told() -> None:
    assert list(Unmanaged().text()) == []


def test_only_what_nobody_rotates_counts() -> None:
    samples = Samples([told(item(10), item(20, "key-2", "billing", Finding.EXPIRING), item(None, "key-3"))])

    assert samples.value("rotator_unmanaged_credentials", connection="contoso", kind="secret") == 2
    assert samples.value("rotator_inventory_timestamp_seconds", connection="contoso") == START.timestamp()


def test_findings_are_counted() -> None:
    samples = Samples([told(item(10, "key-1", "", Finding.EXPIRING), item(12, "key-2", "", Finding.EXPIRING))])

    assert samples.value("rotator_unmanaged_findings", connection="contoso", finding="expiring") == 2


def test_only_ends_that_are_near_are_told_one_by_one_and_the_first_500_of_them() -> None:
    near = told(item(-8, "gone"), item(-7, "late"), item(60, "soon"), item(61, "far"), item(None, "never"))
    assert [f'key_id="{name}"' in near for name in ("gone", "late", "soon", "far", "never")] == [
        False,
        True,
        True,
        False,
        False,
    ]

    many = told(*(item(30, f"key-{n}") for n in range(700)), item(1, "first"))
    assert many.count(f"{ENDS}{{") == 500
    assert 'key_id="first"' in many
