"""The balance of CPUs by its definition: with the CPUs that were there, whether or not they counted anything."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import irqtrace
from counted import counted_trace
from hotplug import MS, Life, Nodes, Recorded, changing_machine, recorded
from made import T0_NS, Cell, MadeLine, MadeRead, MadeTrace, in_memory, small_trace
from rotated import anew

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, Any]
By = Any

COLUMNS = {"irq": ("kind", "irq", "name"), "kind": ("kind",), "name": ("name",)}
WHOLE = ("total", "cpus", "active_cpus", "busiest_cpu")
MEASURES = ("busiest_share", "max_over_mean", "cv", "gini", "effective_cpus", "off_node_share")

LAYOUTS: list[Nodes] = [
    {"0": [0, 1, 2, 3], "1": [4, 5, 6, 7]},
    {"0": [0, 2, 4, 6], "1": [1, 3, 5], "8": [7]},
    # Of some CPUs it is not known.
    {"0": [0, 1], "1": [4]},
    None,
]


# By the definition


@dataclass(frozen=True)
class Window:
    """The samples from one up to but not another, and the time (ns, UTC) from which they are counted."""

    begin: int
    low: int
    high: int

    def holds(self, read: MadeRead) -> bool:
        return self.low <= read.sample < self.high


def slow_imbalance(recordings: Sequence[Recorded], every_ns: int | None, by: str) -> list[Row]:
    """The same by the definition, one window at a time and all CPUs in a list."""
    machines = {(recording.host, recording.boot) for recording in recordings}
    keys: dict[tuple[Any, ...], list[tuple[Recorded, list[MadeLine]]]] = {}
    for recording in recordings:
        of_key: dict[tuple[Any, ...], list[MadeLine]] = {}
        for line in recording.made.lines:
            machine = (recording.host, recording.boot) if len(machines) > 1 else ()
            key = (*(getattr(line, column) for column in COLUMNS[by]), *machine)
            of_key.setdefault(key, []).append(line)
        for key, lines in of_key.items():
            keys.setdefault(key, []).append((recording, lines))
    columns = (*COLUMNS[by], *(("host", "boot") if len(machines) > 1 else ()))
    rows = []
    for key, parts in keys.items():
        if not any(sum(counts_of(recording, lines).values()) for recording, lines in parts):
            continue
        for recording, lines in parts:
            for window in windows_of(recording, lines, every_ns):
                row = {"time": window.begin, **dict(zip(columns, key, strict=True))}
                rows.append(row | of_window(recording, lines, window))
    return rows


def windows_of(recording: Recorded, lines: list[MadeLine], every_ns: int | None) -> list[Window]:
    """Those in which a read was due of a line that was there."""
    made, t0 = recording.made, T0_NS + recording.later_ns
    samples = [read.sample for read in made.reads]
    first, last = min(samples), max(samples)
    if every_ns is None:
        windows = {Window(t0 + first * made.interval_ns, first, last + 1)}
    else:
        steps = {made.every[line.kind, line.engine] for line in lines}
        due = {sample for step in steps for sample in range(first, last + 1) if sample % step == 0}
        due |= {read.sample for read in made.reads if read.kind in {line.kind for line in lines}}
        numbers = {sample * made.interval_ns // every_ns for sample in due}
        low = {number: -(-number * every_ns // made.interval_ns) for number in numbers | {n + 1 for n in numbers}}
        windows = {Window(t0 + number * every_ns, low[number], low[number + 1]) for number in numbers}
    return [
        window
        for window in windows
        if any(line.first < window.high and (line.last is None or line.last >= window.low) for line in lines)
    ]


def counts_of(recording: Recorded, lines: list[MadeLine], window: Window | None = None) -> Counter[int]:
    """What each CPU counted; what the kernel gives no CPU for is of none."""
    numbers = {line.line for line in lines}
    counts: Counter[int] = Counter()
    for read in recording.made.reads:
        if window is None or window.holds(read):
            for (line, cpu), delta in read.deltas.items():
                if line in numbers and cpu is not None:
                    counts[cpu] += delta
    return counts


def of_window(recording: Recorded, lines: list[MadeLine], window: Window) -> Row:
    row: Row = dict.fromkeys((*WHOLE, *MEASURES))
    kinds, numbers = {line.kind for line in lines}, {line.line for line in lines}
    reads = [read for read in recording.made.reads if read.kind in kinds and window.holds(read)]
    if not reads:
        return row
    counted = [counted_cells(recording, read) for read in reads]
    there = sorted({cpu for cells in counted for line, cpu in cells if line in numbers and cpu is not None})
    of_cpu = counts_of(recording, lines, window)
    counts = [of_cpu[cpu] for cpu in there]
    total, n = sum(counts), len(there)
    row |= {"total": total, "cpus": n, "active_cpus": sum(count > 0 for count in counts)}
    if not total:
        return row
    mean = total / n
    shares = [count / total for count in counts if count]
    return row | {
        "busiest_cpu": there[counts.index(max(counts))],
        "busiest_share": max(counts) / total,
        "max_over_mean": max(counts) / mean,
        "cv": math.sqrt(sum((count - mean) ** 2 for count in counts) / n) / mean,
        "gini": sum(abs(one - other) for one in counts for other in counts) / n**2 / (2 * mean),
        "effective_cpus": math.exp(-sum(share * math.log(share) for share in shares)),
        "off_node_share": off_node_share({cpu: count for cpu, count in of_cpu.items() if count}, recording.nodes),
    }


def counted_cells(recording: Recorded, read: MadeRead) -> set[Cell]:
    """The cells of which a read tells what they counted: it saw them, and so did the read before.

    The first of all begins with those that the read after saw.
    """
    samples = sorted(sample for kind, sample in recording.layouts if kind == read.kind)
    at = samples.index(read.sample)
    other = samples[at - 1] if at else samples[min(1, len(samples) - 1)]
    return recording.layouts[read.kind, read.sample] & recording.layouts[read.kind, other]


def off_node_share(counts: dict[int, int], nodes: Nodes) -> float | None:
    """Null where the node of a CPU that took some is not known."""
    of_node: Counter[str | None] = Counter()
    for cpu, count in counts.items():
        of_node[next((node for node, cpus in (nodes or {}).items() if cpu in cpus), None)] += count
    return None if None in of_node else 1 - max(of_node.values()) / sum(counts.values())


def assert_same(got: pl.DataFrame, expected: list[Row], by: str) -> None:
    """All numbers, and no row more or less."""
    key = [column for column in ("time", *COLUMNS[by], "host", "boot") if column in got.columns]
    plain = got.with_columns(pl.col("time").dt.epoch("ns"), pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    rows, wanted = (
        sorted(some, key=lambda row: tuple(str(row[column]) for column in key)) for some in (plain.to_dicts(), expected)
    )
    for column in (*key, *WHOLE):
        assert [row[column] for row in rows] == [row[column] for row in wanted], column
    for row, other in zip(rows, wanted, strict=True):
        for column in MEASURES:
            assert (row[column] is None) == (other[column] is None), (column, row, other)
            assert row[column] is None or math.isclose(row[column], other[column], rel_tol=1e-9, abs_tol=1e-7), (
                column,
                row,
                other,
            )


def steady(seed: int, missed: float) -> Recorded:
    """A small trace, whose lines and CPUs are there all along."""
    made = small_trace(seed, missed=missed)
    cells = {read.kind: set(read.deltas) for read in made.reads if read.sample == 0}
    return Recorded(made, {(read.kind, read.sample): cells[read.kind] for read in made.reads})


BY = st.sampled_from(["irq", "kind", "name"])
EVERY = st.sampled_from([None, 3, 5, 7, 12])


def few(examples: int) -> settings:
    """Examples are of a seed, which has no simpler one."""
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    return settings(deadline=None, max_examples=examples, phases=phases, suppress_health_check=[HealthCheck.too_slow])


def duration(every_ms: int | None) -> tuple[str | None, int | None]:
    return (None, None) if every_ms is None else (f"{every_ms}ms", every_ms * MS)


@few(20)
@given(
    seeds=st.lists(st.integers(0, 500), min_size=1, max_size=3),
    layouts=st.lists(st.sampled_from(LAYOUTS), min_size=3, max_size=3),
    missed=st.sampled_from([0, 0.1, 0.9]),
    every_ms=st.sampled_from([None, 5, 7, 12]),
    by=BY,
)
def test_imbalance_is_that_of_the_definition_on_one_machine_and_on_several(
    seeds: list[int], layouts: list[Nodes], missed: float, every_ms: int | None, by: By
) -> None:
    machines = [
        replace(steady(seed, missed), host=f"host{at % 2}", boot=f"b{at}", nodes=layouts[at])
        for at, seed in enumerate(seeds)
    ]
    every, every_ns = duration(every_ms)
    got = irqtrace.imbalance([machine.trace() for machine in machines], every, by)
    assert_same(got, slow_imbalance(machines, every_ns, by), by)


@few(50)
@given(seed=st.integers(0, 10_000), nodes=st.sampled_from(LAYOUTS), every_ms=EVERY, by=BY)
def test_cpus_that_vanish_and_lines_that_come_and_go_are_counted_while_they_are_there(
    seed: int, nodes: Nodes, every_ms: int | None, by: By
) -> None:
    machine = replace(changing_machine(seed), nodes=nodes)
    every, every_ns = duration(every_ms)
    assert_same(irqtrace.imbalance(machine.trace(), every, by), slow_imbalance([machine], every_ns, by), by)


@few(20)
@given(
    seed=st.integers(0, 10_000),
    edges=st.lists(st.integers(1, 23), min_size=1, max_size=3, unique=True),
    every_ms=EVERY,
    by=BY,
)
def test_a_recording_in_parts_has_the_cpus_of_the_whole(
    seed: int, edges: list[int], every_ms: int | None, by: By
) -> None:
    machine = changing_machine(seed)
    every, every_ns = duration(every_ms)
    trace = machine.trace()
    last = trace.info.duration_ns // MS
    bounds = sorted({0, *(edge for edge in edges if edge < last), last})
    parts = [trace.slice(f"{a}ms", f"{b}ms") for a, b in pairwise(bounds)]
    assert_same(irqtrace.imbalance(parts, every, by), slow_imbalance([machine], every_ns, by), by)


@few(20)
@given(
    seeds=st.lists(st.integers(0, 10_000), min_size=2, max_size=3),
    hosts=st.lists(st.sampled_from(["one", "two"]), min_size=3, max_size=3),
    every_ms=EVERY,
    by=BY,
)
def test_each_recording_has_its_own_cpus_also_where_others_are_of_the_same_machine(
    seeds: list[int], hosts: list[str], every_ms: int | None, by: By
) -> None:
    recordings = [
        replace(changing_machine(seed), host=hosts[at], later_ns=at * 3_600_000_000_000, nodes=LAYOUTS[0])
        for at, seed in enumerate(seeds)
    ]
    every, every_ns = duration(every_ms)
    got = irqtrace.imbalance([recording.trace() for recording in recordings], every, by)
    assert_same(got, slow_imbalance(recordings, every_ns, by), by)


# By hand


def of_cpus(cpus: int, later_ns: int = 0) -> Recorded:
    """One line, which counts 4 on CPU 0 and 2 on CPU 1 in each of 20 reads, and nothing on the others."""
    one = recorded(
        [Life("irq", "24", "eth0")], lambda _: range(cpus), lambda _, cpu, __: {0: 4, 1: 2}.get(cpu or 0, 0),
        {"irq": range(21)},
    )  # fmt: skip
    return replace(one, later_ns=later_ns)


@pytest.mark.parametrize("by", ["irq", "kind", "name"])
def test_two_recordings_of_one_machine_with_four_cpus_and_then_two_have_four_and_two(by: By) -> None:
    recordings = [of_cpus(4), of_cpus(2, 3_600_000_000_000)]
    for every in (None, "7ms"):
        frame = irqtrace.imbalance([recording.trace() for recording in recordings], every, by)
        half = len(frame) // 2
        assert frame["cpus"].to_list() == [4] * half + [2] * half
        assert frame["gini"][0] == pytest.approx(2 * (2 + 4 + 4 + 2 + 2) / 16 / 3)
        assert frame["gini"][-1] == pytest.approx(1 / 6)


@pytest.mark.parametrize("by", ["irq", "kind", "name"])
def test_a_line_that_was_freed_takes_its_cpus_with_it(by: By) -> None:
    """CPU 1 goes at 10, and line 25 with it: from then on there is CPU 0 alone."""
    machine = recorded(
        [Life("irq", "24", "eth0"), Life("irq", "25", "eth0", after=10)],
        lambda sample: (0, 1) if sample < 10 else (0,),
        lambda _, __, ___: 1,
        {"irq": range(20)},
    )
    frame = irqtrace.imbalance(machine.trace(), "5ms", by).filter(pl.col("time").dt.epoch("ns") >= T0_NS + 10 * MS)
    assert frame["cpus"].to_list() == [1, 1]
    assert frame["gini"].to_list() == [0, 0]


def test_a_cpu_that_was_offline_for_a_part_of_the_window_is_there() -> None:
    machine = recorded(
        [Life("irq", "24", "eth0")],
        lambda sample: (0, 1) if sample < 7 or sample >= 15 else (0,),
        lambda _, cpu, __: 3 if cpu == 0 else 0,
        {"irq": range(20)},
    )
    trace = machine.trace()
    assert irqtrace.imbalance(trace, "5ms")["cpus"].to_list() == [2, 2, 1, 2]
    assert irqtrace.imbalance(trace)["cpus"].to_list() == [2]


def test_a_cpu_that_went_for_good_is_not_in_the_last_window_be_it_a_short_one() -> None:
    machine = recorded(
        [Life("irq", "24", "eth0")], lambda sample: (0, 1) if sample < 4 else (0,), lambda *_: 1, {"irq": range(12)}
    )
    assert irqtrace.imbalance(machine.trace(), "5ms")["cpus"].to_list() == [2, 1, 1]


def test_a_cpu_that_a_single_read_saw_is_in_no_window_since_nothing_is_known_of_it() -> None:
    machine = recorded(
        [Life("irq", "24", "eth0")], lambda sample: (0, 1) if sample == 7 else (0,), lambda *_: 1, {"irq": range(15)}
    )
    assert irqtrace.imbalance(machine.trace(), "5ms")["cpus"].to_list() == [1, 1, 1]


def test_a_cpu_that_one_read_saw_on_each_side_of_a_missing_part_is_in_no_window_since_nothing_is_known_of_it() -> None:
    machine = recorded(
        [Life("irq", "24", "eth0")],
        lambda sample: (0, 1) if sample == 11 or sample >= 19 else (0,),
        lambda *_: 10,
        {"irq": range(30)},
    )
    before, after, one = (in_memory(anew(machine, low, end)) for low, end in ((0, 12), (19, 30), (19, 20)))
    in_windows = irqtrace.imbalance([before, after], "10ms")
    assert in_windows.select("total", "cpus", "max_over_mean").rows() == [(90, 1, 1.0), (20, 1, 1.0), (200, 2, 1.0)]
    assert irqtrace.imbalance([before, one]).select("total", "cpus").rows() == [(110, 1)]


def test_a_cpu_that_was_away_for_a_whole_part_is_not_among_its_cpus() -> None:
    machine = recorded(
        [Life("irq", "24", "eth0")],
        lambda sample: (0, 1) if sample < 4 or sample >= 17 else (0,),
        lambda *_: 1,
        {"irq": range(20)},
    )
    trace = machine.trace()
    parts = [trace.slice(a, b) for a, b in pairwise([None, "5ms", "10ms", "15ms", None])]
    for source in (trace, parts, parts[:3]):
        cpus = irqtrace.imbalance(source, "5ms")["cpus"].to_list()
        assert cpus == [2, 1, 1, 2][: len(cpus)]


def test_cpus_that_no_read_of_a_part_saw_are_not_among_its_cpus() -> None:
    lives = [Life("irq", "25", "n"), Life("irq", "26", "m", first=5)]
    trace = recorded(lives, lambda sample: [0] if sample < 8 else [0, 1, 2], lambda *_: 10, {"irq": range(12)}).trace()
    before, after = trace.slice("3ms", "5ms"), trace.slice("9ms", "12ms")
    bys: tuple[By, ...] = ("irq", "kind", "name")
    for by in bys:
        first = irqtrace.imbalance([before, after], every="3ms", by=by).filter(pl.col("time") == before.info.begin)
        assert_frame_equal(first.drop_nulls("cpus"), irqtrace.imbalance(before, every="3ms", by=by))
    # A number that was freed and taken again meanwhile.
    again = [Life("irq", "25", "n", after=5), Life("irq", "25", "n", first=5)]
    trace = recorded(again, lambda sample: [0] if sample < 8 else [0, 1, 2], lambda *_: 10, {"irq": range(12)}).trace()
    before, after = trace.slice("3ms", "5ms"), trace.slice("9ms", "12ms")
    assert irqtrace.imbalance([before, after], every="3ms")["cpus"].to_list() == [1, None, 3]


def test_a_cpu_that_was_away_at_all_reads_of_a_cut_window_is_not_among_its_cpus() -> None:
    def online(sample: int) -> list[int]:
        return [0] if 1 <= sample < 6 else [0, 1]

    trace = recorded([Life("irq", "24", "a")], online, lambda *_: 10, {"irq": range(12)}).trace()
    of_part = irqtrace.imbalance(trace.slice("5ms", "12ms"), every="3ms")
    assert of_part.select("cpus", "max_over_mean").row(0) == (1, 1.0)
    assert_frame_equal(of_part[1:], irqtrace.imbalance(trace, every="3ms")[2:])


@pytest.mark.parametrize("by", ["irq", "kind", "name"])
def test_counts_that_are_of_no_cpu_are_neither_counted_nor_among_the_cpus(by: By) -> None:
    lives = [Life("arch", "LOC", "LOC"), Life("arch", "ERR", "ERR", lone=True)]
    machine = recorded(lives, lambda _: (0, 1), lambda _, cpu, __: 50 if cpu is None else cpu, {"arch": range(11)})
    frame = irqtrace.imbalance(machine.trace(), by=by)
    assert frame.select("total", "cpus", "active_cpus", "busiest_cpu").rows() == [(10, 2, 1, 1)]


def test_a_window_in_which_nothing_came_has_a_total_of_0_and_one_without_a_read_says_nothing() -> None:
    machine = recorded(
        [Life("irq", "24", "eth0"), Life("irq", "25", "silent")],
        lambda _: (0, 1, 2),
        lambda life, cpu, sample: int(not life and cpu == 1 and sample < 5),
        {"irq": [*range(10), *range(15, 20)]},
    )
    frame = irqtrace.imbalance(machine.trace(), "5ms")
    assert frame["name"].unique().to_list() == ["eth0"]
    assert frame.select("total", "cpus", "active_cpus").rows() == [(4, 3, 1), (0, 3, 0), (None,) * 3, (0, 3, 0)]
    assert frame.select("busiest_cpu", *MEASURES).rows()[1:] == [(None,) * 7] * 3


def test_the_window_of_a_last_read_ahead_of_its_time_is_told_also_where_nothing_came_in_it() -> None:
    lines = [MadeLine(0, "irq", "24", "eth0"), MadeLine(1, "arch", "LOC", "Local timer interrupts")]
    reads = [MadeRead("irq", "proc", at, at * MS, 9_000, {(0, 0): int(at > 0)}) for at in range(14)]
    reads += [MadeRead("arch", "proc", at, at * MS + 20_000, 9_000, {(1, 0): at}) for at in (0, 5, 10)]
    reads.append(MadeRead("arch", "proc", 13, 13 * MS + 20_000, 9_000, {}))
    made = MadeTrace(MS, {("irq", "proc"): 1, ("arch", "proc"): 5}, lines, sorted(reads, key=lambda read: read.begin))
    trace = in_memory(made)
    counts = [
        analysis(trace, "1ms").filter(pl.col("irq") == "LOC").select("time", count).rename({count: "count"})
        for analysis, count in ((irqtrace.rates, "count"), (irqtrace.imbalance, "total"))
    ]
    assert counts[1]["count"].to_list() == [0, 5, 10, 0]
    assert_frame_equal(counts[1], counts[0])


def test_the_busiest_of_equals_is_the_lowest() -> None:
    machine = recorded(
        [Life("irq", "24", "eth0")], lambda _: (2, 5, 7), lambda _, cpu, __: 0 if cpu == 2 else 3, {"irq": range(9)}
    )
    assert irqtrace.imbalance(machine.trace())["busiest_cpu"].to_list() == [5]


@few(10)
@given(seed=st.integers(0, 1_000), cpus=st.integers(1, 6), idle=st.integers(1, 9), every_ms=st.sampled_from([None, 7]))
def test_cpus_with_zero_counts_change_how_many_there_are_and_what_follows_from_it(
    seed: int, cpus: int, idle: int, every_ms: int | None
) -> None:
    counts = np.random.default_rng(seed).poisson(0.3, (30, cpus))
    counts[0, 0] += 1
    every, _ = duration(every_ms)
    few, many = (
        irqtrace.imbalance(Recorded(counted_trace({"eth0": table}), {}, nodes=LAYOUTS[0]).trace(), every)
        for table in (counts, np.hstack([counts, np.zeros((30, idle), int)]))
    )
    same = ["time", "total", "active_cpus", "busiest_cpu", "busiest_share", "effective_cpus", "off_node_share"]
    assert_frame_equal(many.select(same), few.select(same))
    m = cpus + idle
    assert few["cpus"].unique().to_list() == [cpus]
    assert many["cpus"].unique().to_list() == [m]
    for before, after in zip(few.iter_rows(named=True), many.iter_rows(named=True), strict=True):
        if not before["total"]:
            continue
        assert after["max_over_mean"] == pytest.approx(before["max_over_mean"] * m / cpus)
        # Σ c² stays: 1 + cv² is n · Σ c² / total².
        assert 1 + after["cv"] ** 2 == pytest.approx((1 + before["cv"] ** 2) * m / cpus)
        # Σ rank · c grows by the idle ones before it: the share that is evenly had, n · (1 - gini), stays.
        assert m * (1 - after["gini"]) == pytest.approx(cpus * (1 - before["gini"]))


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ({"0": [0, 1], "1": [2, 3]}, 0.3),
        ({"0": [0, 2], "1": [1, 3]}, 0.4),
        ({"0": [0], "1": [1], "2": [2], "3": [3]}, 0.5),
        ({"0": [0, 1, 2, 3]}, 0.0),
        ({"0": [0, 1], "1": [3]}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_share_outside_the_node_that_took_most(nodes: Nodes, expected: float | None) -> None:
    counts = np.zeros((10, 4), int)
    counts[3] = [50, 20, 10, 20]
    frame = irqtrace.imbalance(Recorded(counted_trace({"eth0": counts}), {}, nodes=nodes).trace())
    assert frame["off_node_share"].to_list() == [None if expected is None else pytest.approx(expected)]


def test_each_machine_has_its_own_nodes() -> None:
    counts = np.zeros((10, 4), int)
    counts[3] = [50, 20, 10, 20]
    one = Recorded(counted_trace({"eth0": counts}), {}, host="one", nodes={"0": [0, 1], "1": [2, 3]})
    others = [replace(one, host="two", nodes={"0": [0, 2], "1": [1, 3]}), replace(one, host="three", nodes=None)]
    frame = irqtrace.imbalance([machine.trace() for machine in (one, *others)])
    shares = dict(frame.select(pl.col("host").cast(pl.String), "off_node_share").rows())
    assert shares == {"one": pytest.approx(0.3), "two": pytest.approx(0.4), "three": None}


def test_a_by_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="none of irq, kind, name"):
        irqtrace.imbalance(of_cpus(2).trace(), by="cpu")  # type: ignore[arg-type]
