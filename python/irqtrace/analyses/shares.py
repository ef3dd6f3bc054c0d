"""What is told of the counts that each CPU took of something in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from .runs import begins

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["shares"]

BITS = 63


def shares(taken: pl.DataFrame) -> pl.DataFrame:
    """What the measures of imbalance need of CPUs that counted something; the others add nothing to sums.

    Given what, at (whole numbers from 0 on), cpu, and count above 0: what, at, total, active_cpus, busiest_cpu (the
    lowest of equals), most (its count), squares and ranked (Σ count², Σ rank · count over the ascending counts), and
    entropy: -Σ p ln p of the shares p = count / total.
    """
    if taken.is_empty():
        return pl.DataFrame(schema={"what": taken.schema["what"], **_OF_NONE})
    columns = [taken[column].cast(pl.Int64).to_numpy() for column in ("what", "at", "count", "cpu")]
    rows = _packed(*columns) or _sorted(*columns)
    starts, count = rows.starts, rows.counts
    last = np.append(starts[1:], len(count)) - 1
    lengths = last - starts + 1
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
            "what": rows.what,
            "at": rows.at,
            "total": total,
            "active_cpus": lengths,
            "busiest_cpu": rows.cpu,
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


class _Rows(NamedTuple):
    """Counts by what and at, and then by how many."""

    counts: NDArray[np.int64]
    starts: NDArray[np.int64]
    """Where another what or at begins; of each of these the following."""
    what: NDArray[np.int64]
    at: NDArray[np.int64]
    cpu: NDArray[np.int64]
    """The lowest of those with the greatest count."""


def _sorted(what: NDArray[np.int64], at: NDArray[np.int64], count: NDArray[np.int64], cpu: NDArray[np.int64]) -> _Rows:
    order = np.lexsort((-cpu, count, at, what))
    what, at, count, cpu = what[order], at[order], count[order], cpu[order]
    starts = np.union1d(begins(what), begins(at))
    return _Rows(count, starts, what[starts], at[starts], cpu[np.append(starts[1:], len(cpu)) - 1])


def _packed(
    what: NDArray[np.int64], at: NDArray[np.int64], count: NDArray[np.int64], cpu: NDArray[np.int64]
) -> _Rows | None:
    """The same by one number, which is sorted many times faster than four; None if they do not fit into one."""
    at_bits, count_bits, cpu_bits = (int(column.max(initial=0)).bit_length() for column in (at, count, cpu))
    if int(what.max(initial=0)).bit_length() + at_bits + count_bits + cpu_bits > BITS:
        return None
    most_cpu = (1 << cpu_bits) - 1
    key = what << at_bits
    for column, bits in ((at, 0), (count, count_bits), (most_cpu - cpu, cpu_bits)):
        key <<= bits
        key |= column
    key.sort()
    starts = begins(key >> (count_bits + cpu_bits))
    group = key[starts] >> (count_bits + cpu_bits)
    busiest = most_cpu - (key[np.append(starts[1:], len(key)) - 1] & most_cpu)
    key >>= cpu_bits
    key &= (1 << count_bits) - 1
    return _Rows(key, starts, group >> at_bits, group & ((1 << at_bits) - 1), busiest)
