"""What is known of the events lies within what is told of their rate, in every window."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

import irqtrace
from hotplug import changing_machine
from made import T0_NS, MadeRead, in_memory
from plugged import plugged
from rotated import SAMPLES, rotated, save
from sampled import bursts, periodic, poisson, sampled_when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from hotplug import Recorded
    from irqtrace import Trace
    from irqtrace.analyses.source import Source
    from made import Cell

SECONDS = 0.6

Key = tuple[str, str, int | None, int]
"""irq, name, CPU where CPUs are told apart, and the number of a window."""
Pair = tuple[MadeRead, MadeRead, int]
"""Two reads in a row, and what came between them."""


def events_of(law: str, seed: int) -> dict[int, NDArray[np.int64]]:
    """When events came on each CPU, ns from t0."""
    chance = np.random.default_rng(seed)
    if law == "poisson":
        return {cpu: poisson(chance, hz, SECONDS) for cpu, hz in enumerate((30, 900, 20_000))}
    if law == "periodic":
        return {cpu: periodic(chance, ns, SECONDS, ns / 20) for cpu, ns in enumerate((30e6, 1e6, 70e3))}
    if law == "bursts":
        return {0: bursts(chance, 20, 50, 10_000, SECONDS), 1: bursts(chance, 3, 900, 25_000, SECONDS)}
    return {cpu: periodic(chance, 2e6, SECONDS, 1e4, phase_ns=cpu * 5e5) for cpu in range(4)}


@pytest.mark.parametrize("missed", [0, 0.3, 0.95])
@pytest.mark.parametrize(("late_ns", "length_ns"), [(40_000, 20_000), (2_000, 990_000), (900_000, 90_000)])
@pytest.mark.parametrize("law", ["poisson", "periodic", "bursts", "in turn"])
def test_the_true_rate_lies_in_the_bounds_in_every_window(
    law: str, late_ns: int, length_ns: int, missed: float
) -> None:
    """The true one: the events that came from one look at the counter to the other, over the time between them."""
    seed = 1 + late_ns + int(100 * missed)
    events = events_of(law, seed)
    made, looked = sampled_when(events, SECONDS, seed=seed, missed=missed, late_ns=late_ns, length_ns=length_ns)
    trace = in_memory(made)
    samples = np.array([read.sample for read in made.reads])
    for every_ms in (1, 7, 50, None):
        every = None if every_ms is None else f"{every_ms}ms"
        window_of = samples // every_ms if every_ms else samples * 0
        truths: dict[int, dict[int, tuple[int, float]]] = {}
        for window in np.unique(window_of).tolist():
            last = int(samples[window_of == window][-1])
            base = int(samples[window_of < window][-1] if window_of[0] < window else samples[0])
            truths[window] = {
                cpu: (int(np.diff(np.searchsorted(times, [begin, end])).item()), (end - begin) / 1e9)
                for cpu, times in events.items()
                for begin, end in [(looked[cpu][base], looked[cpu][last])]
            }
        cells = irqtrace.rates(trace, every, ("irq", "cpu"), dense=True).drop_nulls("count")
        assert len(cells) == len(truths) * len(events)
        for row in cells.with_columns(pl.col("time").dt.epoch("ns")).iter_rows(named=True):
            count, seconds = truths[(row["time"] - T0_NS) // 1_000_000 // (every_ms or 10**9)][row["cpu"]]
            assert row["count"] == count
            assert (row["rate"] is None) == (seconds == 0)
            assert not seconds or row["rate_lo"] <= count / seconds <= row["rate_hi"]
        together = irqtrace.rates(trace, every).drop_nulls("rate")
        assert len(together) == sum(all(seconds for _, seconds in truth.values()) for truth in truths.values()) > 0
        for row in together.with_columns(pl.col("time").dt.epoch("ns")).iter_rows(named=True):
            truth = truths[(row["time"] - T0_NS) // 1_000_000 // (every_ms or 10**9)]
            assert row["rate_lo"] <= sum(count / seconds for count, seconds in truth.values()) <= row["rate_hi"]


def pieces(trace: Trace, parts: str) -> tuple[Source, range]:
    """The trace in one way or another, and the samples of the part that is not there."""
    if parts == "whole":
        return trace, range(0)
    if parts == "flat table":
        return trace.frame(), range(0)
    if parts == "one read and the end":
        return [trace.slice(None, "1ms"), trace.slice("8ms", None)], range(1, 8)
    own = [trace.slice(a, b) for a, b in pairwise([None, "7ms", "12ms", "21ms", None])]
    return (own, range(0)) if parts == "all" else ([own[3], own[0], own[1]], range(12, 21))


@pytest.mark.parametrize("parts", ["whole", "all", "some", "one read and the end", "flat table"])
@pytest.mark.parametrize("every_ms", [1, 4, 7, None])
def test_of_a_cpu_that_goes_and_returns_the_bounds_hold_what_it_really_counted_while_it_was_seen(
    parts: str, every_ms: int | None
) -> None:
    every = None if every_ms is None else f"{every_ms}ms"
    claims = 0
    for seed in (2, 3, 5, 6, 7, 11, 16):
        machine = plugged(seed)
        trace = in_memory(machine.made)
        # The part behind the one that is not there knows the read before it.
        source, missing = pieces(trace, parts)
        samples = [read.sample for read in machine.made.reads if read.sample not in missing]
        known = {
            (window, cpu): (count, span)
            for window in {sample // (every_ms or 10**9) for sample in samples}
            for cpu in machine.events
            for count, span in [
                machine.truth(cpu, {sample for sample in samples if sample // (every_ms or 10**9) == window})
            ]
            if span
        }
        rows = irqtrace.rates(source, every, ("name", "cpu"), dense=True).with_columns(pl.col("time").dt.epoch("ns"))
        told = set()
        # A flat table tells point 0 to a part of a millisecond.
        for row in rows.drop_nulls("rate").iter_rows(named=True):
            key = round((row["time"] - T0_NS) / 1e6) // (every_ms or 10**9), row["cpu"]
            assert key in known, (seed, row)
            count, span = known[key] if row["name"] == "eth0" else (0, known[key][1])
            assert row["count"] == count
            most = np.inf if row["rate_hi"] is None else row["rate_hi"]
            assert row["rate_lo"] <= count / span * 1e9 <= most, (seed, row)
            told.add(key)
        assert told == known.keys(), seed
        of_cpus = irqtrace.imbalance(source, every, "name").filter(pl.col("total") > 0)
        for row in of_cpus.with_columns(pl.col("time").dt.epoch("ns")).iter_rows(named=True):
            window = round((row["time"] - T0_NS) / 1e6) // (every_ms or 10**9)
            assert row["cpus"] == sum(at == window for at, _ in known), (seed, row)
        claims += len(told)
    assert claims > 10


@dataclass(frozen=True)
class Kept:
    """What is left of a machine's recording, and what its reads tell."""

    machine: Recorded
    parts: list[range]
    """Of the recording, those that are there, by samples."""
    tells: Callable[[int, int], bool]
    """Whether it is known what came between two reads in a row, of which the later is there."""

    def pairs(self) -> list[tuple[MadeRead, MadeRead]]:
        """The reads that are there, each with the one before if it is known what came between them, or itself."""
        reads = self.machine.made.reads
        in_a_row = [
            pair
            for kind in ("irq", "arch", "softirq")
            for pair in pairwise([None, *(read for read in reads if read.kind == kind)])
        ]
        return [
            (before if before and self.tells(before.sample, read.sample) else read, read)
            for before, read in in_a_row
            if read and any(read.sample in part for part in self.parts)
        ]

    def seen(self, read: MadeRead, *, cpus: bool) -> set[Cell]:
        cells = self.machine.layouts[read.kind, read.sample]
        return cells if cpus else {(line, None) for line, _ in cells}

    def key(self, cell: Cell, window: int) -> Key:
        line = next(line for line in self.machine.made.lines if line.line == cell[0])
        return line.irq, line.name, cell[1], window

    def present(self, every_ms: int | None, *, cpus: bool) -> set[Key]:
        """What was seen, in the windows of the reads that are there, by them or by those before them."""
        return {
            self.key(cell, read.sample // (every_ms or 10**9))
            for pair in self.pairs()
            for read in pair
            for cell in self.seen(read, cpus=cpus)
        }

    def known(self, every_ms: int | None, *, cpus: bool) -> dict[Key, dict[int, list[Pair]]]:
        """Of each of its lines, the reads in a row that both saw it."""
        found: dict[Key, dict[int, list[Pair]]] = {}
        for before, read in self.pairs():
            both = self.seen(before, cpus=cpus) & self.seen(read, cpus=cpus) if before is not read else set()
            for cell in both:
                count = sum(n for (line, cpu), n in read.deltas.items() if (line, cpu if cpus else None) == cell)
                of_lines = found.setdefault(self.key(cell, read.sample // (every_ms or 10**9)), {})
                of_lines.setdefault(cell[0], []).append((before, read, count))
        return found


def kept_of(seed: int, how: str, folder: Path) -> tuple[Source, Kept]:
    """A recording that was cut anywhere, of which any parts are there: slices in any order, or segments."""
    machine, chance = changing_machine(seed), random.Random(seed)  # noqa: S311 - repeatable, not secret
    newest = max(read.sample for read in machine.made.reads)
    cuts = sorted({chance.randrange(1, newest) for _ in range(chance.randint(1, 6))})
    parts = [range(*edges) for edges in pairwise([0, *cuts, SAMPLES])]
    there = [part for part in parts if chance.random() < 0.6] or parts[:1]
    if how == "slices":
        trace = machine.trace()
        own = [trace.slice(f"{part.start}ms", None if part is parts[-1] else f"{part.stop}ms") for part in there]
        # A slice knows the read before it.
        return chance.sample(own, len(own)), Kept(machine, there, lambda *_: True)
    for part, path in zip(parts, save(folder, rotated(machine, cuts)), strict=True):
        if part not in there:
            path.unlink()
    lost = [part for part in parts if part not in there and part.start > there[0].start]
    return folder, Kept(machine, there, lambda a, b: not any(a < part.stop and b >= part.start for part in lost))


def documented(of_lines: Iterable[list[Pair]]) -> tuple[float, ...]:
    """count, rate, rate_lo and rate_hi: the sums of those of lines, each over the times between reads in a row."""
    sums = np.zeros(4)
    for pairs in of_lines:
        count, middle, longest, shortest = sum(count for *_, count in pairs), 0.0, 0, 0
        for at, (before, read, _) in enumerate(pairs):
            # Where it goes on from the pair before, that one's end is no edge.
            edge = 0 if at and pairs[at - 1][1] is before else before.length
            middle += read.begin + read.length / 2 - before.begin - before.length / 2
            longest += read.begin + read.length - before.begin - (before.length - edge)
            shortest += read.begin - before.begin - edge
        sums += [count, *(count * 1e9 / span for span in (middle, longest, shortest))]
    return tuple(sums)


@pytest.mark.parametrize("how", ["slices", "segments"])
@pytest.mark.parametrize("every_ms", [1, 4, 7, None])
@pytest.mark.filterwarnings("ignore:.*not there:irqtrace.IrqtraceWarning")
@pytest.mark.parametrize("seed", [0, 11, 17, 29, 84, 105])
def test_whatever_parts_there_are_nothing_more_and_nothing_less_is_told_than_their_reads_know(
    tmp_path: Path, seed: int, every_ms: int | None, how: str
) -> None:
    every = None if every_ms is None else f"{every_ms}ms"
    source, kept = kept_of(seed, how, tmp_path)

    def window(row: dict[str, int]) -> int:
        return round((row["time"] - T0_NS) / 1e6) // (every_ms or 10**9)

    for cpus in (False, True):
        known, present = kept.known(every_ms, cpus=cpus), kept.present(every_ms, cpus=cpus)
        by = ("kind", "irq", "name", *(["cpu"] if cpus else []))
        rows = irqtrace.rates(source, every, by, dense=True).with_columns(pl.col("time").dt.epoch("ns"))
        told = set()
        for row in rows.drop_nulls("count").iter_rows(named=True):
            key = (row["irq"], row["name"], row.get("cpu"), window(row))
            assert key in present
            if row["rate"] is None:
                assert row["count"] == 0
                continue
            told.add(key)
            got = (row["count"], row["rate"], row["rate_lo"], row["rate_hi"])
            assert got == pytest.approx(documented(known[key].values()), rel=1e-9), row
        assert told == known.keys()
    shared = irqtrace.imbalance(source, every).with_columns(pl.col("time").dt.epoch("ns"))
    for row in shared.iter_rows(named=True):
        of_row = [key for key in known if (*key[:2], key[3]) == (row["irq"], row["name"], window(row))]
        assert of_row or not row["total"]
        assert not of_row or row["cpus"] == len(of_row), row
