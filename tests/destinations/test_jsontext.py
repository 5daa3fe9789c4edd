"""Does a JSON object keep everything that is not ours, to the byte?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.destinations.formats.atomic import Unfit
from rotator.destinations.formats.jsontext import parse

VALUES = {"ID": '"1"', "SECRET": '"x"'}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text().filter(lambda name: name not in VALUES), anything, min_size=1, max_size=4),
    st.sampled_from([None, 0, 2, 4, "\t"]),
    st.sampled_from(["", "\n", " \r\n"]),
)
def test_putting_and_taking_gives_the_text_back(others: dict[str, Any], indent: Any, behind: str) -> None:
    text = json.dumps(others, indent=indent) + behind
    there = parse(text).compose(VALUES)
    assert json.loads(there) == others | {"ID": "1", "SECRET": "x"}
    assert parse(there).compose(VALUES) == there
    assert parse(there).compose({}, drop=VALUES) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "ID": "1",\n  "SECRET": "x"\n}\n'),
        ("{}", '{\n  "ID": "1",\n  "SECRET": "x"\n}'),
        ('{"A":1}', '{"A":1,"ID":"1","SECRET":"x"}'),
        ('{"A": 1}', '{"A": 1,"ID": "1","SECRET": "x"}'),
        ('{"A": 1, "B": 2}', '{"A": 1, "B": 2, "ID": "1", "SECRET": "x"}'),
        ('{\n\t"A" : 1.00e2 ,\n\t"SECRET": null\n}\n', '{\n\t"A" : 1.00e2 ,\n\t"SECRET": "x",\n\t"ID": "1"\n}\n'),
        ('{"SECRET": 1, "A": 2, "SECRET": 3}', '{"SECRET": "x", "A": 2, "ID": "1"}'),
        ('\ufeff{"A": 12345678901234567890.10}', '\ufeff{"A": 12345678901234567890.10,"ID": "1","SECRET": "x"}'),
        ('{"S\\u0045CRET": 1}', '{"S\\u0045CRET": "x","ID": "1"}'),
        ('{"A": {"SECRET": 1}}', '{"A": {"SECRET": 1},"ID": "1","SECRET": "x"}'),
    ],
)  # fmt: skip
def test_members_change_where_they_are_and_new_ones_go_to_the_end(before: str, after: str) -> None:
    assert parse(before).compose(VALUES) == after


@pytest.mark.parametrize(
    "text",
    ["[]", "1", "null", "{", '{"A"}', '{"A":}', '{"A": 1,}', '{"A": 1 "B": 2}', "{1: 2}", '{"A": 1}}', '{"A": 1} x',
     "{,}", '{"A": tru}', "// {}", "{'A': 1}", '{"A": ' + "[" * 100_000],
)  # fmt: skip
def test_what_is_no_object_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(Unfit) as caught:
        parse(text)
    assert text not in str(caught.value)


@given(st.text(st.sampled_from('{}[],:"\\ \n1aA')))
def test_what_json_takes_we_take_and_nothing_else(text: str) -> None:
    try:
        good = isinstance(json.loads(text), dict)
    except ValueError:
        good = not text.strip()
    if good:
        parse(text)
        return
    with pytest.raises(Unfit):
        parse(text)
