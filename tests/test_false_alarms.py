"""How often a comparison of recordings takes chance for a change, and finds a change that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

import irqtrace
from counted import Counts, bursts, counted_trace
from made import in_memory

if TYPE_CHECKING:
    from irqtrace import Trace

LINES = 1_000
PROMISED, FOUND = 0.05, 0.8


def of_lines(counts: Counts, marks: dict[str, int] | None = None) -> Trace:
    """A recording of lines, given as (lines, reads, cpus)."""
    return in_memory(counted_trace({f"line{at}": table for at, table in enumerate(counts)}, marks=marks))


@pytest.mark.parametrize("by", ["line", "cpu"])
@pytest.mark.parametrize("events", [10, 50])
def test_of_a_thousand_poisson_lines_recorded_twice_at_most_five_of_a_hundred_are_significant(
    events: int, by: Literal["line", "cpu"]
) -> None:
    rng = np.random.default_rng(2)
    before, after = (of_lines(rng.poisson(events / 200, (LINES, 100, 2))) for _ in range(2))
    frame = irqtrace.compare(before, after, by=by)
    # What had no interrupt in either has no row.
    assert frame["name"].n_unique() >= 0.99 * LINES
    assert frame["significant"].null_count() == 0
    assert frame["significant"].sum() <= PROMISED * LINES * (2 if by == "cpu" else 1)


def test_of_a_thousand_lines_in_bursts_shorter_than_a_window_at_most_five_of_a_hundred_are_significant() -> None:
    rng = np.random.default_rng(2)
    before, after = (of_lines(bursts(rng, 1, 5, (LINES, 100, 1))) for _ in range(2))
    frame = irqtrace.compare(before, after)
    assert len(frame) == LINES
    assert frame["significant"].sum() <= PROMISED * LINES


def test_bursts_over_two_reads_of_a_window_are_no_change() -> None:
    rng = np.random.default_rng(2)

    def spread() -> Trace:
        """Bursts of 2 reads with 3 interrupts each, in windows of 10."""
        begun = rng.poisson(0.05, (LINES, 200, 1))
        return of_lines(3 * (begun + np.roll(begun, 1, axis=1)))

    frame = irqtrace.compare(spread(), spread(), every="10ms")
    assert len(frame) == LINES
    assert frame["significant"].sum() <= PROMISED * LINES


def test_at_a_mark_at_which_nothing_changed_at_most_five_of_a_hundred_are_significant() -> None:
    counts = np.random.default_rng(2).poisson(0.5, (LINES, 200, 1))
    frame = irqtrace.compare(of_lines(counts, marks={"nothing": 100}))
    assert len(frame) == LINES
    assert frame["significant"].sum() <= PROMISED * LINES


@pytest.mark.parametrize("law", ["poisson", "bursts"])
def test_a_change_of_ten_percent_in_ten_thousand_events_is_found_in_four_of_five(law: str) -> None:
    rng, runs, reads = np.random.default_rng(3), 150, 200

    def recording(events: int) -> Trace:
        mean, shape = events / reads, (runs, reads, 1)
        return of_lines(rng.poisson(mean, shape) if law == "poisson" else bursts(rng, mean, 3, shape))

    usual = recording(10_000)
    for changed, told in ((11_000, "faster"), (9_000, "slower")):
        frame = irqtrace.compare(usual, recording(changed))
        assert len(frame) == runs
        assert frame.filter("significant", change=told).height >= FOUND * runs
