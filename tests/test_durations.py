"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqtrace.durations import duration_ns, duration_text, positive_ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1ns", 1),
        ("250us", 250_000),
        ("250µs", 250_000),
        ("250μs", 250_000),
        ("1.5ms", 1_500_000),
        ("10s", 10_000_000_000),
        ("1m30s", 90_000_000_000),
        ("10min", 600_000_000_000),
        ("1h", 3_600_000_000_000),
        ("1d", 86_400_000_000_000),
        ("2w", 14 * 86_400_000_000_000),
        ("-5s", -5_000_000_000),
        (" 1s ", 1_000_000_000),
        (timedelta(milliseconds=3), 3_000_000),
        (timedelta(days=-1), -86_400_000_000_000),
    ],
)
def test_durations_are_read_as_in_polars_and_minutes_also_in_full(text: str | timedelta, ns: int) -> None:
    assert duration_ns(text) == ns


@pytest.mark.parametrize("text", ["5 parsecs", "", "5", "s", "1.s", "--1s", "1s-1s", "1S", "0.1ns", "1e3s", "99999w"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="interval"):
        duration_ns(text, "interval")


@pytest.mark.parametrize("value", [0, 5, 1.5])
def test_a_number_without_unit_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="has no unit"):
        duration_ns(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["0s", "-1ms", timedelta(0)])
def test_what_must_last_is_longer_than_zero(text: str | timedelta) -> None:
    with pytest.raises(ValueError, match="not longer than zero"):
        positive_ns(text)


@given(st.integers(0, 2**63 - 1))
def test_the_text_of_a_duration_is_exact(ns: int) -> None:
    assert duration_ns(duration_text(ns)) == ns
