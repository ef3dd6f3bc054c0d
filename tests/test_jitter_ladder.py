"""What jitter tells without resolving single events: the ladder of windows and the period, against known laws."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import irqtrace
from made import Cell, MadeLine, MadeRead, MadeTrace, in_memory
from sampled import MS, periodic, poisson, sampled
from test_jitter import jitter_of

Row = dict[str, Any]


def slope(row: Row, column: str, levels: slice) -> float:
    """The exponent with which a column of the ladder grows with the window."""
    window, value = (np.log(np.array(row[name][levels], dtype=float)) for name in ("window_ns", column))
    return float(np.polyfit(window, value, 1)[0])


def test_the_fano_factor_of_independent_events_is_1_within_its_error() -> None:
    chance = np.random.default_rng(3)
    off = 0
    for rate in (20, 500, 5_000):
        row = jitter_of(poisson(chance, rate, 20), 20, missed=0.02)
        for windows, fano in zip(row["windows"], row["fano"], strict=True):
            # Counts of mean m have one more 1/m in the variance of their variance.
            mean = row["events"] / windows
            error = math.sqrt((2 + 1 / mean) / (windows - 1))
            off += abs(fano - 1) > 3.5 * error + 0.01
    assert off <= 1


def test_the_fano_factor_of_regular_events_tends_to_0() -> None:
    row = jitter_of(periodic(np.random.default_rng(4), 3e6, 20, 3e5), 20)
    assert row["fano"][0] > 0.5
    assert row["fano"][-1] < 0.005
    assert slope(row, "fano", slice(3, None)) == pytest.approx(-1, abs=0.2)


def test_the_fano_factor_of_bursts_tends_to_their_size() -> None:
    chance = np.random.default_rng(5)
    begins = poisson(chance, 30, 40)
    row = jitter_of(np.sort(np.concatenate([begins + at * 20_000 for at in range(5)])), 40)
    assert row["fano"][4] == pytest.approx(5, rel=0.15)


def test_the_allan_deviation_has_the_slopes_of_theory() -> None:
    chance = np.random.default_rng(6)
    independent = jitter_of(poisson(chance, 1_000, 20), 20)
    assert slope(independent, "allan_hz", slice(0, 8)) == pytest.approx(-0.5, abs=0.05)
    assert independent["allan_hz"][0] == pytest.approx(math.sqrt(1_000 * 1_000), rel=0.05)
    regular = jitter_of(periodic(chance, 3e6, 20, 3e5), 20)
    assert slope(regular, "allan_hz", slice(3, 10)) == pytest.approx(-1, abs=0.1)


def test_windows_are_those_of_which_both_ends_were_read() -> None:
    events = periodic(np.random.default_rng(7), 5e5, 0.064)
    made = sampled({0: events}, 0.064)
    made.reads = [read for read in made.reads if read.sample not in {0, 1, 2, 31}]
    deltas = {0: 0} | {read.sample: read.deltas.get((0, 0), 0) for read in made.reads}
    made.reads[0].deltas[0, 0] = 0
    made.reads[made.reads.index(next(r for r in made.reads if r.sample == 32))].deltas[0, 0] = deltas[32] + 2
    row = irqtrace.jitter(in_memory(made)).row(0, named=True)
    # Points 3 to 63: 60 windows of one, less two at the read that was missed; of two, from point 4 on to 62.
    assert row["windows"][:2] == [58, 29]
    assert row["fano"][1] < 0.1


Ladder = list[tuple[int, int, float, float | None]]


def slow_ladder(made: MadeTrace, kind: str, cell: Cell) -> Ladder:
    """window_ns, windows, fano, allan_hz of a cell by their definition, one point of its own grid after the other."""
    every = made.every[kind, "proc"]
    reads = {read.sample: read.deltas.get(cell, 0) for read in made.reads if read.kind == kind}
    points = range(min(reads) // every, max(reads) // every + 1)
    ladder: Ladder = []
    for size in (1 << level for level in range(20)):
        taken: dict[int, int] = {}
        for low in range(0, points.stop, size):
            begin, end = low * every, (low + size) * every
            if begin in reads and end in reads:
                taken[low // size] = sum(delta for sample, delta in reads.items() if begin < sample <= end)
        if len(taken) < 10:
            return ladder
        counts, window_ns = np.array(list(taken.values())), size * every * made.interval_ns
        pairs = np.array([taken[at + 1] - taken[at] for at in taken if at + 1 in taken]) * 1e9 / window_ns
        allan = float(np.sqrt((pairs**2).mean() / 2)) if len(pairs) >= 9 else None
        ladder.append((window_ns, len(taken), float(counts.var(ddof=1) / counts.mean()), allan))
    return ladder


def made_with_last_read(every: int, last: int, late_ns: int, seed: int = 1) -> MadeTrace:
    """Softirqs read at every n-th point, and a last time at any, beside irqs at every point."""
    chance = np.random.default_rng(seed)
    lines = [MadeLine(0, "irq", "24", "eth0"), MadeLine(1, "softirq", "NET_RX", "NET_RX")]
    reads = []
    for sample in range(last + 1):
        for line, kind in enumerate(("irq", "softirq")):
            is_due = kind == "irq" or sample % every == 0
            if sample not in {0, last} and (not is_due or chance.random() < 0.1):
                continue
            deltas: dict[Cell, int] = {
                (line, cpu): int(sample and chance.poisson(mean)) for cpu, mean in enumerate((0.7, 9))
            }
            deltas = deltas if not sample else {cell: delta for cell, delta in deltas.items() if delta}
            # What came up to the last read, unlike all else: in a window that has it, it would show.
            if sample == last and not is_due:
                deltas[line, 0] = deltas[line, 1] = 500
            late = late_ns if sample == last else 20_000
            reads.append(MadeRead(kind, "proc", sample, sample * MS + late, 9_000, deltas))
    return MadeTrace(MS, {("irq", "proc"): 1, ("softirq", "proc"): every}, lines, reads)


@pytest.mark.parametrize(("every", "over"), [(2, 1), (3, 2), (5, 0), (5, 1), (5, 4)])
def test_a_last_read_ahead_of_its_time_belongs_to_the_point_to_come(every: int, over: int) -> None:
    """That point was not read: no window ends there, and those before are as if the last read had not been made."""
    made = made_with_last_read(every, 160 * every + over, late_ns=-800_000)
    trace = in_memory(made)
    edges = [f"{40 * every}ms", f"{160 * every}ms"] if over else ["83ms", f"{159 * every}ms"]
    parts = [trace.slice(a, b) for a, b in pairwise([None, *edges, None])]
    for frame in (irqtrace.jitter(trace), irqtrace.jitter(parts)):
        assert len(frame) == 4
        for row in frame.iter_rows(named=True):
            cell = (0 if row["kind"] == "irq" else 1), row["cpu"]
            expected = slow_ladder(made, row["kind"], cell)
            assert len(expected) > 3
            assert row["window_ns"] == [window_ns for window_ns, *_ in expected]
            assert row["windows"] == [windows for _, windows, *_ in expected]
            assert row["fano"] == pytest.approx([fano for *_, fano, _ in expected], rel=1e-9)
            assert row["allan_hz"] == pytest.approx([allan for *_, allan in expected], rel=1e-9)


def test_what_a_last_read_ahead_of_its_time_saw_is_counted() -> None:
    made = made_with_last_read(5, 803, late_ns=-800_000)
    rows = irqtrace.jitter(in_memory(made)).filter(kind="softirq")
    for row in rows.iter_rows(named=True):
        total = sum(read.deltas.get((1, row["cpu"]), 0) for read in made.reads)
        assert row["events"] == total
        assert row["gaps"] == total - 1


@pytest.mark.parametrize("period_ns", [4.3e6, 10e6, 33.3e6])
@pytest.mark.parametrize("background", [0, 1])
def test_the_period_is_found_within_a_thousandth(period_ns: float, background: int) -> None:
    chance = np.random.default_rng(8)
    events = periodic(chance, period_ns, 40, 0.05 * period_ns, phase_ns=3e6)
    others = poisson(chance, background * 1e9 / period_ns, 40)
    row = jitter_of(np.sort(np.concatenate([events, others])), 40, missed=0.01)
    assert row["period_ns"] == pytest.approx(period_ns, rel=1e-3)
    strength = math.exp(-2 * (math.pi * 0.05) ** 2) / (1 + background)
    assert row["strength"] == pytest.approx(strength, abs=0.08)


def test_cpus_that_tick_in_turn_have_one_period_each() -> None:
    chance = np.random.default_rng(9)
    events = {cpu: periodic(chance, 8e6, 10, 2e5, phase_ns=cpu * 2e6) for cpu in range(4)}
    rows = irqtrace.jitter(in_memory(sampled(events, 10)))
    assert rows["cpu"].to_list() == [0, 1, 2, 3]
    assert rows["period_ns"].to_list() == [pytest.approx(8e6, rel=1e-3)] * 4


def test_independent_events_have_no_period() -> None:
    chance = np.random.default_rng(10)
    events = {cpu: poisson(chance, rate, 10) for cpu, rate in enumerate([30, 100, 300, 1_000, 3_000] * 10)}
    assert irqtrace.jitter(in_memory(sampled(events, 10)))["period_ns"].to_list() == [None] * 50


@pytest.mark.parametrize("period_ns", [0.31e6, 0.75e6, 1.45e6])
def test_a_period_too_short_to_be_seen_is_not_told_as_another(period_ns: float) -> None:
    assert jitter_of(periodic(np.random.default_rng(11), period_ns, 10, 1e4), 10)["period_ns"] is None
