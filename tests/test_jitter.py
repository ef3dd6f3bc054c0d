"""Jitter against what is known of the events, and parts against the whole."""

from __future__ import annotations

import math
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
from hotplug import Life, recorded
from irqtrace.analyses import jitter
from irqtrace.analyses.jitter import histogram
from irqtrace.analyses.jitter.packing import Packing
from irqtrace.analyses.state import merge
from irqtrace.analyses.stored import read_state, write_state
from made import Cell, MadeLine, MadeRead, MadeTrace, in_memory, small_trace
from sampled import MS, Count, periodic, poisson, sampled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


QUANTILES = {"p50_ns": 0.5, "p90_ns": 0.9, "p99_ns": 0.99, "p999_ns": 0.999}
Row = dict[str, Any]


def jitter_of(events: NDArray[np.int64], seconds: float, **options: Any) -> Row:  # noqa: ANN401 - those of sampled
    """The jitter of one line with these events on one CPU."""
    return irqtrace.jitter(in_memory(sampled({0: events}, seconds, **options))).row(0, named=True)


def seen(events: NDArray[np.int64], made: MadeTrace) -> NDArray[np.int64]:
    """The gaps between the events that a trace has."""
    before = made.baselines[0][3] if made.baselines else 0
    count = sum(read.deltas.get((0, 0), 0) for read in made.reads)
    return np.diff(events[before : before + count])


# Times between events


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("law", ["poisson", "periodic", "bursts"])
def test_mean_deviation_and_quantiles_are_within_the_resolution_of_the_truth(law: str, seed: int) -> None:
    chance = np.random.default_rng(seed)
    begins = poisson(chance, 8, 19)
    events = {
        "poisson": poisson(chance, 60, 20),
        "periodic": periodic(chance, 9.7e6, 20, 1e6),
        "bursts": np.sort(np.concatenate([begins + at for at in (0, 15_000, 40_000, 90_000)])),
    }[law]
    made = sampled({0: events}, 20, missed=0.05, seed=seed)
    row = irqtrace.jitter(in_memory(made)).row(0, named=True)
    gaps = seen(events, made)
    assert row["gaps"] == len(gaps)
    bound = 2 * row["resolution_max_ns"]
    assert abs(row["mean_ns"] - gaps.mean()) <= bound / len(gaps)
    assert abs(row["std_ns"] - gaps.std(ddof=1)) <= bound
    assert abs(row["max_ns"] - gaps.max()) <= bound
    for name, share in QUANTILES.items():
        truth = np.sort(gaps)[math.ceil(share * len(gaps)) - 1]
        assert abs(row[name] - truth) <= bound, name
    assert row["verdict"] == ("resolved in part" if law == "bursts" else "resolved")
    assert row["quantiles"] == "exact"


def test_events_that_fall_alone_into_a_read_are_told_to_within_one_resolution() -> None:
    chance = np.random.default_rng(1)
    events = periodic(chance, 20e6, 10, 2e6)
    made = sampled({0: events}, 10)
    row = irqtrace.jitter(in_memory(made)).row(0, named=True)
    assert row["resolved_share"] == 1
    truth = np.sort(seen(events, made))
    for name, share in QUANTILES.items():
        assert abs(row[name] - truth[math.ceil(share * len(truth)) - 1]) <= row["resolution_max_ns"]


def test_the_resolution_is_the_time_in_which_an_event_is_known_to_have_come() -> None:
    reads = [
        MadeRead("irq", "proc", 0, 1_000, 500, {(0, 0): 0}),
        MadeRead("irq", "proc", 1, MS, 400, {(0, 0): 1}),
        MadeRead("irq", "proc", 2, 2 * MS, 300, {(0, 0): 3}),
        MadeRead("irq", "proc", 4, 4 * MS, 200, {(0, 0): 1}),
    ]
    made = MadeTrace(MS, {("irq", "proc"): 1}, [MadeLine(0, "irq", "24", "eth0")], reads)
    row = irqtrace.jitter(in_memory(made)).row(0, named=True)
    widths = [MS + 400 - 1_000, *[MS + 300] * 3, 2 * MS + 200]
    assert row["events"] == 5
    assert row["gaps"] == 4
    assert row["resolved_share"] == 2 / 5
    assert row["resolution_ns"] == sum(widths) / 5
    assert row["resolution_max_ns"] == max(widths)
    assert row["verdict"] == "cannot tell at this interval"


def test_what_comes_faster_than_the_reads_cannot_be_told_but_its_mean_and_a_long_silence() -> None:
    chance = np.random.default_rng(2)
    events = poisson(chance, 3_000, 10)
    events = events[(events < 4 * 10**9) | (events > 4_050_000_000)]
    row = jitter_of(events, 10)
    assert row["verdict"] == "cannot tell at this interval"
    assert row["mean_ns"] == pytest.approx(np.diff(events).mean(), rel=1e-3)
    assert [row[name] for name in ("std_ns", "p50_ns", "p90_ns", "p999_ns")] == [None] * 4
    assert abs(row["max_ns"] - 50 * MS) <= 2 * row["resolution_max_ns"]


def test_no_gap_reaches_over_an_absence() -> None:
    line, grown = MadeLine(0, "irq", "24", "eth0"), {0: 0, 4: 1, 9: 1, 20: 0, 22: 1, 27: 1}
    reads = [
        MadeRead("irq", "proc", at, at * MS, 9_000, {(0, 0): grown[at]} if at in grown else {}) for at in range(30)
    ]
    baselines: list[Count] = [(0, 0, 20, 5)]
    finals: list[Count] = [(0, 0, 12, 5), (0, 0, 29, 7)]
    made = MadeTrace(MS, {("irq", "proc"): 1}, [line], reads, baselines, finals)
    whole = in_memory(made)
    row = irqtrace.jitter(whole).row(0, named=True)
    assert row["gaps"] == 2
    assert row["max_ns"] == 5 * MS
    assert row["fano"] is None
    # Also where a part begins with the read that saw it again, and had nothing of it.
    for edges in ([11], [14], [20], [20, 22], [10, 20, 21], [11, 21], [14, 19, 25]):
        bounds = [None, *(f"{edge}ms" for edge in edges), None]
        parts = [whole.slice(begin, end) for begin, end in pairwise(bounds)]
        assert_same(jitter.finish(merge(map(jitter.reduce, parts))), jitter.finish(jitter.reduce(whole)))


def test_what_the_first_read_of_all_saw_is_counted_but_nobody_knows_when_it_came() -> None:
    lines = [MadeLine(0, "irq", "24", "eth0"), MadeLine(1, "irq", "25", "gone", last=0)]
    grown: dict[int, dict[Cell, int]] = {0: {(0, 0): 3, (1, 0): 2}, 4: {(0, 0): 1}, 9: {(0, 0): 1}}
    reads = [MadeRead("irq", "proc", at, at * MS, 9_000, grown.get(at, {})) for at in range(12)]
    first, gone = irqtrace.jitter(in_memory(MadeTrace(MS, {("irq", "proc"): 1}, lines, reads))).iter_rows(named=True)
    assert [first[name] for name in ("events", "gaps", "resolved_share", "max_ns")] == [5, 1, 1.0, 5 * MS]
    assert [gone[name] for name in ("events", "gaps", "resolved_share", "max_ns")] == [2, 0, None, None]


@pytest.mark.parametrize("bits", [19, 20, 21, 22, 23])
def test_no_line_is_lost_however_many_bits_a_row_takes(bits: int) -> None:
    lines = [MadeLine(0, "arch", "LOC", "Local timer interrupts"), MadeLine(1, "arch", "ERR", "ERR")]
    grown: dict[int, dict[Cell, int]] = {
        0: {(0, 0): 0, (1, None): 0}, 5: {(0, 0): 1 << 39, (1, None): 4}, (1 << bits) - 1: {(0, 0): 1}
    }  # fmt: skip
    reads = [MadeRead("arch", "proc", at, at * MS, 9_000, deltas) for at, deltas in grown.items()]
    rows = irqtrace.jitter(in_memory(MadeTrace(MS, {("arch", "proc"): 1}, lines, reads)))
    assert rows.select("irq", "events").rows() == [("LOC", (1 << 39) + 1), ("ERR", 4)]


def test_sums_of_many_events_in_a_long_time_do_not_overflow() -> None:
    line, minute = MadeLine(0, "arch", "LOC", "Local timer interrupts"), 60_000 * MS
    reads = [
        MadeRead("arch", "proc", at, at * minute + 20_000, 50_000, {(0, 0): 100_000_000 if at else 0})
        for at in range(2_900)
    ]
    row = irqtrace.jitter(in_memory(MadeTrace(minute, {("arch", "proc"): 1}, [line], reads))).row(0, named=True)
    assert row["events"] == 2_899 * 100_000_000
    assert row["resolution_ns"] == pytest.approx(minute + 50_000)
    assert [row[name] for name in ("verdict", "std_ns", "p50_ns", "period_ns")] == [
        "cannot tell at this interval", None, None, None
    ]  # fmt: skip


def test_samples_too_far_apart_to_be_numbered_are_refused_and_not_confused() -> None:
    with pytest.raises(ValueError, match="samples 0 and 4,611,686,018,427,387,904 are too far apart"):
        Packing.of(40, 1151, (0, 1 << 62), 1)
    assert Packing.of(40, 1151, (0, 1 << 40), 1).delta_bits == 1
    assert Packing.of(40, 1151, (0, 1 << 40), 1 << 30).delta_bits == 0


# Parts and wholes


def stirring_trace(seed: int, samples: int = 1_300) -> MadeTrace:
    """Lines at two intervals, one that comes and one that goes, with reads missed; counts from one to many a read."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    kinds = {"irq": 1, "arch": 3}
    came, went = sorted(chance.sample(range(5, samples - 5), 2))
    lines = {
        0: MadeLine(0, "irq", "24", "eth0"),
        1: MadeLine(1, "irq", "25", "late", first=came),
        2: MadeLine(2, "arch", "LOC", "Local timer interrupts"),
        3: MadeLine(3, "irq", "26", "gone", last=went),
    }
    reads = []
    for sample in range(samples):
        for kind, every in kinds.items():
            kept = sample in {0, came, went, samples - 1 - (samples - 1) % every} or chance.random() > 0.05
            if sample % every or not kept:
                continue
            there = [line for line in lines.values() if line.kind == kind and line.first <= sample]
            there = [line for line in there if line.last is None or sample <= line.last]
            deltas: dict[Cell, int] = {}
            for line in there:
                for cpu in (0, 1):
                    rare = 1 if cpu else sample // 7 % 2 + chance.choice([0, 0, 2])
                    delta = 0 if sample in {0, line.first} else rare if chance.random() < 0.4 else 0
                    if delta or sample in {0, line.first}:
                        deltas[line.line, cpu] = delta
            begin = sample * MS + chance.randrange(1_000, 90_000)
            reads.append(MadeRead(kind, "proc", sample, begin, chance.randrange(1_000, 60_000), deltas))
    return MadeTrace(MS, {(kind, "proc"): every for kind, every in kinds.items()}, list(lines.values()), reads)


def assert_same(left: pl.DataFrame, right: pl.DataFrame) -> None:
    """Equal but for the last digits of sums."""
    assert_frame_equal(left, right, rel_tol=1e-9, categorical_as_str=True)


@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 50),
    edges=st.lists(st.one_of(st.integers(1, 1_298), st.integers(1_020, 1_028)), max_size=4, unique=True),
    rows=st.sampled_from([600, 10_000]),
)
def test_the_states_of_any_parts_joined_in_any_order_give_what_the_whole_gives(
    seed: int, edges: list[int], rows: int
) -> None:
    trace = in_memory(stirring_trace(seed))
    last = trace.info.duration_ns // MS
    bounds = sorted({0, *edges, last})
    parts = [trace.slice(f"{a}ms", f"{b}ms") for a, b in pairwise(bounds)]
    random.Random(seed).shuffle(parts)  # noqa: S311 - repeatable, not secret
    states = [jitter.reduce(part, rows=rows) for part in parts]
    joined = merge([merge(states[:2]), *states[2:]]) if len(states) > 2 else merge(states)
    whole = jitter.finish(jitter.reduce(trace))
    assert whole["events"].sum() > 0
    assert max(map(len, whole["windows"].drop_nulls())) > 6
    assert_same(jitter.finish(joined), whole)


@pytest.mark.parametrize("rows", [300, 1_000])
def test_how_much_is_worked_on_at_a_time_changes_nothing(rows: int) -> None:
    trace = in_memory(stirring_trace(1))
    state = jitter.reduce(trace)
    assert state["spectrum"]["level"].n_unique() >= 1
    assert_same(jitter.finish(jitter.reduce(trace, rows=rows)), jitter.finish(state))


def test_a_period_is_the_same_of_parts_and_of_the_whole() -> None:
    chance = np.random.default_rng(12)
    trace = in_memory(sampled({0: periodic(chance, 7e6, 12, 3e5)}, 12))
    parts = [trace.slice(a, b) for a, b in pairwise(["0s", "1.3s", "1.4s", "6.7s", "12s"])]
    whole = jitter.finish(jitter.reduce(trace))
    assert whole["period_ns"][0] == pytest.approx(7e6, rel=1e-3)
    assert_same(jitter.finish(merge(map(jitter.reduce, parts))), whole)


def test_nothing_is_told_of_the_time_between_parts_of_which_one_is_missing() -> None:
    trace = in_memory(sampled({0: periodic(np.random.default_rng(13), 10e6, 3)}, 3))
    parts = [jitter.reduce(trace.slice(a, b)) for a, b in (("0s", "1s"), ("2s", "3s"))]
    row = jitter.finish(merge(parts)).row(0, named=True)
    assert row["max_ns"] < 13 * MS
    assert row["gaps"] == row["events"] - 2


def test_quantiles_of_a_state_are_of_buckets_and_say_so() -> None:
    trace = in_memory(sampled({0: poisson(np.random.default_rng(14), 60, 20)}, 20))
    exact = irqtrace.jitter(trace).row(0, named=True)
    rough = jitter.finish(jitter.reduce(trace)).row(0, named=True)
    assert (exact["quantiles"], rough["quantiles"]) == ("exact", "histogram")
    for name in QUANTILES:
        assert rough[name] == pytest.approx(exact[name], rel=1 / 256)
    assert rough["max_ns"] == exact["max_ns"]


@given(st.integers(0, 2**62))
def test_a_bucket_is_at_most_a_128th_wide_and_its_middle_in_it(value: int) -> None:
    (bucket,) = histogram.bucket_of(np.array([value]))
    middle = pl.select(histogram.middle_of(pl.lit(int(bucket)))).item()
    assert abs(middle - value) <= value / 256
    assert histogram.bucket_of(np.array([value + 1]))[0] - bucket in {0, 1}


def test_a_state_can_be_written_and_read(tmp_path: Path) -> None:
    state = jitter.reduce(in_memory(stirring_trace(2)))
    path = tmp_path / "s.parquet"
    write_state(state, path)
    assert_same(jitter.finish(read_state(path)), jitter.finish(state))


def test_machines_are_told_apart_and_recordings_of_one_are_pooled() -> None:
    frame = in_memory(sampled({0: poisson(np.random.default_rng(15), 60, 3)}, 3)).frame()
    other = frame.with_columns(pl.lit("other").cast(pl.Categorical).alias("host"))
    later = frame.with_columns(time=pl.col("time").dt.offset_by("1h"))
    alone = irqtrace.jitter(frame)
    assert irqtrace.jitter([frame, other])["host"].cast(pl.String).to_list() == ["other", "testhost"]
    pooled = irqtrace.jitter([frame, later])
    assert pooled["gaps"].to_list() == [2 * alone["gaps"][0]]
    assert pooled["mean_ns"][0] == pytest.approx(alone["mean_ns"][0])


# Little to go by


def nothing_but(frame: pl.DataFrame, told: Sequence[str]) -> None:
    """That all columns but these are null."""
    for name in frame.columns:
        if name not in {"kind", "irq", "name", "cpu", "events", "gaps", "verdict", *told}:
            assert frame[name].null_count() == len(frame), name


@pytest.mark.parametrize("samples", [0, 1, 2, 3])
def test_where_nothing_can_be_said_there_are_nulls(samples: int) -> None:
    made = small_trace(samples=max(samples, 1), missed=0)
    if samples == 0:
        made.reads, made.baselines, made.finals = [], [], []
    for frame in (irqtrace.jitter(in_memory(made)), jitter.finish(jitter.reduce(in_memory(made)))):
        if samples < 2:
            assert frame.is_empty()
        for name, dtype in frame.schema.items():
            if dtype == pl.Float64:
                assert frame[name].drop_nulls().is_finite().all(), name
        assert frame["fano"].null_count() == len(frame)


def test_a_line_that_had_one_event_has_no_gaps() -> None:
    reads = [MadeRead("irq", "proc", n, n * MS, 9_000, {(0, 0): int(n == 2)} if n in {0, 2} else {}) for n in range(4)]
    made = MadeTrace(MS, {("irq", "proc"): 1}, [MadeLine(0, "irq", "24", "eth0")], reads)
    frame = irqtrace.jitter(in_memory(made))
    assert frame.select("events", "gaps", "verdict").rows() == [(1, 0, "too few events")]
    nothing_but(frame, ["resolved_share", "resolution_ns", "resolution_max_ns"])


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1_000), samples=st.integers(1, 60), missed=st.sampled_from([0, 0.3, 0.9]))
def test_no_number_is_nan_or_infinite(seed: int, samples: int, missed: float) -> None:
    frame = irqtrace.jitter(in_memory(small_trace(seed, samples, missed)))
    for name, dtype in frame.schema.items():
        if dtype in {pl.Float64(), pl.List(pl.Float64)}:
            values = frame[name].explode(empty_as_null=True) if dtype == pl.List(pl.Float64) else frame[name]
            assert values.drop_nulls().is_finite().all(), name


def test_the_events_of_a_table_are_those_after_its_first_reads() -> None:
    frame = in_memory(small_trace(missed=0)).frame()
    later = frame.filter(pl.col("sample") >= 7)
    since = later.filter(pl.col("sample") > pl.col("sample").min().over("kind"))
    counted = since.filter(pl.col("delta") > 0).group_by("name", "cpu").agg(pl.col("delta").sum())
    rows = irqtrace.jitter(later).join(counted, on=["name", "cpu"], nulls_equal=True)
    assert rows["events"].to_list() == rows["delta"].to_list()
    assert (rows["gaps"] <= rows["events"] - 1).all()


def test_neither_the_order_of_rows_nor_cpus_that_count_nothing_change_the_answer() -> None:
    chance = np.random.default_rng(16)
    events = {0: poisson(chance, 60, 3), 1: periodic(chance, 8e6, 3, 1e5)}
    idle = {cpu: np.empty(0, np.int64) for cpu in (2, 3)}
    frame = in_memory(sampled(events, 3)).frame()
    answer = irqtrace.jitter(frame)
    assert_same(irqtrace.jitter(frame.sample(fraction=1, shuffle=True, seed=1)), answer)
    assert_same(irqtrace.jitter(in_memory(sampled(events | idle, 3)).frame()), answer)


def test_windows_of_a_cpu_that_had_nothing_in_one_of_two_recordings_are_windows_of_it() -> None:
    silent = np.zeros((199, 2), np.int64)
    silent[:, 0] = 1
    once, often = silent.copy(), silent.copy()
    once[100, 1] = 1
    often[::10, 1] = 1
    later = in_memory(counted_trace({"eth0": often})).frame().with_columns(time=pl.col("time").dt.offset_by("1h"))
    windows = [
        irqtrace.jitter([in_memory(counted_trace({"eth0": counts})).frame(), later])["windows"].to_list()
        for counts in (silent, once)
    ]
    assert windows[0] == windows[1]
    assert windows[0][1][0] == 2 * 199


def test_jitter_of_a_line_that_comes_again_and_again_is_the_same_each_time() -> None:
    chance = random.Random(1)  # noqa: S311 - repeatable, not secret
    grown = [chance.randrange(9) for _ in range(10_007)]
    lives = [
        Life("irq", str(irq), f"device {irq}", first=at, after=at + 190)
        for irq in range(10, 16)
        for at in range(0, 2000, 200)
    ]
    machine = recorded(
        lives,
        online=lambda _sample: range(4),
        growth=lambda line, cpu, sample: grown[(line * 8191 + (cpu or 0) * 131 + sample * 17) % len(grown)],
        reads={"irq": range(2000)},
    )
    trace = in_memory(machine.made)
    first = irqtrace.jitter(trace)
    for _ in range(12):
        assert irqtrace.jitter(trace).equals(first)
