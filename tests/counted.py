"""Traces of given counts: what each CPU counted of each line from one read to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from made import MadeLine, MadeRead, MadeTrace

if TYPE_CHECKING:
    from collections.abc import Mapping

Counts = np.ndarray[Any, np.dtype[np.int64]]

MS = 1_000_000


def counted_trace(
    lines: Mapping[str, Counts], kind: str = "irq", first_number: int = 30, marks: Mapping[str, int] | None = None
) -> MadeTrace:
    """A read each millisecond. Of each name, the growth from read to read of each CPU: (reads - 1, cpus).

    ``marks`` are texts and the sample before which they were set.
    """
    made = [MadeLine(at, kind, str(first_number + at), name) for at, name in enumerate(lines)]
    reads = []
    length = max(len(counts) for counts in lines.values())
    for sample in range(length + 1):
        deltas: dict[tuple[int, int | None], int] = {}
        for line, counts in enumerate(lines.values()):
            growth = counts[sample - 1].tolist() if sample else [0] * counts.shape[1]
            deltas |= {(line, cpu): count for cpu, count in enumerate(growth) if count or not sample}
        reads.append(MadeRead(kind, "proc", sample, sample * MS + 20_000, 10_000, deltas))
    return MadeTrace(
        MS,
        {(kind, "proc"): 1},
        made,
        reads,
        marks=[
            # Set between two reads.
            {"sample": sample, "time_ns": reads_begin(sample) - 300_000, "text": text}
            for text, sample in (marks or {}).items()
        ],
    )


def reads_begin(sample: int) -> int:
    """When the point of the grid is, UTC ns."""
    return 1_700_000_000_000_000_000 + sample * MS


def poisson(rng: np.random.Generator, hz: float, seconds: float, cpus: int = 1) -> Counts:
    """Interrupts that know nothing of each other, spread over the CPUs."""
    return rng.poisson(hz / 1000 / cpus, (round(seconds * 1000), cpus))


def bursts(rng: np.random.Generator, mean: float, size: float, shape: tuple[int, ...]) -> Counts:
    """Counts of the given mean that come in bursts: a Poisson number of them, of geometric sizes."""
    begun = rng.poisson(mean / size, shape)
    return np.where(begun > 0, begun + rng.negative_binomial(np.maximum(begun, 1), 1 / size), 0)
