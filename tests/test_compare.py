"""What is told as changed did change, and what changed is told."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import irqtrace
from counted import Counts, bursts, counted_trace, poisson, reads_begin
from irqtrace.analyses import compare
from irqtrace.analyses.ratio import ratios, t_quantile
from irqtrace.analyses.state import merge
from made import MadeLine, MadeRead, MadeTrace, small_trace
from test_analyses import changing_trace, of_machine
from test_rates import regular_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from irqtrace import Trace

RUNS, WINDOWS = 1000, 20
MOST_FALSE_ALARMS = 0.05 + 1.645 * math.sqrt(0.05 * 0.95 / RUNS)
"""Of that many runs of a test that is wrong in 5 %, 95 % have no more."""


def two_sides(before: Counts, after: Counts) -> pl.DataFrame:
    """What the statistics are given of counts (runs, windows), each window a second."""
    columns: dict[str, Any] = {}
    for side, counts in (("before", before), ("after", after)):
        columns[f"count_{side}"] = counts.sum(axis=1)
        columns[f"squares_{side}"] = ((counts - counts.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        columns[f"seconds_{side}"] = np.full(len(counts), float(counts.shape[1]))
        columns[f"windows_{side}"] = np.full(len(counts), float(counts.shape[1]))
        columns[f"unsure_{side}"] = np.zeros(len(counts))
    return pl.DataFrame(columns)


def found(rows: pl.DataFrame) -> float:
    """The part of the runs in which a difference was found."""
    return rows.filter("significant").height / len(rows)


# The statistics


@pytest.mark.parametrize("events", [1, 5, 20, 100, 1_000, 10_000])
@pytest.mark.parametrize("longer", [1, 5])
def test_a_poisson_stream_is_taken_for_changed_in_five_of_a_hundred_comparisons_at_most(
    events: int, longer: int
) -> None:
    rng = np.random.default_rng(events)
    before, after = (rng.poisson(events / WINDOWS, (RUNS, windows)) for windows in (WINDOWS, longer * WINDOWS))
    assert found(ratios(two_sides(before, after))) <= MOST_FALSE_ALARMS
    assert found(ratios(two_sides(after, before))) <= MOST_FALSE_ALARMS


@pytest.mark.parametrize("size", [3, 10, 50])
@pytest.mark.parametrize("events", [100, 1_000, 10_000])
def test_a_stream_of_bursts_is_taken_for_changed_no_more_often(events: int, size: int) -> None:
    rng = np.random.default_rng(events + size)
    before, after = (bursts(rng, events / WINDOWS, size, (RUNS, WINDOWS)) for _ in range(2))
    assert found(ratios(two_sides(before, after))) <= MOST_FALSE_ALARMS


def test_a_change_of_ten_percent_in_ten_thousand_is_found() -> None:
    rng = np.random.default_rng(1)
    before, after = (rng.poisson(events / WINDOWS, (RUNS, WINDOWS)) for events in (10_000, 11_000))
    assert found(ratios(two_sides(before, after))) >= 0.99
    before, after = (bursts(rng, events / WINDOWS, 3, (RUNS, WINDOWS)) for events in (10_000, 11_000))
    assert found(ratios(two_sides(before, after))) >= 0.8


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_the_interval_holds_the_true_ratio_in_95_of_a_hundred(ratio: float) -> None:
    rng = np.random.default_rng(2)
    before, after = (bursts(rng, mean, 5, (RUNS, WINDOWS)) for mean in (100, 100 * ratio))
    rows = ratios(two_sides(before, after))
    missed = rows.filter((pl.col("ratio_lo") > ratio) | (pl.col("ratio_hi") < ratio))
    assert len(missed) / RUNS <= MOST_FALSE_ALARMS
    widths = (rows["ratio_hi"] / rows["ratio_lo"]).log() / 2
    # φ of such bursts is 2 · 5 - 1, and the variance of the log ratio its sum over both counts.
    expected = 2.02 * math.sqrt(9 / 2_000 * (1 + 1 / ratio))
    assert widths.median() == pytest.approx(expected, rel=0.15)


def test_a_regular_stream_shows_a_change_that_chance_would_hide() -> None:
    regular = np.full((1, WINDOWS), 100)
    assert found(ratios(two_sides(regular, regular + 1))) == 1
    assert found(ratios(two_sides(regular, regular))) == 0
    # One interrupt at the edge of a span is no change.
    edge = regular.copy()
    edge[0, 0] += 1
    assert found(ratios(two_sides(regular, edge))) == 0


def test_one_side_without_an_interrupt_has_a_bound_and_nothing_at_all_has_none() -> None:
    none, some = np.zeros((1, WINDOWS), int), np.full((1, WINDOWS), 5)
    came = ratios(two_sides(none, some)).row(0, named=True)
    assert came["ratio_lo"] > 10
    assert (came["ratio_hi"], came["significant"]) == (None, True)
    went = ratios(two_sides(some, none)).row(0, named=True)
    assert (went["ratio_lo"], went["significant"]) == (0, True)
    assert went["ratio_hi"] < 0.1
    for before, after in ((none, none), (some[:, :1], some[:, :1])):
        row = ratios(two_sides(before, after)).row(0, named=True)
        assert (row["ratio_lo"], row["ratio_hi"], row["significant"]) == (None, None, None)
    # A single burst is one event, however great.
    burst = none.copy()
    burst[0, 3] = 1_000
    assert found(ratios(two_sides(none, burst))) == 0


def test_students_t_is_that_of_the_tables() -> None:
    table = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 10: 2.228, 30: 2.042, 120: 1.980}
    for free, value in table.items():
        assert t_quantile(0.05, free) == pytest.approx(value, abs=6e-4)
    assert t_quantile(0.001, 10) == pytest.approx(4.587, abs=1e-3)
    assert t_quantile(0.001, 38) == pytest.approx(3.566, abs=1e-3)


# Of traces


def test_two_recordings_of_one_stream_are_the_same_and_a_faster_line_is_found(
    make_trace: Callable[..., Trace],
) -> None:
    rng = np.random.default_rng(3)
    rates = {"steady": 2_000, "faster": 2_000, "slower": 1_000, "rare": 5}
    before = make_trace(counted_trace({name: poisson(rng, hz, 2, cpus=2) for name, hz in rates.items()}))
    changed = rates | {"faster": 3_000, "slower": 500}
    after = make_trace(
        counted_trace({name: poisson(rng, hz, 1, cpus=2) for name, hz in changed.items()}, first_number=90)
    )
    frame = irqtrace.compare(before, after)
    assert frame["name"].to_list() == ["faster", "slower", "steady", "rare"]
    assert frame["change"].to_list() == ["faster", "slower", "same", "same"]
    assert frame["significant"].to_list() == [True, True, False, False]
    # They have other numbers, and the one after counts.
    assert frame["irq"].to_list() == ["91", "92", "90", "93"]
    for row in frame.iter_rows(named=True):
        assert row["ratio_lo"] < changed[row["name"]] / rates[row["name"]] < row["ratio_hi"]
        assert row["ratio"] == row["rate_after"] / row["rate_before"]
        assert row["moved_share"] < 0.5
    for trace, side in ((before, "before"), (after, "after")):
        expected = irqtrace.rates(trace, by="name").select("name", rate=pl.col("rate"))
        both = frame.join(expected, on="name")
        assert both[f"rate_{side}"].to_list() == pytest.approx(both["rate"].to_list(), rel=1e-12)


def test_false_alarms_of_traces_are_few(make_trace: Callable[..., Trace]) -> None:
    rng = np.random.default_rng(4)
    names = [f"line{n}" for n in range(100)]
    sides = []
    for _ in range(2):
        lines = {name: poisson(rng, 200, 1, cpus=2) for name in names[:50]}
        lines |= {name: bursts(rng, 0.2, 4, (1000, 2)) for name in names[50:]}
        sides.append(make_trace(counted_trace(lines)))
    for by in ("line", "cpu"):
        frame = irqtrace.compare(*sides, by=by)
        alarms = frame["significant"].sum() / len(frame)
        assert alarms <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / len(names))
        assert "moved" not in frame["change"]


def test_a_line_that_was_moved_is_told_as_moved_and_counted_on_each_cpu(make_trace: Callable[..., Trace]) -> None:
    rng = np.random.default_rng(5)
    none = np.zeros((2000, 1), int)
    here, still = poisson(rng, 1_000, 2), poisson(rng, 4_000, 2, cpus=2)
    moved = np.vstack([np.hstack([here[:1000], none[:1000]]), np.hstack([none[:1000], here[1000:]])])
    half = np.vstack([here[:1000].repeat(2, axis=1) // 2, np.hstack([here[1000:], none[1000:]])])
    trace = make_trace(counted_trace({"still": still, "moved": moved, "half": half}, marks={"moved irq 31": 1001}))
    frame = irqtrace.compare(trace)
    assert frame.columns[:2] == ["before", "after"]
    assert frame.select("before", "after").unique().rows() == [("start", "moved irq 31")]
    rows = {row["name"]: row for row in frame.iter_rows(named=True)}
    assert (rows["moved"]["change"], rows["moved"]["moved_share"], rows["moved"]["significant"]) == ("moved", 1, True)
    assert frame["name"][0] == "moved"
    assert rows["half"]["moved_share"] == pytest.approx(0.5)
    assert (rows["still"]["change"], rows["still"]["significant"]) == ("same", False)
    assert rows["still"]["moved_share"] < 0.05
    cells = irqtrace.compare(trace, by="cpu").filter(name="moved").sort("cpu")
    assert cells["change"].to_list() == ["slower", "faster"]
    assert cells["ratio"].to_list() == [0, None]
    assert cells["ratio_lo"][0] == 0
    assert cells["ratio_lo"][1] > 10
    assert cells["ratio_hi"][1] is None
    assert cells["moved_share"].to_list() == [1, 1]


def test_bursts_that_fall_on_one_cpu_or_another_did_not_move(make_trace: Callable[..., Trace]) -> None:
    rng = np.random.default_rng(6)
    sides = []
    for _ in range(2):
        lines = {}
        for n in range(40):
            cpu = rng.integers(0, 2, 1000)
            burst = np.where(rng.random(1000) < 0.02, 100, 0)
            lines[f"line{n}"] = np.stack([burst * (cpu == 0), burst * (cpu == 1)], axis=1)
        sides.append(make_trace(counted_trace(lines)))
    frame = irqtrace.compare(*sides)
    assert frame["moved_share"].max() > 0.1  # type: ignore[operator]
    assert frame.filter(change="moved").is_empty()


@pytest.mark.parametrize("by", ["line", "cpu"])
@pytest.mark.parametrize("every", [None, "50ms", "70ms"])
def test_a_part_that_is_missing_is_no_change(by: Literal["line", "cpu"], every: str | None) -> None:
    a, b, c = regular_parts()
    hz = 4_000 if by == "line" else 2_000
    for sides in (([a, c], [a, b, c]), ([a, b, c], [c, a]), (b, [a, c])):
        frame = irqtrace.compare(*sides, every=every, by=by)
        for column in ("rate_before", "rate_after"):
            assert frame[column].to_list() == pytest.approx([hz] * len(frame))
        assert frame["change"].unique().to_list() == ["same"]
        assert frame["significant"].unique().to_list() == [False]


def test_each_mark_begins_a_part_that_is_compared_with_the_one_before(make_trace: Callable[..., Trace]) -> None:
    rng = np.random.default_rng(7)
    parts = [poisson(rng, hz, 0.5) for hz in (2_000, 6_000, 6_000)]
    made = counted_trace({"eth0": np.vstack(parts)}, marks={"load on": 501, "tuned": 1001})
    made.marks.insert(0, {"sample": 0, "time_ns": reads_begin(-5), "text": "before it began"})
    made.marks.append({"sample": 1500, "time_ns": reads_begin(1600), "text": "after it ended"})
    frame = irqtrace.compare(make_trace(made))
    assert frame.select("before", "after", "change").rows() == [
        ("before it began", "load on", "faster"),
        ("load on", "tuned", "same"),
    ]
    assert frame["rate_after"][0] == frame["rate_before"][1] == pytest.approx(parts[1].sum() / 0.5, rel=1e-6)


def test_a_trace_without_a_mark_between_its_reads_has_nothing_to_compare(make_trace: Callable[..., Trace]) -> None:
    with pytest.raises(ValueError, match="no mark between its reads"):
        irqtrace.compare(make_trace())
    made = small_trace()
    made.marks = [{"sample": 0, "time_ns": reads_begin(0), "text": "begin"}]
    with pytest.raises(ValueError, match="no mark between its reads"):
        irqtrace.compare(make_trace(made))
    with pytest.raises(ValueError, match="this one is 2 traces"):
        irqtrace.compare([make_trace(), make_trace()])


def test_lines_that_came_or_went_are_told_and_have_no_ratio(make_trace: Callable[..., Trace]) -> None:
    rng = np.random.default_rng(8)
    eth, nvme = poisson(rng, 2_000, 1), poisson(rng, 500, 1)
    with_nvme = make_trace(counted_trace({"eth0": eth, "nvme0q1": nvme}))
    without = make_trace(counted_trace({"eth0": eth}))
    for sides, change, rates in (
        ((without, with_nvme), "new", (0, nvme.sum())),
        ((with_nvme, without), "gone", (nvme.sum(), 0)),
    ):
        row = irqtrace.compare(*sides).row(0, named=True)
        assert (row["name"], row["change"], row["significant"]) == ("nvme0q1", change, True)
        assert (row["rate_before"], row["rate_after"]) == pytest.approx(rates)
        assert (row["ratio"], row["ratio_lo"], row["ratio_hi"], row["moved_share"]) == (None, None, None, None)


def test_of_a_kind_that_one_side_did_not_read_nothing_is_said(make_trace: Callable[..., Trace]) -> None:
    counts = np.full((1000, 1), 3)
    irqs, softirqs = (make_trace(counted_trace({"x": counts}, kind)) for kind in ("irq", "softirq"))
    frame = irqtrace.compare(irqs, softirqs)
    assert frame.select("kind", "rate_before", "rate_after", "significant", "change").rows() == [
        ("irq", pytest.approx(3_000), None, None, None),
        ("softirq", None, pytest.approx(3_000), None, None),
    ]


def test_a_line_of_three_samples_and_a_cpu_that_vanished_are_measured_while_they_were_there(
    make_trace: Callable[..., Trace],
) -> None:
    lines = [MadeLine(0, "irq", "30", "eth0"), MadeLine(1, "irq", "31", "short", first=50, last=52)]

    def made(cpus: int) -> MadeTrace:
        reads = []
        for n in range(101):
            deltas: dict[tuple[int, int | None], int] = {(0, cpu): n and 4 for cpu in range(cpus)}
            if 50 <= n <= 52:
                deltas |= {(1, cpu): 7 if n > 50 else 0 for cpu in range(cpus)}
            reads.append(MadeRead("irq", "proc", n, n * 1_000_000, 1_000, deltas))
        return MadeTrace(1_000_000, {("irq", "proc"): 1}, lines, reads)

    both, one = make_trace(made(2)), make_trace(made(1))
    row = irqtrace.compare(both, one).filter(name="short").row(0, named=True)
    assert (row["rate_before"], row["rate_after"], row["ratio"]) == pytest.approx((14_000, 7_000, 0.5))
    cells = irqtrace.compare(both, one, by="cpu").filter(name="eth0").sort("cpu")
    assert cells["change"].to_list() == ["same", "gone"]
    assert cells["rate_after"].to_list() == pytest.approx([4_000, 0])


def test_lines_of_one_name_are_one(make_trace: Callable[..., Trace]) -> None:
    made = counted_trace({"a": np.full((100, 1), 2), "b": np.full((100, 1), 5)})
    made.lines = [MadeLine(line.line, line.kind, line.irq, "pciehp") for line in made.lines]
    trace = make_trace(made)
    frame = irqtrace.compare(trace, trace)
    assert frame.select("irq", "name", "change").rows() == [("30, 31", "pciehp", "same")]
    assert frame["rate_before"].to_list() == pytest.approx([7_000])


def test_hosts_are_compared_each_with_itself_and_boots_are_one() -> None:
    tables = {host: of_machine(small_trace(seed), host) for seed, host in enumerate(("one", "two"))}
    frame = irqtrace.compare(list(tables.values()), list(reversed(tables.values())))
    assert frame.columns[0] == "host"
    assert frame["host"].cast(pl.String).unique().sort().to_list() == ["one", "two"]
    assert frame["ratio"].to_list() == pytest.approx([1] * len(frame))
    assert frame["change"].unique().to_list() == ["same"]
    again = tables["one"].with_columns(pl.lit("b008").cast(pl.Categorical).alias("boot"))
    restarted = irqtrace.compare(tables["one"], again)
    assert "host" not in restarted.columns
    assert restarted["change"].unique().to_list() == ["same"]


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 50),
    edges=st.lists(st.integers(1, 39), max_size=3, unique=True),
    every=st.sampled_from(["5ms", "7ms"]),
    by=st.sampled_from(["line", "cpu"]),
)
def test_the_states_of_parts_are_compared_as_that_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, seed: int, edges: list[int], every: str, by: Literal["line", "cpu"]
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    before, after = (
        irqtrace.open_trace(changing_trace(number).save(folder / f"{number}.parquet")) for number in (seed, seed + 1)
    )
    last = after.info.duration_ns // 1_000_000
    bounds = sorted({0, *(edge for edge in edges if edge < last), last})
    parts = [after.slice(f"{a}ms", f"{b}ms") for a, b in pairwise(bounds)]
    random.Random(seed).shuffle(parts)  # noqa: S311 - repeatable, not secret
    base = compare.reduce(before, every)
    joined = merge(compare.reduce(part, every) for part in parts)
    whole = compare.finish(base, compare.reduce(after, every), by=by)
    assert_frame_equal(compare.finish(base, joined, by=by), whole, categorical_as_str=True)
    for row in whole.iter_rows(named=True):
        assert all(math.isfinite(value) for value in row.values() if isinstance(value, float))


def test_the_order_of_rows_does_not_change_a_comparison(make_trace: Callable[..., Trace]) -> None:
    before, after = (make_trace(small_trace(seed)).frame() for seed in (1, 2))
    shuffled = after.sample(fraction=1, shuffle=True, seed=1)
    left, right = (irqtrace.compare(before, table) for table in (after, shuffled))
    assert_frame_equal(left, right, categorical_as_str=True)


def test_traces_without_time_have_nothing_to_compare(make_trace: Callable[..., Trace]) -> None:
    empty = make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, [], []))
    single, full = make_trace(small_trace(samples=1)), make_trace()
    for nothing in (empty, single):
        assert irqtrace.compare(nothing, nothing).is_empty()
        for by in ("line", "cpu"):
            frame = irqtrace.compare(full, nothing, by=by)
            assert frame["rate_before"].null_count() == 0
            for column in ("rate_after", "ratio", "ratio_lo", "significant", "moved_share", "change"):
                assert frame[column].null_count() == len(frame) > 0


def test_comparisons_refuse_what_makes_no_sense(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    with pytest.raises(ValueError, match="none of line, cpu"):
        irqtrace.compare(trace, trace, by="colour")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="smallest here is 1ms"):
        irqtrace.compare(trace, trace, every="10us")
    with pytest.raises(ValueError, match="no trace was given"):
        irqtrace.compare(trace, [])


def test_the_columns_of_a_comparison_are_those_that_are_promised(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    label, number = pl.Categorical(), pl.Float64()
    assert irqtrace.compare(trace, trace, by="cpu").schema == pl.Schema(
        {
            "kind": pl.Enum(["irq", "arch", "softirq"]),
            "irq": label,
            "name": label,
            "cpu": pl.UInt16(),
            "rate_before": number,
            "rate_after": number,
            "ratio": number,
            "ratio_lo": number,
            "ratio_hi": number,
            "significant": pl.Boolean(),
            "moved_share": number,
            "change": pl.String(),
        }
    )
