"""A storm is what chance does not make, told with its begin, its end and the CPUs that took it."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import irqtrace
from counted import MS, Counts, bursts, counted_trace, poisson, reads_begin
from hotplug import Recorded
from irqtrace.analyses import storms
from irqtrace.analyses.state import merge
from made import MadeLine, MadeRead, MadeTrace, small_trace
from test_analyses import changing_trace, of_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from irqtrace import Trace


def alarms(counts: Counts, threshold: float) -> float:
    """The part of the windows that are of a storm, of lines (rows) with windows (columns) of 10 ms."""
    lines, windows = counts.shape
    what = np.repeat(np.arange(lines), windows)
    known = {"seconds": 0.01, "unsure_before": 0.0, "unsure_after": 0.0}
    frame = pl.DataFrame({"what": what, "count": counts.ravel(), **known})
    return storms.exceeding(frame, threshold).filter("exceeds").height / counts.size


@pytest.mark.parametrize("mean", [0.05, 0.6, 1.6, 2.6, 10, 100, 1_000])
@pytest.mark.parametrize("windows", [20, 1_000])
def test_chance_makes_as_few_storms_as_is_promised(mean: float, windows: int) -> None:
    counts = np.random.default_rng(1).poisson(mean, (400_000 // windows, windows))
    assert alarms(counts, 5) == 0
    for threshold, promised in ((4, 1 / 20_000), (3, 1 / 500)):
        assert alarms(counts, threshold) <= promised + 2 * math.sqrt(promised / counts.size)


def test_chance_exceeds_the_threshold_no_more_often_than_its_law_says() -> None:
    """By the law itself, since one in a million is too seldom to be counted."""
    for threshold, promised in ((5, 1e-6), (4, 1 / 20_000), (3, 1 / 500)):
        for mean in [*np.arange(0.05, 20, 0.05), 50, 100, 1_000]:
            events = np.arange(0, int(mean + 20 * math.sqrt(mean) + 60))
            log = -mean + events * math.log(mean) - np.array([math.lgamma(n + 1) for n in events])
            law = np.exp(log)
            median = int(np.searchsorted(law.cumsum(), 0.5))
            above = 2 * (np.sqrt(events + 0.375) - math.sqrt(median + 0.375))
            assert law[above > threshold].sum() < promised


def test_a_line_in_bursts_is_held_to_its_own_spread() -> None:
    counts = bursts(np.random.default_rng(2), 200, 10, (100, 1_000))
    # Chance alone would go beyond 5 in one window of a million.
    assert alarms(counts, 5) < 1e-4
    raised = counts.copy()
    raised[:, 500] += 1_000
    assert alarms(raised, 5) == pytest.approx(1e-3, rel=0.1)


def test_a_storm_has_its_begin_end_peak_baseline_and_cpus(make_trace: Callable[..., Trace]) -> None:
    rng = np.random.default_rng(3)
    counts = np.hstack([poisson(rng, 2_000, 2), np.zeros((2_000, 1), int), poisson(rng, 500, 2)])
    quiet = counts.copy()
    # From 1 s on: 30 ms of 20 and 10 more in each read.
    counts[1_000:1_030] += [10, 20, 0]
    counts[1_010:1_020] += [0, 10, 0]
    trace = make_trace(counted_trace({"eth0": counts, "eth1": quiet}))
    frame = irqtrace.storms(trace)
    assert frame.select("kind", "irq", "name").rows() == [("irq", "30", "eth0")]
    row = frame.with_columns(pl.col("begin", "end").dt.epoch("ns")).row(0, named=True)
    # What a read counts came since the read before it, and a window ends with its last read.
    first, last = 1_000 - 1, 1_030 + 9
    assert reads_begin(first) <= row["begin"] <= reads_begin(1_000) + 20_000
    assert reads_begin(1_030) <= row["end"] <= reads_begin(last) + 30_000
    inside = counts[(row["begin"] - reads_begin(0)) // MS : (row["end"] - reads_begin(0)) // MS]
    assert row["count"] == inside.sum() > 1_000
    assert row["peak"] == pytest.approx(42_500, rel=0.05)
    assert row["baseline"] == pytest.approx(2_500, rel=0.1)
    shares = {cpu["cpu"]: cpu["share"] for cpu in row["cpus"]}
    assert list(shares) == [1, 0, 2]
    assert [shares[cpu] for cpu in (0, 1, 2)] == pytest.approx((inside.sum(axis=0) / inside.sum()).tolist())


def test_windows_in_a_row_are_one_storm_and_others_are_apart(make_trace: Callable[..., Trace]) -> None:
    counts = np.full((1_000, 1), 1)
    for first, last in ((100, 130), (200, 210), (500, 501)):
        counts[first:last] += 50
    frame = irqtrace.storms(make_trace(counted_trace({"eth0": counts})))
    assert frame["begin"].is_sorted()
    assert len(frame) == 3
    assert frame["count"].to_list() == sorted(frame["count"].to_list(), reverse=True)


def test_a_quiet_line_has_no_storm_of_a_few_interrupts(make_trace: Callable[..., Trace]) -> None:
    counts = np.zeros((1_000, 1), int)
    counts[100], counts[300] = 1, 9
    assert irqtrace.storms(make_trace(counted_trace({"nvme0": counts}))).is_empty()
    counts[300] = 10
    frame = irqtrace.storms(make_trace(counted_trace({"nvme0": counts})))
    assert frame.select("count", "baseline").rows() == [(10, 0)]


def test_a_window_longer_than_others_because_reads_were_missed_is_no_storm(make_trace: Callable[..., Trace]) -> None:
    made = counted_trace({"eth0": np.full((1_000, 1), 5)})
    kept = [read for read in made.reads if not 400 < read.sample < 600]
    after = next(read for read in kept if read.sample == 600)
    after.deltas[0, 0] = 5 * 200
    made.reads = kept
    assert irqtrace.storms(make_trace(made)).is_empty()


def test_a_count_of_no_cpu_has_storms_without_cpus(make_trace: Callable[..., Trace]) -> None:
    reads = [MadeRead("arch", "proc", n, n * MS, 1_000, {(0, None): 100 * (n == 500)}) for n in range(1_000)]
    made = MadeTrace(MS, {("arch", "proc"): 1}, [MadeLine(0, "arch", "ERR", "ERR")], reads)
    assert irqtrace.storms(make_trace(made)).select("irq", "count", "cpus").rows() == [("ERR", 100, None)]


def test_windows_are_of_the_longest_interval_where_that_is_longer(make_trace: Callable[..., Trace]) -> None:
    reads = [MadeRead("irq", "proc", n, n * 50 * MS, 1_000, {(0, 0): 200 if n == 60 else n and 1}) for n in range(100)]
    made = MadeTrace(50 * MS, {("irq", "proc"): 1}, [MadeLine(0, "irq", "30", "eth0")], reads)
    trace = make_trace(made)
    assert irqtrace.storms(trace)["count"].to_list() == [200]
    with pytest.raises(ValueError, match="smallest here is 50ms"):
        irqtrace.storms(trace, "10ms")


def test_too_few_windows_make_no_baseline_and_no_storm(make_trace: Callable[..., Trace]) -> None:
    empty = MadeTrace(MS, {("irq", "proc"): 1}, [], [])
    counts = np.full((180, 1), 1)
    counts[100:110] = 500
    for made in (empty, small_trace(samples=1), small_trace(samples=3), counted_trace({"eth0": counts})):
        frame = irqtrace.storms(make_trace(made))
        assert frame.is_empty()
        assert frame.schema == pl.Schema(
            {
                "kind": pl.Enum(["irq", "arch", "softirq"]),
                "irq": pl.Categorical(),
                "name": pl.Categorical(),
                "begin": pl.Datetime("ns", "UTC"),
                "end": pl.Datetime("ns", "UTC"),
                "peak": pl.Float64(),
                "baseline": pl.Float64(),
                "count": pl.Int64(),
                "cpus": pl.List(pl.Struct({"cpu": pl.UInt16(), "share": pl.Float64()})),
            }
        )


def test_each_machine_has_a_baseline_of_its_own() -> None:
    tables = []
    for host, mean in (("one", 1), ("two", 100)):
        counts = np.full((1_000, 1), mean)
        counts[500:510] *= 20
        tables.append(of_machine(counted_trace({"eth0": counts}), host))
    frame = irqtrace.storms(tables)
    assert frame.columns[:2] == ["host", "boot"]
    assert sorted(frame.select(pl.col("host").cast(pl.String), pl.col("baseline").round_sig_figs(2)).rows()) == [
        ("one", 1_000),
        ("two", 100_000),
    ]


def recording(counts: Counts, later_s: int) -> Trace:
    """A recording of one machine, so much later than others."""
    made = Recorded(counted_trace({"eth0": counts}), {}, later_ns=later_s * 1_000_000_000)
    return made.trace()


def test_a_storm_has_the_cpus_of_its_own_recording() -> None:
    """In both the storm is in the same windows of the grid, on CPU 0 in the one and on 1 and 2 in the other."""
    first, second = np.full((1_000, 1), 1), np.full((1_000, 3), 1)
    first[500:510] += 50
    second[:, [0, 2]] = 0
    second[500:510] += [0, 60, 30]
    frame = irqtrace.storms([recording(first, 0), recording(second, 60)])
    assert frame["begin"].is_sorted()
    shares = [{cpu["cpu"]: cpu["share"] for cpu in cpus} for cpus in frame["cpus"]]
    inside = frame["count"].to_list()
    assert shares == [{0: 1}, {1: pytest.approx(2 / 3, abs=0.02), 2: pytest.approx(1 / 3, abs=0.02)}]
    assert 10 * 51 <= inside[0] <= 10 * 51 + 20
    assert 10 * 91 <= inside[1] <= 10 * 91 + 20


def test_storms_at_the_end_of_a_recording_and_at_the_begin_of_the_next_are_two() -> None:
    first, second = np.full((1_000, 1), 1), np.full((1_000, 1), 1)
    first[950:] += 50
    second[:70] += 50
    for later_s in (1, 60):
        frame = irqtrace.storms([recording(first, 0), recording(second, later_s)])
        assert len(frame) == 2
        begin, end = (frame[column].dt.epoch("ns").to_list() for column in ("begin", "end"))
        assert begin[0] < end[0] <= reads_begin(1_000) + 30_000
        assert begin[1] >= reads_begin(later_s * 1_000)
        assert frame["count"].sum() == pytest.approx(51 * 120, rel=0.1)


def test_a_storm_on_both_sides_of_a_part_that_is_missing_is_two() -> None:
    """What came in between is not known: it is no part of a storm."""
    counts = np.full((1_500, 1), 1)
    counts[450:1_050] += 50
    whole = recording(counts, 0)
    a, b, c = whole.slice(None, "500ms"), whole.slice("500ms", "1s"), whole.slice("1s", None)
    assert len(irqtrace.storms(whole)) == len(irqtrace.storms([a, b, c])) == 1
    frame = irqtrace.storms([c, a])
    assert len(frame) == 2
    assert frame["end"].dt.epoch("ns")[0] <= reads_begin(500)
    assert frame["begin"].dt.epoch("ns")[1] >= reads_begin(999)
    # Windows are of whole tens: 450 to 499, and 1,000 to 1,059.
    assert frame["count"].to_list() == [1 + 49 * 51, 51 * 51 + 9]
    assert frame["peak"].to_list() == [pytest.approx(51_000, rel=0.01)] * 2
    assert frame["baseline"].to_list() == [pytest.approx(1_000)] * 2


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 50),
    edges=st.lists(st.integers(1, 39), max_size=3, unique=True),
    every=st.sampled_from(["1ms", "2ms"]),
)
def test_the_states_of_parts_have_the_storms_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, seed: int, edges: list[int], every: str
) -> None:
    trace = irqtrace.open_trace(changing_trace(seed).save(tmp_path_factory.mktemp("parts") / "t.parquet"))
    last = trace.info.duration_ns // MS
    bounds = sorted({0, *(edge for edge in edges if edge < last), last})
    parts = [trace.slice(f"{a}ms", f"{b}ms") for a, b in pairwise(bounds)]
    random.Random(seed).shuffle(parts)  # noqa: S311 - repeatable, not secret
    whole = storms.finish(storms.reduce(trace, every), threshold=1)
    joined = merge(storms.reduce(part, every) for part in parts)
    assert_frame_equal(storms.finish(joined, threshold=1), whole, categorical_as_str=True)


@pytest.mark.parametrize("threshold", [0, -1, math.nan, math.inf, None, "5"])
def test_a_threshold_that_is_none_is_refused(make_trace: Callable[..., Trace], threshold: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match="threshold"):
        irqtrace.storms(make_trace(), threshold=threshold)


@pytest.mark.parametrize("every", ["0s", timedelta(0), "", "soon"])
def test_a_window_that_is_no_duration_is_refused(make_trace: Callable[..., Trace], every: Any) -> None:  # noqa: ANN401
    for analysis in (irqtrace.storms, partial(irqtrace.compare, make_trace())):
        with pytest.raises(ValueError, match="every"):
            analysis(make_trace(), every=every)


def test_a_state_without_windows_has_no_storms_to_tell(make_trace: Callable[..., Trace]) -> None:
    with pytest.raises(ValueError, match="reduce with the length of a window"):
        storms.finish(irqtrace.analyses.rates.reduce(make_trace()))
