"""A machine whose CPUs go and return at any time, with what they really counted, and when they were looked at."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from made import Cell, MadeLine, MadeRead, MadeTrace
from sampled import MS, poisson

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Plugged:
    """A trace of it, and the truth: ns are from t0."""

    made: MadeTrace
    events: dict[int, NDArray[np.int64]]
    """When interrupts came, by CPU."""
    looked: dict[int, dict[int, int]]
    """When each read saw the counter of each CPU, by CPU and sample; those that did not see it are not there."""

    def truth(self, cpu: int, samples: set[int]) -> tuple[int, int]:
        """What came, and in how many ns, from read to read up to these, as far as both saw the CPU."""
        count = span = 0
        reads = [read.sample for read in self.made.reads]
        looked = self.looked[cpu]
        for before, sample in pairwise(reads):
            if sample in samples and before in looked and sample in looked:
                begin, end = looked[before], looked[sample]
                count += int(np.diff(np.searchsorted(self.events[cpu], [begin, end])).item())
                span += end - begin
        return count, span


def plugged(seed: int, samples: int = 30, cpus: int = 3, missed: float = 0.2) -> Plugged:
    """CPU 0 stays. What a CPU counts before it goes and after it is back is kept by the kernel, and seen by no read."""
    chance = np.random.default_rng(seed)
    online = {cpu: [(0, samples * MS)] for cpu in range(cpus)}
    for cpu in range(1, cpus):
        turns = np.sort(chance.integers(0, samples * MS, 2 * int(chance.integers(0, 4)) + int(chance.integers(0, 2))))
        edges = [*([] if chance.random() < 0.5 else [0]), *turns.tolist(), samples * MS]
        online[cpu] = list(zip(edges[::2], edges[1::2], strict=False))
    events = {}
    for cpu, there in online.items():
        times = poisson(chance, 2_000 * (cpu + 1), samples / 1_000)
        events[cpu] = np.concatenate([times[:0], *(times[(low <= times) & (times < high)] for low, high in there)])
    kept = [sample for sample in range(samples) if not sample or chance.random() >= missed]
    made = MadeTrace(MS, {("irq", "proc"): 1}, [MadeLine(0, "irq", "24", "eth0"), MadeLine(1, "irq", "25", "idle")], [])
    looked: dict[int, dict[int, int]] = {cpu: {} for cpu in range(cpus)}
    counts: dict[Cell, int] = {}
    before = -1
    for sample in kept:
        begin, length = sample * MS + int(chance.integers(0, 300_000)), int(chance.integers(1_000, 600_000))
        now: dict[Cell, int] = {}
        for cpu, there in online.items():
            if any(low <= begin and begin + length < high for low, high in there):
                looked[cpu][sample] = begin + int(chance.integers(0, length))
                now[0, cpu] = int(np.searchsorted(events[cpu], looked[cpu][sample]))
                now[1, cpu] = 0
        is_epoch = now.keys() != counts.keys()
        grown = {cell: count - counts.get(cell, count) for cell, count in sorted(now.items())}
        made.reads.append(
            MadeRead("irq", "proc", sample, begin, length, {c: d for c, d in grown.items() if d or is_epoch})
        )
        new, gone = now.keys() - counts.keys(), counts.keys() - now.keys()
        made.baselines += [(*cell, sample, now[cell]) for cell in sorted(new) if sample or now[cell]]
        made.finals += [(*cell, before, counts[cell]) for cell in sorted(gone)]
        counts, before = now, sample
    made.finals += [(*cell, before, count) for cell, count in counts.items() if count]
    return Plugged(made, events, looked)
