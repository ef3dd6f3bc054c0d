"""What is known of the events lies within what is told of their rate, in every window."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

import irqtrace
from made import T0_NS, in_memory
from plugged import plugged
from sampled import bursts, periodic, poisson, sampled_when

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from irqtrace import Trace
    from irqtrace.analyses.source import Source

SECONDS = 0.6


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
