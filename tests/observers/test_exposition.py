"""Does Prometheus read what we write?"""

from __future__ import annotations

from rotator.observers.exposition import Counter, Histogram, line


def test_a_label_may_hold_anything() -> None:
    assert line("x", 1, {"a": 'quote " back \\ line\n'}) == 'x{a="quote \\" back \\\\ line\\n"} 1\n'


def test_a_counter_without_labels_begins_at_zero() -> None:
    counter = Counter("lost_total", "Lost.")

    assert list(counter.text()) == ["# HELP lost_total Lost.\n# TYPE lost_total counter\n", "lost_total 0\n"]


def test_a_counter_shows_what_it_was_told_to_expect_before_it_happens() -> None:
    counter = Counter("ended_total", "Ended.", ["result"], first=[["failed"]])
    counter.add("success")
    counter.add("success")

    assert list(counter.text())[1:] == ['ended_total{result="failed"} 0\n', 'ended_total{result="success"} 2\n']


def test_a_histogram_counts_upwards_and_a_bound_belongs_to_its_bucket() -> None:
    histogram = Histogram("took_seconds", "Took.", (1, 5), label="step")
    for seconds in (0.5, 1, 2, 60.25):
        histogram.add(seconds, "issue")

    assert list(histogram.text())[1:] == [
        'took_seconds_bucket{step="issue",le="1"} 2\n',
        'took_seconds_bucket{step="issue",le="5"} 3\n',
        'took_seconds_bucket{step="issue",le="+Inf"} 4\n',
        'took_seconds_sum{step="issue"} 63.750\n',
        'took_seconds_count{step="issue"} 4\n',
    ]


def test_a_histogram_without_a_label_is_there_before_anything_has_happened() -> None:
    assert "took_seconds_count 0\n" in list(Histogram("took_seconds", "Took.", (1,)).text())
