"""Traces of events whose times are known, sampled as a recorder would: late, in windows, with misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from made import MadeLine, MadeRead, MadeTrace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MS = 1_000_000

Count = tuple[int, int | None, int, int]


def poisson(chance: np.random.Generator, rate_hz: float, seconds: float) -> NDArray[np.int64]:
    """Events that come independently of one another."""
    count = chance.poisson(rate_hz * seconds)
    return np.sort(chance.integers(0, int(seconds * 1e9), count))


def periodic(
    chance: np.random.Generator, period_ns: float, seconds: float, jitter_ns: float = 0, phase_ns: float = 0
) -> NDArray[np.int64]:
    """Events at a clock's ticks, each off by itself with a normal distribution."""
    ticks = np.arange(phase_ns, seconds * 1e9, period_ns)
    times = np.sort((ticks + chance.normal(0, 1, len(ticks)) * jitter_ns).astype(np.int64))
    return times[times >= 0]


def bursts(chance: np.random.Generator, rate_hz: float, size: int, apart_ns: int, seconds: float) -> NDArray[np.int64]:
    """Bursts that come independently, each of so many events so far apart."""
    begins = poisson(chance, rate_hz, seconds)
    times = np.sort((begins[:, None] + np.arange(size) * apart_ns).ravel())
    return times[times < seconds * 1e9]


def sampled(
    events: Mapping[int, NDArray[np.int64]],
    seconds: float,
    interval_ns: int = MS,
    seed: int = 1,
    *,
    missed: float = 0.0,
    late_ns: int = 40_000,
    length_ns: int = 20_000,
) -> MadeTrace:
    """A trace of one line with these events (ns from t0, in order) by CPU; a counter is read somewhere in the read."""
    return sampled_when(events, seconds, interval_ns, seed, missed=missed, late_ns=late_ns, length_ns=length_ns)[0]


def sampled_when(
    events: Mapping[int, NDArray[np.int64]],
    seconds: float,
    interval_ns: int = MS,
    seed: int = 1,
    *,
    missed: float = 0.0,
    late_ns: int = 40_000,
    length_ns: int = 20_000,
) -> tuple[MadeTrace, dict[int, dict[int, int]]]:
    """The same, and when each counter was looked at: by CPU and sample (ns from t0)."""
    chance = np.random.default_rng(seed)
    grid = np.arange(int(seconds * 1e9) // interval_ns)
    kept = grid[(chance.random(len(grid)) >= missed) | (grid == 0)]
    begins = kept * interval_ns + chance.integers(1_000, late_ns, len(kept))
    lengths = chance.integers(1_000, length_ns, len(kept))
    looked = {cpu: begins + (lengths * chance.random(len(kept))).astype(np.int64) for cpu in events}
    counts = {cpu: np.searchsorted(times, looked[cpu]) for cpu, times in events.items()}
    grown = {cpu: np.diff(count, prepend=count[0]) for cpu, count in counts.items()}
    reads = [
        MadeRead(
            "irq",
            "proc",
            int(sample),
            int(begins[at]),
            int(lengths[at]),
            {(0, cpu): int(delta[at]) for cpu, delta in grown.items() if delta[at] or at == 0},
        )
        for at, sample in enumerate(kept)
    ]
    baselines: list[Count] = [(0, cpu, 0, int(count[0])) for cpu, count in counts.items() if count[0]]
    finals: list[Count] = [(0, cpu, int(kept[-1]), int(count[-1])) for cpu, count in counts.items() if count[-1]]
    made = MadeTrace(interval_ns, {("irq", "proc"): 1}, [MadeLine(0, "irq", "24", "eth0")], reads, baselines, finals)
    return made, {cpu: dict(zip(kept.tolist(), times.tolist(), strict=True)) for cpu, times in looked.items()}
