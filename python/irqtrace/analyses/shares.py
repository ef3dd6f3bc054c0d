"""What is told of the counts that each CPU took of something in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .runs import runs, sorted_together

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["shares"]


def shares(taken: pl.DataFrame) -> pl.DataFrame:
    """What the measures of imbalance need of CPUs that counted something; the others add nothing to sums.

    Given what, at (whole numbers from 0 on), cpu, and count above 0: what, at, total, active_cpus, busiest_cpu (the
    lowest of equals), most (its count), squares and ranked (Σ count², Σ rank · count over the ascending counts), and
    entropy: -Σ p ln p of the shares p = count / total.
    """
    if taken.is_empty():
        return pl.DataFrame(schema={"what": taken.schema["what"], **_OF_NONE})
    what, at, count, cpu = (taken[column].cast(pl.Int64).to_numpy() for column in ("what", "at", "count", "cpu"))
    most_cpu = cpu.max()
    # Of CPUs with equal counts the lowest comes last.
    what, at, count, others = sorted_together(what, at, count, most_cpu - cpu)
    starts, lengths = runs(what, at)
    last = starts + lengths - 1
    real = count.astype(np.float64)

    def total_of(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        weights *= real
        return np.add.reduceat(weights, starts)

    total = np.add.reduceat(count, starts)
    logs = total_of(np.log(real))
    rank = np.arange(1, len(count) + 1, dtype=np.float64)
    rank -= np.repeat(starts, lengths)
    return pl.DataFrame(
        {
            "what": what[starts],
            "at": at[starts],
            "total": total,
            "active_cpus": lengths,
            "busiest_cpu": most_cpu - others[last],
            "most": count[last],
            "squares": total_of(real.copy()),
            "ranked": total_of(rank),
            "entropy": np.maximum(np.log(total) - logs / total, 0),
        },
        schema={"what": taken.schema["what"], **_OF_NONE},
    )


_OF_NONE: dict[str, pl.DataType] = {
    "at": pl.Int64(),
    "total": pl.Int64(),
    "active_cpus": pl.Int64(),
    "busiest_cpu": pl.UInt16(),
    "most": pl.Int64(),
    "squares": pl.Float64(),
    "ranked": pl.Float64(),
    "entropy": pl.Float64(),
}
