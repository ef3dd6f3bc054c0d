"""Quality says what was reached, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irqtrace
from made import MadeLine, MadeRead, MadeTrace, small_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from irqtrace import Trace

LINE = MadeLine(0, "irq", "7", "eth0")
GROUP = {("irq", "proc"): 1}


def test_there_is_a_row_per_group_in_order(make_trace: Callable[..., Trace]) -> None:
    frame = irqtrace.quality(make_trace())
    assert frame["kind"].to_list() == ["irq", "arch", "softirq"]
    assert frame["interval_ns"].to_list() == [1_000_000, 5_000_000, 1_000_000]


def test_missed_samples_are_those_that_were_due_and_not_read(make_trace: Callable[..., Trace]) -> None:
    made = small_trace(seed=5, missed=0.3)
    trace = make_trace(made)
    frame = irqtrace.quality(trace)
    assert frame["reads"].to_list() == [len(trace.samples.filter(kind=kind)) for kind in frame["kind"]]
    assert (frame["expected"] == frame["reads"] + frame["missed"]).all()
    assert (frame["missed_share"] == frame["missed"] / frame["expected"]).all()
    assert frame["missed"].sum() > 0


def test_the_achieved_rate_is_of_the_reads_and_not_of_the_wish(make_trace: Callable[..., Trace]) -> None:
    reads = [MadeRead("irq", "proc", n, n * 1_000_000, 1_000, {}) for n in (0, 1, 2, 4)]
    frame = irqtrace.quality(make_trace(MadeTrace(1_000_000, GROUP, [LINE], reads)))
    assert frame["achieved_hz"].to_list() == [750.0]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 500_000), st.integers(0, 400_000)), min_size=1, max_size=30))
def test_quantiles_are_values_that_occurred(
    tmp_path_factory: pytest.TempPathFactory, times: list[tuple[int, int]]
) -> None:
    reads = [MadeRead("irq", "proc", n, n * 1_000_000 + late, length, {}) for n, (late, length) in enumerate(times)]
    path = tmp_path_factory.mktemp("quality") / "t.parquet"
    trace = irqtrace.open_trace(MadeTrace(1_000_000, GROUP, [LINE], reads).save(path))
    row = irqtrace.quality(trace).row(0, named=True)
    for what, values in (("late", sorted(late for late, _ in times)), ("read", sorted(read for _, read in times))):
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
            value = row[f"{what}_{name}_ns"]
            assert value in values
            assert sum(other <= value for other in values) >= share * len(values) - 1
        assert row[f"{what}_max_ns"] == values[-1]


def test_the_sampler_ships_its_own_cost(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace(small_trace(missed=0))
    frame = irqtrace.quality(trace)
    assert frame["cpu_share"].unique().to_list() == [0.05]
    assert frame["cpu_ns_per_sample"].unique().to_list() == [50_000 / 40]
    assert frame["own_timer_interrupts"].unique().to_list() == [20]


def test_the_cost_of_a_part_is_not_known(make_trace: Callable[..., Trace]) -> None:
    frame = irqtrace.quality(make_trace().slice("10ms", "20ms"))
    own = frame.select("cpu_share", "cpu_ns_per_sample", "own_timer_interrupts")
    assert own.null_count().row(0) == (3, 3, 3)
    assert frame["achieved_hz"].null_count() < len(frame)


@pytest.mark.parametrize("reads", [0, 1])
def test_nothing_is_claimed_from_too_few_reads(make_trace: Callable[..., Trace], reads: int) -> None:
    made = [MadeRead("irq", "proc", n, n * 1_000_000, 1_000, {}) for n in range(reads)]
    frame = irqtrace.quality(make_trace(MadeTrace(1_000_000, GROUP, [LINE], made)))
    assert frame["achieved_hz"].to_list() == [None]
    assert frame["late_max_ns"].to_list() == [0 if reads else None]
    assert not frame.select(pl.col(pl.Float64).is_nan().any()).row(0).count(True)
