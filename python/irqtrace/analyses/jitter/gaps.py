"""Inter-arrival times of events of which only the reads around them are known.

An event that a read saw first came between the previous read and this one. The events of a read are placed evenly
between the middles of the two, and no event is placed farther from the truth than the time from the begin of the one to
the end of the other. Order is kept, so no gap, and no rank of the sorted gaps, is farther off than two such times; and
errors of neighbours cancel in the sum, so the mean is right to that over the number of gaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from irqtrace.analyses.runs import runs

from .cells import line_of_cell
from .histogram import BUCKET_BITS, bucket_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .packing import Rows

__all__ = [
    "NO_ENDS",
    "cells",
    "ends",
    "ends_of_spans",
    "events",
    "gaps_of",
    "histogram",
    "histogram_of",
    "moments",
    "placed",
    "seam_gaps",
]


class Placed(NamedTuple):
    """Where the events of each row are placed, in UTC ns: the first and the last, and how far they are apart."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    step: NDArray[np.int64]


class Gaps(NamedTuple):
    """The gaps of each row."""

    before: NDArray[np.int64]
    """From the last event of the row before to the first of this one."""
    known: NDArray[np.bool_]
    """Whether that is a gap: there is a row before, of the same cell, and no absence between."""
    step: NDArray[np.int64]
    """From each event of this row to the next."""
    steps: NDArray[np.int64]
    """How many of these there are."""


def placed(rows: Rows, windows: NDArray[np.int64]) -> Placed:
    """Of rows with what their reads' windows are."""
    step = windows[:, 1] - windows[:, 0]
    several = np.flatnonzero(rows.delta > 1)
    step[several] //= rows.delta[several]
    first = windows[:, 0] + (step >> 1)
    return Placed(first, first + (rows.delta - 1) * step, step)


def gaps_of(rows: Rows, placed: Placed, returns: NDArray[np.int64]) -> Gaps:
    """The gaps of some cells; ``returns`` are the first rows of cells after an absence."""
    before = placed.first.copy()
    before[1:] -= placed.last[:-1]
    known = np.ones(len(before), np.bool_)
    known[rows.starts] = known[returns] = False
    return Gaps(before, known, placed.step, rows.delta - 1)


def events(rows: Rows) -> pl.DataFrame:
    """cell, events: of rows of which it is not known when their growth came."""
    return pl.DataFrame({"cell": rows.cells, "events": np.add.reduceat(rows.delta, rows.starts)})


def cells(rows: Rows, windows: NDArray[np.int64], gaps: Gaps) -> pl.DataFrame:
    """What is told of each cell: events, those alone in their read, when they came, and the moments of their gaps."""
    starts, lengths, delta, width = rows.starts, np.diff(rows.bounds), rows.delta, windows[:, 2]

    def total(values: NDArray[np.int64] | NDArray[np.float64] | NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.add.reduceat(values, starts, dtype=None if values.dtype != np.bool_ else np.int64)

    events = total(delta)
    before, step = gaps.before * gaps.known, gaps.step * (gaps.steps > 0)
    n = total(gaps.known) + total(gaps.steps)
    mean = total(before + step * gaps.steps) / np.maximum(n, 1)
    of_row = np.repeat(mean, lengths)
    squares = gaps.known * (before - of_row) ** 2 + gaps.steps * (step - of_row) ** 2
    return pl.DataFrame(
        {
            "cell": rows.cells,
            "events": events,
            "alone": total(delta == 1),
            "timed": events,
            "width_ns": total(width.astype(np.float64) * delta),
            "width_max_ns": np.maximum.reduceat(width, starts),
            "gap_max_ns": np.maximum.reduceat(np.maximum(before, step), starts),
            "gap_n": n,
            "gap_mean": mean,
            "gap_m2": total(squares),
        }
    ).with_columns(pl.when(pl.col("gap_n") > 0).then(pl.col("gap_max_ns", "gap_mean")))


def ends(rows: Rows, placed: Placed, sample: NDArray[np.int64]) -> pl.DataFrame:
    """cell, first_ns, last_ns: the first and the last event of each cell, and first and last, the samples of these."""
    first, last = rows.bounds[:-1], rows.bounds[1:] - 1
    return pl.DataFrame(
        {
            "cell": rows.cells,
            "first_ns": placed.first[first],
            "last_ns": placed.last[last],
            "first": sample[rows.read[first]],
            "last": sample[rows.read[last]],
        }
    )


NO_ENDS = pl.DataFrame(schema=dict.fromkeys(("cell", "first_ns", "last_ns", "first", "last"), pl.Int64()))


def ends_of_spans(ends: pl.DataFrame, spans: pl.DataFrame, returns: pl.DataFrame) -> pl.DataFrame:
    """cell, base, first_ns, last_ns: the ends of each cell that a gap may reach to over the seams of its span.

    ``spans`` are line, base and last; ``returns`` (cell, sample) the reads that saw a cell again after an absence. No
    gap reaches to an event from over an absence, nor over one in which a cell was silent.
    """
    bases = spans.select("line", "base", upto="last")
    own = (
        returns.with_columns(line_of_cell())
        .join(bases, on="line")
        .filter(pl.col("sample") > pl.col("base"), pl.col("sample") <= pl.col("upto"))
        .group_by("cell", "base")
        .agg(came=pl.col("sample").min(), back=pl.col("sample").max())
    )
    known = ends.with_columns(line_of_cell()).join(bases, on="line").drop("line")
    return known.join(own, on=["cell", "base"], how="full", coalesce=True).select(
        "cell",
        "base",
        pl.when(pl.col("came").is_null() | (pl.col("first") < pl.col("came"))).then("first_ns"),
        pl.when(pl.col("back").is_null() | (pl.col("last") >= pl.col("back"))).then("last_ns"),
    )


def moments(gaps: pl.DataFrame) -> pl.DataFrame:
    """cell, the greatest gap, and the moments of all."""
    gap, n = pl.col("gap_ns"), pl.col("n")
    mean = (gap * n).sum() / n.sum()
    return gaps.group_by("cell").agg(
        gap_max_ns=gap.max(), gap_n=n.sum(), gap_mean=mean, gap_m2=(n * (gap - mean) ** 2).sum()
    )


def histogram(gaps: pl.DataFrame) -> pl.DataFrame:
    """cell, bucket, n."""
    return _histogram(_key(gaps["cell"].to_numpy(), gaps["gap_ns"].to_numpy()), gaps["n"].to_numpy())


def histogram_of(rows: Rows, gaps: Gaps) -> pl.DataFrame:
    """The same of the gaps of some cells."""
    several = np.flatnonzero(gaps.steps)
    cell = rows.of_each(rows.cells)
    single = _key(cell[gaps.known], gaps.before[gaps.known])
    # Most have no other in their row: sorted, they are counted faster.
    single.sort()
    starts, n = runs(single)
    of_steps = _key(cell[several], gaps.step[several])
    return _histogram(np.concatenate([single[starts], of_steps]), np.concatenate([n, gaps.steps[several]]))


def _key(cell: NDArray[np.int64], gap_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cell and bucket as one number."""
    return (cell << BUCKET_BITS) + bucket_of(gap_ns)


def _histogram(key: NDArray[np.int64], n: NDArray[np.int64]) -> pl.DataFrame:
    return (
        pl.DataFrame({"key": key, "n": n})
        .group_by("key")
        .agg(pl.col("n").sum())
        .select("n", cell=pl.col("key") // (1 << BUCKET_BITS), bucket=pl.col("key") % (1 << BUCKET_BITS))
    )


def seam_gaps(
    ends: pl.DataFrame, runs: pl.DataFrame, missing: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Joins the ends of spans that follow one another: the gaps between them, and the ends of each run.

    ``missing`` (cell, base) are spans in which a cell was not there: no gap reaches over these.
    """
    in_run = ["cell", "run"]
    if missing is not None:
        nothing = pl.lit(None, dtype=pl.Int64)
        ends = pl.concat([ends, missing.with_columns(first_ns=nothing, last_ns=nothing)])
    sorted_ = (
        ends.with_columns(line_of_cell())
        .join(runs.select("line", "base", "run"), on=["line", "base"])
        .sort(*in_run, "base")
    )
    between = sorted_.select(
        "cell",
        gap_ns=pl.col("first_ns") - pl.col("last_ns").shift().over(in_run),
        n=pl.lit(1, dtype=pl.Int64),
    )
    joined = sorted_.group_by(in_run, maintain_order=True).agg(pl.col("first_ns").first(), pl.col("last_ns").last())
    return between.drop_nulls(), joined.rename({"run": "base"})
