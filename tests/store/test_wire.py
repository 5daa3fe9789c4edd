"""Does what is said to a server come back as it was, and does a failure leave nobody with another's answer?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rotator.store.wire import Wire
from tests.postgres import Server


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    url = postgres.make_database(empty=True)
    yield url
    postgres.drop(url)


@pytest.fixture(params=[True, False], ids=["prepared", "behind a pooler"])
def wire(url: str, request: pytest.FixtureRequest) -> Iterator[Wire]:
    made = Wire(psycopg.connect(url, autocommit=True), prepares=request.param)
    made.execute("CREATE TABLE things (n bigint, small integer, word text, flag boolean, body bytea)")
    yield made
    made.close()


INSERT = "INSERT INTO things VALUES (%(n)s, %(small)s, %(word)s, %(flag)s, %(body)s)"
FACTS: list[dict[str, Any]] = [
    {"n": 2**63 - 1, "small": 2**31 - 1, "word": "a'b\\%s é\n", "flag": True, "body": bytes(range(256))},
    {"n": -(2**63), "small": -1, "word": "", "flag": False, "body": b""},
    {"n": None, "small": None, "word": None, "flag": None, "body": None},
]


def test_values_come_back_as_they_were(wire: Wire) -> None:
    wire.execute(INSERT, FACTS[0])
    wire.together([(INSERT, each) for each in FACTS[1:]])
    asked = "SELECT * FROM things WHERE n IS NOT DISTINCT FROM %(n)s AND word IS NOT DISTINCT FROM %(word)s"
    for fact in FACTS:
        found = wire.execute(asked, {"n": fact["n"], "word": fact["word"]}).fetchall()
        assert found == [tuple(fact.values())]
    assert wire.together([(asked, {"n": each["n"], "word": each["word"]}) for each in FACTS]) == [
        [tuple(each.values())] for each in FACTS
    ]


def test_a_percent_sign_and_a_name_used_twice_are_said_as_they_are_meant(wire: Wire) -> None:
    found = wire.execute("SELECT 7 %% 4, %(a)s::text || %(a)s, count(*), sum(1::numeric) FROM things", {"a": "x"})
    assert found.fetchone() == (3, "xx", 0, None)
    assert wire.execute("SELECT 1.5::numeric").fetchone() == (Decimal("1.5"),)


def test_how_many_rows_have_changed_and_what_was_done_is_told(wire: Wire) -> None:
    wire.together([(INSERT, each) for each in FACTS])
    assert wire.execute("UPDATE things SET flag = true WHERE n < %(most)s", {"most": 5}).rowcount == 1
    wire.execute(b"BEGIN; SELECT 1")
    assert wire.fetchone() == (1,)
    wire.together([(INSERT, FACTS[0]), ("COMMIT", {})])
    assert wire.done == "COMMIT"


def test_more_than_a_buffer_holds_goes_through(wire: Wire) -> None:
    large = {**FACTS[0], "body": b"\xff" * 100_000}
    wire.together([(INSERT, large)] * 300)
    found = wire.together([("SELECT body FROM things LIMIT %(most)s", {"most": 2})] * 250)
    assert {len(rows) for rows in found} == {2}
    assert wire.execute("SELECT count(*) FROM things").fetchone() == (300,)


def test_the_first_failure_of_several_is_told_and_the_next_statement_has_its_own_answer(wire: Wire) -> None:
    wire.execute("BEGIN")
    with pytest.raises(psycopg.errors.DivisionByZero):
        wire.together([("SELECT 1", {}), ("SELECT 1 / %(none)s", {"none": 0}), ("SELECT 3", {})])
    assert not wire.is_lost
    wire.execute("ROLLBACK")
    assert wire.together([("SELECT 4", {}), ("SELECT 5", {})]) == [[(4,)], [(5,)]]


@pytest.mark.parametrize("several", [False, True])
def test_a_lost_connection_is_an_operational_error_and_known_to_be_lost(wire: Wire, url: str, *, several: bool) -> None:
    (pid,) = wire.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
        other.execute("SELECT pg_sleep(0.2)")
    said = ("SELECT %(n)s::int", {"n": 1})
    with pytest.raises(psycopg.OperationalError):
        _ = wire.together([said] * 3) if several else wire.execute(*said)
    assert wire.is_lost


def test_a_statement_that_was_kept_for_a_table_that_has_changed_is_forgotten(wire: Wire) -> None:
    asked = ("SELECT * FROM things WHERE n = %(n)s", {"n": 1})
    wire.execute(*asked)
    wire.execute("ALTER TABLE things ADD COLUMN more text")
    try:
        wire.execute(*asked)
    except psycopg.errors.FeatureNotSupported:
        wire.mend()
        wire.execute(*asked)
    assert wire.fetchall() == []


def test_very_many_statements_are_not_all_kept(wire: Wire) -> None:
    for n in range(600):
        assert wire.execute(f"SELECT {n} + %(one)s", {"one": 1}).fetchone() == (n + 1,)
    (kept,) = wire.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() or (0,)
    assert kept <= 500
