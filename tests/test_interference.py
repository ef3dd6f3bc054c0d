"""What interrupted the CPUs that were to be left alone."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import irqtrace
from counted import counted_trace
from irqtrace.analyses import interference, rates
from irqtrace.analyses.counting import reduce_counts
from irqtrace.analyses.state import merge
from irqtrace.trace import flat_trace
from made import MadeLine, MadeRead, MadeTrace, small_trace
from test_analyses import changing_trace, of_machine
from test_rates import regular_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from irqtrace import Trace

CELL = ("kind", "irq", "name", "cpu")


def on_host(trace: Trace, host: str, isolated: list[int] | None, nohz_full: list[int] | None) -> Trace:
    """The same trace, of a host that leaves these CPUs alone."""
    facts: Any = {**trace._meta["host"], "host": host, "isolated": isolated, "nohz_full": nohz_full}
    return flat_trace(trace.scan(), {**trace._meta, "host": facts})


def test_each_cell_of_the_cpus_is_told_with_its_rate_the_most_first(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    frame = irqtrace.interference(trace, [1])
    expected = irqtrace.rates(trace, by=CELL).filter(pl.col("cpu") == 1, pl.col("count") > 0)
    both = frame.join(expected, on=CELL, suffix="_expected")
    assert len(both) == len(frame) == len(expected) > 0
    for column in ("count", "rate", "rate_lo", "rate_hi"):
        assert both[column].to_list() == pytest.approx(both[f"{column}_expected"].to_list(), rel=1e-12)
    assert frame["cpu"].unique().to_list() == [1]
    assert frame["count"].to_list() == sorted(frame["count"].to_list(), reverse=True)
    for cpu in (1, np.int64(1), iter([1])):
        assert irqtrace.interference(trace, cpu).equals(frame)  # type: ignore[arg-type]


def test_shares_are_of_the_kind_on_that_cpu_and_arch_lines_have_none(make_trace: Callable[..., Trace]) -> None:
    frame = irqtrace.interference(make_trace(), [0, 1])
    assert frame["cpu"].is_sorted()
    sums = frame.group_by("cpu", "kind").agg(pl.col("share").sum(), known=pl.col("share").count())
    for _, kind, share, known in sums.rows():
        assert (share == pytest.approx(1)) if kind != "arch" else known == 0


def test_a_cpu_that_nothing_interrupted_has_no_rows(make_trace: Callable[..., Trace]) -> None:
    counts = np.stack([np.full(100, 3), np.zeros(100, int)], axis=1)
    trace = make_trace(counted_trace({"eth0": counts}))
    assert irqtrace.interference(trace, [1]).is_empty()
    assert irqtrace.interference(trace, [0, 1]).select("cpu", "count", "share").rows() == [(0, 300, 1)]


def test_cpus_are_those_that_each_host_leaves_alone(make_trace: Callable[..., Trace]) -> None:
    one = on_host(make_trace(small_trace(1)), "one", [1], None)
    two = on_host(make_trace(small_trace(2)), "two", [], [0])
    none = on_host(make_trace(small_trace(3)), "none", [], [])
    assert irqtrace.interference(one).equals(irqtrace.interference(one, [1]))
    frame = irqtrace.interference([one, two, none])
    cpus = frame.select(pl.col("host").cast(pl.String), "cpu").unique().sort("host").rows()
    assert cpus == [("one", 1), ("two", 0)]
    for isolated, nohz_full in (([], []), (None, None)):
        with pytest.raises(ValueError, match=r"no host .* has isolated or nohz_full CPUs, or it is not known; give"):
            irqtrace.interference(on_host(one, "one", isolated, nohz_full))


def test_a_cpu_that_is_not_in_the_trace_is_refused_with_those_that_are(make_trace: Callable[..., Trace]) -> None:
    with pytest.raises(ValueError, match="CPU 7 is not in the trace; its CPUs are 0-1"):
        irqtrace.interference(make_trace(), [1, 7])
    for cpus in (-1, [70_000], ["1"], 1.5, "0-1"):
        with pytest.raises(ValueError, match="is no CPU"):
            irqtrace.interference(make_trace(), cpus)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no CPUs were given"):
        irqtrace.interference(make_trace(), [])


def test_recordings_of_one_machine_are_counted_together_over_the_time_of_all(make_trace: Callable[..., Trace]) -> None:
    fast, slow = (counted_trace({"eth0": np.full((length, 1), n)}) for n, length in ((9, 100), (3, 200)))
    later = on_host(make_trace(slow), "testhost", [], [])
    later = flat_trace(
        later.scan().with_columns(pl.col("time") + pl.duration(hours=1)),
        {**later._meta, "t0_ns": later._meta["t0_ns"] + 3_600_000_000_000},
    )
    frame = irqtrace.interference([make_trace(fast), later], 0)
    row = frame.row(0, named=True)
    assert (len(frame), row["count"], row["share"]) == (1, 1_500, 1)
    assert row["rate"] == pytest.approx((9_000 * 101 + 3_000 * 201) / 302)
    assert row["rate_lo"] < row["rate"] < row["rate_hi"]


def test_a_part_that_is_missing_bends_no_rate() -> None:
    a, b, c = regular_parts()
    for parts in ([a, c], [c, a], [a, b, c]):
        frame = irqtrace.interference(parts, [0, 1])
        assert frame["rate"].to_list() == pytest.approx([2_000] * 4)
        assert frame["count"].sum() == sum(part.deltas["delta"].sum() for part in parts)
        for row in frame.iter_rows(named=True):
            assert 1_990 < row["rate_lo"] <= 2_000 <= row["rate_hi"] < 2_010


def test_machines_are_told_apart() -> None:
    tables = [of_machine(small_trace(seed), host) for seed, host in enumerate(("one", "two"))]
    frame = irqtrace.interference(tables, 0)
    assert frame.columns[:2] == ["host", "boot"]
    for host, table in zip(("one", "two"), tables, strict=True):
        own = frame.filter(pl.col("host").cast(pl.String) == host).drop("host", "boot")
        assert_frame_equal(own, irqtrace.interference(table, 0), categorical_as_str=True)


def test_traces_without_time_have_counts_and_no_rates(make_trace: Callable[..., Trace]) -> None:
    assert irqtrace.interference(make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, [], [])), 0).is_empty()
    assert irqtrace.interference(make_trace(small_trace(samples=1)), 0).is_empty()


def test_a_line_of_three_samples_and_a_cpu_that_vanished_are_told(make_trace: Callable[..., Trace]) -> None:
    lines = [MadeLine(0, "irq", "30", "eth0"), MadeLine(1, "irq", "31", "short", first=50, last=52)]
    reads = []
    for n in range(101):
        deltas: dict[tuple[int, int | None], int] = {(0, cpu): n and 4 for cpu in ((0, 1) if n < 70 else (0,))}
        if 50 <= n <= 52:
            deltas[1, 1] = 7 if n > 50 else 0
        reads.append(MadeRead("irq", "proc", n, n * 1_000_000, 1_000, deltas))
    trace = make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, lines, reads))
    frame = irqtrace.interference(trace, 1)
    assert frame.select("name", "count", "rate").rows() == [
        ("eth0", 4 * 69, pytest.approx(2_760)),
        ("short", 14, pytest.approx(7_000)),
    ]


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 50),
    edges=st.lists(st.integers(1, 39), max_size=3, unique=True),
    every=st.sampled_from([None, "1ms", "7ms"]),
)
def test_the_states_of_parts_tell_what_the_whole_tells_and_windows_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, seed: int, edges: list[int], every: str | None
) -> None:
    trace = irqtrace.open_trace(changing_trace(seed).save(tmp_path_factory.mktemp("parts") / "t.parquet"))
    last = trace.info.duration_ns // 1_000_000
    bounds = sorted({0, *(edge for edge in edges if edge < last), last})
    parts = [trace.slice(f"{a}ms", f"{b}ms") for a, b in pairwise(bounds)]
    random.Random(seed).shuffle(parts)  # noqa: S311 - repeatable, not secret
    whole = interference.finish(interference.reduce(trace), [0, 1])
    joined = merge(reduce_counts(part, every) for part in parts)
    assert_frame_equal(interference.finish(joined, [0, 1]), whole, categorical_as_str=True)
    expected = rates.finish(rates.reduce(trace), CELL).filter(pl.col("cpu").is_not_null(), pl.col("count") > 0)
    assert_frame_equal(
        whole.select(*CELL, "count", "rate", "rate_lo", "rate_hi"),
        expected.drop("time"),
        check_row_order=False,
        categorical_as_str=True,
    )


def test_the_columns_are_those_that_are_promised(make_trace: Callable[..., Trace]) -> None:
    assert irqtrace.interference(make_trace(), 0).schema == pl.Schema(
        {
            "cpu": pl.UInt16(),
            "kind": pl.Enum(["irq", "arch", "softirq"]),
            "irq": pl.Categorical(),
            "name": pl.Categorical(),
            "count": pl.Int64(),
            "rate": pl.Float64(),
            "rate_lo": pl.Float64(),
            "rate_hi": pl.Float64(),
            "share": pl.Float64(),
        }
    )
