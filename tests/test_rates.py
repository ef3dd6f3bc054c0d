"""Rates are counts over spans, with the bounds that the reads' windows leave."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import irqtrace
from hotplug import Life, recorded
from made import T0_NS, Cell, MadeLine, MadeRead, MadeTrace, in_memory, small_trace
from rotated import anew

if TYPE_CHECKING:
    from collections.abc import Callable

    from irqtrace import Trace

COLUMNS = ("count", "rate", "rate_lo", "rate_hi")
Row = dict[str, Any]


def slow_rates(made: MadeTrace, every_ns: int, by: tuple[str, ...], *, dense: bool) -> list[Row]:
    """The same by the definition, one window and one cell at a time; by tells groups apart."""
    lines = {line.line: line for line in made.lines}
    samples = [read.sample for read in made.reads]
    if not samples:
        return []
    first, last = min(samples), max(samples)
    found: dict[tuple[int, tuple[Any, ...]], Row] = {}
    for (kind, engine), step in made.every.items():
        reads = [read for read in made.reads if (read.kind, read.engine) == (kind, engine)]
        before = [read for read in made.previous if (read.kind, read.engine) == (kind, engine)]
        keys: dict[tuple[Any, ...], set[int]] = {}
        events: dict[tuple[Any, ...], int] = {}
        for read in reads:
            for cell, delta in read.deltas.items():
                key = key_of(lines[cell[0]], cell[1], by)
                keys.setdefault(key, set()).add(cell[0])
                events[key] = events.get(key, 0) + delta
        due = [sample for sample in range(first, last + 1) if sample % step == 0]
        due += [read.sample for read in reads]
        for window in sorted({sample * made.interval_ns // every_ns for sample in due}):
            inside = [read for read in reads if read.sample * made.interval_ns // every_ns == window]
            earlier = [read for read in reads if read.sample * made.interval_ns // every_ns < window]
            for key, members in keys.items():
                if not dense and not events[key]:
                    continue
                if not any(was_there(lines[line], window, every_ns, made.interval_ns) for line in members):
                    continue
                row: Row = dict.fromkeys(COLUMNS)
                if inside:
                    base = (before + earlier or inside)[-1] if before + earlier else inside[0]
                    there = [lines[line] for line in members if was_there(lines[line], window, every_ns, 10**6)]
                    row = summed([measured(line, base, inside, reads, key, by) for line in there])
                found[window, key] = row
    return [
        {"time": T0_NS + window * every_ns, **dict(zip(by, key, strict=True)), **row}
        for (window, key), row in found.items()
    ]


def key_of(line: MadeLine, cpu: int | None, by: tuple[str, ...]) -> tuple[Any, ...]:
    facts = {
        "kind": line.kind,
        "engine": line.engine,
        "line": line.line,
        "irq": line.irq,
        "name": line.name,
        "cpu": cpu,
    }
    return tuple(facts[column] for column in by)


def was_there(line: MadeLine, window: int, every_ns: int, interval_ns: int) -> bool:
    begin, end = window * every_ns, (window + 1) * every_ns
    last = math.inf if line.last is None else line.last
    return line.first * interval_ns < end and last >= math.ceil(begin / interval_ns)


def measured(
    line: MadeLine,
    base: MadeRead,
    inside: list[MadeRead],
    reads: list[MadeRead],
    key: tuple[Any, ...],
    by: tuple[str, ...],
) -> Row:
    """One line in one window: between the later of the window's base and its own first read, and likewise its end."""
    end, window_end = inside[-1], inside[-1]
    begun = base
    for read in reads:
        if read.sample == line.first and line.first > base.sample:
            begun = read
        if read.sample == line.last and line.last < window_end.sample:
            end = read
    count = sum(
        delta
        for read in inside
        for (number, cpu), delta in read.deltas.items()
        if number == line.line and key_of(line, cpu, by) == key
    )
    b0, e0, b1, e1 = begun.begin, begun.begin + begun.length, end.begin, end.begin + end.length
    between = (b1 + e1 - b0 - e0) / 2
    return {
        "count": count,
        "rate": count / between * 1e9 if between > 0 else None,
        "rate_lo": count / (e1 - b0) * 1e9 if between > 0 else None,
        "rate_hi": count / (b1 - e0) * 1e9 if between > 0 and b1 > e0 else None,
        "brief": (begun, end) != (base, window_end) and begun.begin >= end.begin,
    }


def summed(lines: list[Row]) -> Row:
    """What several lines have together; one of which a window holds a single read adds nothing."""
    told = [line for line in lines if not line["brief"]]
    row: Row = {"count": sum(line["count"] for line in lines)}
    for column in COLUMNS[1:]:
        values = [line[column] for line in told]
        row[column] = None if not values or None in values else sum(values)
    return row


def as_rows(frame: pl.DataFrame, by: tuple[str, ...]) -> list[Row]:
    plain = frame.with_columns(pl.col("time").dt.epoch("ns"))
    return sorted(plain.to_dicts(), key=lambda row: (row["time"], *(str(row[column]) for column in by)))


def assert_same(got: pl.DataFrame, expected: list[Row], by: tuple[str, ...]) -> None:
    rows = as_rows(got, by)
    wanted = sorted(expected, key=lambda row: (row["time"], *(str(row[column]) for column in by)))
    assert [{name: row[name] for name in ("time", *by, "count")} for row in rows] == [
        {name: row[name] for name in ("time", *by, "count")} for row in wanted
    ]
    for row, other in zip(rows, wanted, strict=True):
        for column in COLUMNS[1:]:
            assert (row[column] is None) == (other[column] is None), (column, row, other)
            assert row[column] is None or math.isclose(row[column], other[column], rel_tol=1e-9)


@st.composite
def made_traces(draw: st.DrawFn) -> MadeTrace:
    """Two groups, one read more seldom; samples missed at random; lines that come and go; perhaps a continuation."""
    samples = draw(st.integers(1, 14))
    step = draw(st.sampled_from([1, 3]))
    every = {("irq", "proc"): 1, ("softirq", "proc"): step}
    read_at = {
        kind: [n for n in range(0, samples, every[kind, "proc"]) if draw(st.booleans()) or draw(st.booleans())]
        for kind in ("irq", "softirq")
    }
    if draw(st.booleans()) and samples - 1 not in read_at["softirq"]:
        # A last read ahead of its time.
        read_at["softirq"].append(samples - 1)
    seen = read_at["irq"]
    lines = [MadeLine(2, "irq", "9", "c"), MadeLine(3, "softirq", "NET_RX", "NET_RX")]
    if len(seen) > 1:
        gone = draw(st.integers(0, len(seen) - 2))
        came, left = sorted((draw(st.sampled_from(seen)), draw(st.sampled_from(seen))))
        lines = [
            MadeLine(0, "irq", "10", "a", last=seen[gone]),
            MadeLine(1, "irq", "10", "b", first=seen[gone + 1]),
            *lines,
            MadeLine(4, "irq", "11", "d", first=came, last=None if left == seen[-1] else left),
        ]
    reads: list[MadeRead] = []
    for kind in ("irq", "softirq"):
        earlier = 0
        for sample in read_at[kind]:
            begin = max(sample * 1_000_000 + draw(st.integers(0, 900_000)), earlier)
            length = draw(st.integers(0, 900_000))
            earlier = begin + length
            present = [
                line
                for line in lines
                if line.kind == kind and line.first <= sample and (line.last is None or sample <= line.last)
            ]
            cells: list[Cell] = [(line.line, cpu) for line in present for cpu in (0, 1)]
            # A line has grown by nothing at its own first read.
            first = {line.line: max(line.first, read_at[kind][0]) for line in present}
            deltas = {
                cell: 0 if 0 < first[cell[0]] == sample else draw(st.sampled_from([0, 0, 1, 5])) for cell in cells
            }
            reads.append(MadeRead(kind, "proc", sample, begin, length, deltas))
    previous = []
    if draw(st.booleans()):
        previous = [MadeRead(kind, "proc", -1, -900_000, 1_000, {}) for kind in ("irq", "softirq")]
    return MadeTrace(1_000_000, every, lines, reads, previous=previous)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    made=made_traces(),
    every_us=st.sampled_from([1000, 1500, 2000, 3000, 10_000]),
    by=st.sampled_from([("kind", "irq", "name"), ("kind", "irq", "name", "cpu"), ("line",), ("kind", "cpu")]),
    dense=st.booleans(),
)
def test_rates_are_those_of_the_definition(made: MadeTrace, every_us: int, by: tuple[str, ...], *, dense: bool) -> None:
    got = irqtrace.rates(in_memory(made), f"{every_us}us", by, dense=dense)
    assert_same(got, slow_rates(made, every_us * 1_000, by, dense=dense), by)


@pytest.mark.parametrize("missed", [0, 0.2, 0.97])
@pytest.mark.parametrize("every_us", [90_000, 100_500, 3_000_000])
@pytest.mark.parametrize("by", [("kind", "irq", "name"), ("kind", "irq", "name", "cpu")])
def test_windows_of_many_reads_have_the_same_rates_whatever_was_missed(
    missed: float, every_us: int, by: tuple[str, ...]
) -> None:
    """Of such windows the ends alone are looked at, unless nothing was read there."""
    made = small_trace(3, samples=700, missed=missed)
    # Nothing for a while, so that windows end without a read, and one has none.
    made.reads = [read for read in made.reads if not 120 < read.sample < 340 or read.sample in {270, 300}]
    assert_same(
        irqtrace.rates(in_memory(made), f"{every_us}us", by), slow_rates(made, every_us * 1_000, by, dense=False), by
    )


@given(made=made_traces(), every_ms=st.integers(1, 5))
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_no_rate_is_negative_infinite_or_nan_and_bounds_enclose_it(made: MadeTrace, every_ms: int) -> None:
    frame = irqtrace.rates(in_memory(made), f"{every_ms}ms", dense=True)
    for row in frame.iter_rows(named=True):
        numbers = [row[column] for column in COLUMNS[1:] if row[column] is not None]
        assert all(math.isfinite(number) and number >= 0 for number in numbers)
        if len(numbers) == 3:
            assert row["rate_lo"] <= row["rate"] <= row["rate_hi"]


def regular_parts(line_last: int | None = None) -> tuple[Trace, Trace, Trace]:
    """One recording of 2 lines at 2,000 Hz on each of two CPUs, in three parts."""
    lines = [MadeLine(0, "irq", "7", "eth0"), MadeLine(1, "irq", "8", "eth1", last=line_last)]
    reads = []
    for n in range(901):
        there = [line.line for line in lines if line.last is None or n <= line.last]
        deltas: dict[Cell, int] = {(line, cpu): n and 2 for line in there for cpu in (0, 1)}
        reads.append(MadeRead("irq", "proc", n, n * 1_000_000 + 20_000, 10_000, deltas))
    whole = in_memory(MadeTrace(1_000_000, {("irq", "proc"): 1}, lines, reads))
    return whole.slice(None, "300ms"), whole.slice("300ms", "600ms"), whole.slice("600ms", None)


@pytest.mark.parametrize("every", [None, "50ms", "70ms"])
@pytest.mark.parametrize(("by", "hz"), [("name", 4_000), (("name", "cpu"), 2_000), ((), 8_000)])
def test_a_part_that_is_missing_bends_no_rate(every: str | None, by: str | tuple[str, ...], hz: int) -> None:
    a, b, c = regular_parts()
    for parts in ([a, c], [c, a], [a, b], [b, c], [a, b, c]):
        frame = irqtrace.rates(parts, every, by).drop_nulls("count")
        assert frame["count"].sum() == sum(part.deltas["delta"].sum() for part in parts)
        for row in frame.iter_rows(named=True):
            assert row["rate"] == pytest.approx(hz, rel=1e-9)
            assert row["rate_lo"] <= hz <= row["rate_hi"]
            # 10 μs at each edge, of 1 ms in the window of the last point.
            assert row["rate_hi"] - row["rate_lo"] < 0.025 * hz


def test_a_line_that_went_in_the_part_that_is_missing_bends_no_rate() -> None:
    a, _, c = regular_parts(line_last=450)
    for every in (None, "50ms"):
        frame = irqtrace.rates([a, c], every, "name").drop_nulls("count")
        assert frame["rate"].to_list() == pytest.approx([4_000] * len(frame))


def test_a_line_that_came_in_the_part_that_is_missing_bends_no_rate() -> None:
    lives = [Life("irq", "24", "old"), Life("irq", "25", "new", first=12)]
    trace = recorded(lives, lambda _: [0], lambda *_: 10, {"irq": range(30)}).trace()
    before, after = trace.slice("0ms", "10ms"), trace.slice("20ms", "30ms")
    columns = ["name", "count", "rate", "rate_lo", "rate_hi"]
    new = pl.col("name") == "new"
    for every in (None, "5ms", "15ms", "30ms"):
        both = irqtrace.rates([before, after], every=every).filter(new)
        alone = irqtrace.rates(after, every=every).filter(new)
        assert both.drop_nulls("rate").select(columns).rows() == alone.select(columns).rows()
        # Where nothing was read nothing is said.
        assert both["count"].null_count() == len(both) - len(alone)
    # What was counted before it came under the same name is not lost.
    again = [Life("irq", "24", "old", after=5), Life("irq", "24", "old", first=12)]
    trace = recorded(again, lambda _: [0], lambda *_: 10, {"irq": range(30)}).trace()
    assert irqtrace.rates([trace.slice("0ms", "10ms"), trace.slice("15ms", "20ms")])["count"].to_list() == [40 + 50]
    of_cpu = irqtrace.interference([before, after], 0).filter(new)
    assert of_cpu.select(columns).rows() == irqtrace.interference(after, 0).filter(new).select(columns).rows()


@pytest.mark.parametrize("by", ["name", ("name", "cpu")])
def test_a_line_bound_again_of_which_a_window_holds_one_read_behind_a_missing_part_bends_no_rate(
    by: str | tuple[str, ...],
) -> None:
    lives = [Life("irq", "24", "eth0"), Life("irq", "25", "nvme0", after=17), Life("irq", "25", "nvme0", first=17)]
    machine = recorded(lives, lambda _: [0], lambda *_: 10, {"irq": range(30)})
    parts = [in_memory(anew(machine, low, after)) for low, after in ((0, 15), (19, 30))]
    frame = irqtrace.rates(parts, "10ms", by)
    assert frame["count"].to_list() == [90, 90, 50, 50, 100, 100]
    assert frame["rate"].to_list() == pytest.approx([10_000] * 6)


def test_a_part_that_is_one_read_has_no_time_and_widens_no_bounds() -> None:
    machine = recorded([Life("irq", "24", "eth0")], lambda _: [0], lambda *_: 10, {"irq": range(30)})
    trace = machine.trace()
    first, second, others = trace.slice(None, "1ms"), in_memory(anew(machine, 2, 3)), trace.slice("10ms", "13ms")
    of_others = irqtrace.rates(others).drop("time")
    assert of_others["rate"].to_list() == pytest.approx([10_000])
    for parts in ([first, others], [first, second, others]):
        assert_frame_equal(irqtrace.rates(parts).drop("time"), of_others)
    # Where there are only such reads, nothing is known.
    in_windows = irqtrace.rates([first, second, others], "10ms", "name")
    assert in_windows.select(COLUMNS).rows()[0] == (0, None, None, None)


def test_a_line_that_came_in_a_window_is_measured_from_its_own_first_read(make_trace: Callable[..., Trace]) -> None:
    lines = [
        MadeLine(0, "irq", "7", "eth0"),
        MadeLine(1, "irq", "8", "eth1", first=5),
        MadeLine(2, "irq", "9", "eth2", last=4),
        MadeLine(3, "irq", "10", "eth3", first=9),
    ]
    reads = []
    for n in range(10):
        deltas: dict[Cell, int] = {(0, 0): n and 10}
        deltas |= {(1, 0): 10 if n > 5 else 0} if n >= 5 else {(2, 0): n and 10}
        deltas |= {(3, 0): 0} if n == 9 else {}
        reads.append(MadeRead("irq", "proc", n, n * 1_000_000, 1_000, deltas))
    trace = make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, lines, reads))
    frame = irqtrace.rates(trace, dense=True)
    assert frame["count"].to_list() == [90, 40, 40, 0]
    assert frame["rate"].to_list() == [10_000, 10_000, 10_000, None]
    for row in frame.head(3).iter_rows(named=True):
        span = row["count"] / 10 * 1e-3
        assert row["rate_lo"] == pytest.approx(row["count"] / (span + 1e-6))
        assert row["rate_hi"] == pytest.approx(row["count"] / (span - 1e-6))
    together = irqtrace.rates(trace, by=())
    assert together["rate"].to_list() == [30_000]
    assert together["rate_hi"].to_list() == pytest.approx([frame["rate_hi"].sum()])
    late = irqtrace.rates(trace.slice("6ms"), by="name").filter(name="eth1")
    assert late["rate"].to_list() == [10_000]


def test_a_cpu_is_measured_over_the_reads_between_which_it_was_there() -> None:
    """CPU 1 counts 10 from read to read, goes after the read 3 and is back at the read 8."""
    lives = [Life("irq", "24", "eth0"), Life("irq", "25", "idle")]
    online = {n: [0] if 3 < n < 8 else [0, 1] for n in range(12)}
    trace = recorded(lives, online.__getitem__, lambda life, *_: 0 if life else 10, {"irq": range(12)}).trace()
    for source in (trace, trace.frame(), [trace.slice("5ms", None), trace.slice(None, "5ms")]):
        cells = irqtrace.rates(source, by=("irq", "cpu"))
        assert cells["count"].to_list() == [110, 60]
        assert cells["rate"].to_list() == pytest.approx([10_000, 10_000])
        in_windows = irqtrace.rates(source, "1ms", ("irq", "cpu")).filter(cpu=1)
        assert in_windows["count"].to_list() == [0, 10, 10, 10, 0, 10, 10, 10]
        assert in_windows["rate"].to_list() == [None, *[pytest.approx(10_000)] * 3] * 2
        # What it did while it was away is not known, and adds nothing.
        assert irqtrace.rates(source, "1ms", ("cpu",)).filter(cpu=1).equals(in_windows.drop("irq"))


def test_a_cpu_that_is_back_in_the_first_read_of_a_part_is_measured_from_there_also_where_nothing_else_counts() -> None:
    machine = recorded(
        [Life("irq", "28", "queue")],
        lambda n: (0, 4) if n < 3 or n >= 8 else (0,),
        lambda _, cpu, __: 3 if cpu == 4 else 0,
        {"irq": range(12)},
    )
    cells = irqtrace.rates(machine.trace().slice("8ms"), "4ms", ("irq", "cpu"))
    assert cells.select("cpu", "count").rows() == [(4, 9)]
    assert cells["rate"].to_list() == pytest.approx([3_000])


def test_a_cpu_that_comes_in_a_part_has_no_row_in_the_windows_before() -> None:
    machine = recorded(
        [Life("irq", "24", "eth0")], lambda n: (0, 1) if n >= 18 else (0,), lambda *_: 10, {"irq": range(30)}
    )
    trace = machine.trace()
    of_whole = irqtrace.rates(trace, "8ms", "cpu").filter(cpu=1)
    assert of_whole["count"].to_list() == [50, 60]
    for edges in (["5ms", None], ["5ms", "9ms", None], ["5ms", "20ms", None]):
        parts = [trace.slice(a, b) for a, b in pairwise(edges)]
        assert_frame_equal(irqtrace.rates(parts, "8ms", "cpu").filter(cpu=1), of_whole)


@pytest.mark.parametrize("there", [[[0], [0, 1]], [[0, 1], [0]]])
def test_of_a_cpu_that_only_one_of_two_reads_saw_nothing_is_claimed(there: list[list[int]]) -> None:
    machine = recorded([Life("irq", "24", "eth0")], lambda n: there[n], lambda *_: 10, {"irq": range(2)})
    cells = irqtrace.rates(machine.trace(), by="cpu", dense=True)
    assert cells.select("cpu", "count").rows() == [(0, 10), (1, 0)]
    assert cells.filter(cpu=1).select("rate", "rate_lo", "rate_hi").row(0) == (None, None, None)
    shared = irqtrace.imbalance(machine.trace())
    assert shared.select("cpus", "active_cpus", "max_over_mean").rows() == [(1, 1, 1.0)]


def test_a_last_read_ahead_of_its_time_is_counted_where_no_read_was_due(make_trace: Callable[..., Trace]) -> None:
    line = MadeLine(0, "softirq", "NET_RX", "NET_RX")
    reads = [MadeRead("softirq", "proc", n, n * 1_000_000, 1_000, {(0, 0): n and 4}) for n in (0, 5)]
    reads.append(MadeRead("softirq", "proc", 8, 7_000_000, 1_000, {(0, 0): 6}))
    trace = make_trace(MadeTrace(1_000_000, {("softirq", "proc"): 5}, [line], reads))
    frame = irqtrace.rates(trace, "5ms")
    assert frame["count"].to_list() == [0, 10]
    assert frame["rate"].to_list() == [None, pytest.approx(10 / 7e-3)]
    apart = irqtrace.rates(trace.slice("6ms"), "5ms")
    assert (apart["count"].to_list(), apart["rate"].to_list()) == ([6], [pytest.approx(6 / 2e-3)])
    assert irqtrace.rates(trace.slice("6ms"))["count"].to_list() == [6]


def test_counts_of_windows_add_up_to_all_that_was_counted(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    for every in (None, "1ms", "7ms", "1s"):
        counted = irqtrace.rates(trace, every)["count"].sum()
        assert counted == trace.deltas["delta"].sum()


def test_a_file_and_memory_give_the_same_rates(make_trace: Callable[..., Trace]) -> None:
    made = small_trace(seed=3)
    for every, by in itertools.product((None, "5ms", "20ms"), (("kind", "irq", "name"), ("line", "cpu"))):
        assert_frame_equal(irqtrace.rates(make_trace(made), every, by), irqtrace.rates(in_memory(made), every, by))


def test_the_columns_are_those_that_are_promised(make_trace: Callable[..., Trace]) -> None:
    frame = irqtrace.rates(make_trace(), "10ms", ("kind", "engine", "line", "irq", "name", "cpu", "host", "boot"))
    assert frame.schema == pl.Schema(
        {
            "time": pl.Datetime("ns", "UTC"),
            "kind": pl.Enum(["irq", "arch", "softirq"]),
            "engine": pl.Enum(["proc", "sysfs", "bpf", "replay"]),
            "line": pl.UInt32(),
            "irq": pl.Categorical(),
            "name": pl.Categorical(),
            "cpu": pl.UInt16(),
            "host": pl.Categorical(),
            "boot": pl.Categorical(),
            "count": pl.Int64(),
            "rate": pl.Float64(),
            "rate_lo": pl.Float64(),
            "rate_hi": pl.Float64(),
        }
    )


def test_windows_without_an_event_are_there_and_silent_lines_only_when_dense(make_trace: Callable[..., Trace]) -> None:
    made = small_trace()
    trace, windows = make_trace(made), 8
    named = irqtrace.rates(trace, "5ms").filter(kind="irq")
    assert "nvme0q1" not in named["name"]
    assert named.group_by("name").len()["len"].unique().to_list() == [windows]
    dense = irqtrace.rates(trace, "5ms", dense=True).filter(name="nvme0q1")
    assert dense["count"].to_list() == [0] * windows


def test_a_window_whose_reads_were_all_missed_says_nothing(make_trace: Callable[..., Trace]) -> None:
    line = MadeLine(0, "irq", "7", "eth0")
    reads = [MadeRead("irq", "proc", n, n * 1_000_000, 1_000, {(0, 0): n and 4}) for n in (0, 1, 4, 5)]
    frame = irqtrace.rates(make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, [line], reads)), "2ms")
    assert frame["count"].to_list() == [4, None, 8]
    assert frame["rate"].to_list() == [4 / 1e-3, None, 8 / 4e-3]


def test_the_read_before_a_part_is_its_base(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace(small_trace(missed=0))
    whole = irqtrace.rates(trace, "10ms")
    part = irqtrace.rates(trace.slice("10ms", "30ms"), "10ms", dense=True)
    kept = whole.filter(pl.col("time").dt.epoch("ns").is_between(T0_NS + 10_000_000, T0_NS + 30_000_000, closed="left"))
    both = kept.join(part, on=["time", "kind", "irq", "name"], suffix="_part")
    assert len(both) == len(kept)
    for column in COLUMNS:
        assert_frame_equal(both.select(column), both.select(pl.col(f"{column}_part").alias(column)))


def test_lines_stand_in_the_order_of_the_trace_and_not_of_their_labels(make_trace: Callable[..., Trace]) -> None:
    made = small_trace()
    first, *others = made.lines
    made = replace(made, lines=[replace(first, irq="9"), *others])
    assert irqtrace.rates(make_trace(made), dense=True)["irq"].to_list() == ["9", "25", "131", "LOC", "ERR", "NET_RX"]


def test_what_is_summed_up_sums_counts_and_bounds(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace(small_trace(missed=0))
    apart = irqtrace.rates(trace, "10ms", dense=True)
    together = irqtrace.rates(trace, "10ms", ())
    summed = apart.group_by("time", maintain_order=True).agg(pl.col(COLUMNS).sum())
    assert_frame_equal(together, summed)


def test_a_window_shorter_than_the_interval_is_refused_with_the_smallest(make_trace: Callable[..., Trace]) -> None:
    with pytest.raises(ValueError, match="smallest here is 1ms"):
        irqtrace.rates(make_trace(), "999us")


def test_sums_over_kinds_of_different_intervals_need_windows_for_the_slowest(make_trace: Callable[..., Trace]) -> None:
    with pytest.raises(ValueError, match="arch was read only every 5ms"):
        irqtrace.rates(make_trace(), "2ms", "cpu")


@pytest.mark.parametrize("every", ["0s", "-1s", "soon", 5])
def test_a_window_that_is_no_duration_is_refused(make_trace: Callable[..., Trace], every: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match="every"):
        irqtrace.rates(make_trace(), every)


def test_an_unknown_column_is_refused_with_those_that_exist(make_trace: Callable[..., Trace]) -> None:
    with pytest.raises(ValueError, match=r"'colour'.*kind, engine, line"):
        irqtrace.rates(make_trace(), by=("kind", "colour"))


def test_a_trace_without_a_read_has_no_rates(make_trace: Callable[..., Trace]) -> None:
    empty = make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, [], []))
    for every in (None, "10ms"):
        assert irqtrace.rates(empty, every).is_empty()
