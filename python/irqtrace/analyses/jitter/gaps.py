"""Inter-arrival times of events of which only the reads around them are known.

An event that a read saw first came between the previous read and this one. The events of a read are placed evenly
between the middles of the two, and no event is placed farther from the truth than the time from the begin of the one to
the end of the other. Order is kept, so no gap, and no rank of the sorted gaps, is farther off than two such times; and
errors of neighbours cancel in the sum, so the mean is right to that over the number of gaps.
"""

from __future__ import annotations

import polars as pl

from .histogram import bucket_of
from .stretches import CPUS

__all__ = ["cells", "ends", "gaps_of", "histogram", "moments", "placed", "seam_gaps", "since_returns"]


def placed(rows: pl.DataFrame, returns: pl.DataFrame) -> pl.DataFrame:
    """line, cell, delta, first_ns, last_ns, step_ns: where the events of each read of a stretch are placed.

    ``returns`` (cell, sample) are the reads that saw a cell again after an absence: nothing is known of that time.
    returned is the last of these before the read: two events with the same have no absence between them.
    """
    step = (pl.col("to_ns") - pl.col("from_ns")) // pl.col("delta")
    first = pl.col("from_ns") + step // 2
    found = rows.filter(pl.col("from_ns").is_not_null()).select(
        "line",
        "cell",
        "sample",
        "delta",
        step_ns=step,
        first_ns=first,
        last_ns=first + (pl.col("delta") - 1) * step,
    )
    if returns.is_empty():
        return found.with_columns(returned=pl.lit(None, dtype=pl.Int64))
    return found.join_asof(
        returns.rename({"sample": "returned"}).sort("cell", "returned"),
        left_on="sample",
        right_on="returned",
        by="cell",
        coalesce=False,
        check_sortedness=False,
    )


def gaps_of(placed: pl.DataFrame) -> pl.DataFrame:
    """cell, gap_ns, n: the gaps of a stretch; events that fell into one read share a row."""
    follows = (pl.col("cell") == pl.col("cell").shift()) & pl.col("returned").eq_missing(pl.col("returned").shift())
    between = placed.select("cell", gap_ns=pl.col("first_ns") - pl.col("last_ns").shift(), n=1, follows=follows)
    within = placed.filter(pl.col("delta") > 1).select("cell", gap_ns="step_ns", n=pl.col("delta") - 1)
    return pl.concat(
        [between.filter("follows").select("cell", "gap_ns", pl.col("n").cast(pl.Int64)), within.select(pl.all())]
    )


def ends(placed: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """cell, base, first_ns, last_ns, returned: the first and the last event of each cell, with the base of its span.

    first_ns is null where the cell was away since the base: no gap can reach to what came before.
    """
    return (
        placed.group_by("cell", maintain_order=True)
        .agg(
            pl.col("line").first(),
            pl.col("first_ns").first(),
            pl.col("last_ns").last(),
            pl.col("returned").first(),
            last_returned=pl.col("returned").last(),
        )
        .join(spans, on="line")
        .select(
            "cell",
            "base",
            pl.when(pl.col("returned").is_null() | (pl.col("returned") <= pl.col("base"))).then("first_ns"),
            "last_ns",
            returned="last_returned",
        )
    )


def since_returns(ends: pl.DataFrame, spans: pl.DataFrame, returns: pl.DataFrame) -> pl.DataFrame:
    """The ends without events from before a cell's last return: no gap can reach to what comes later."""
    if returns.is_empty():
        return ends.drop("returned")
    last = returns.group_by("cell").agg(pl.col("sample").max().alias("last_return"))
    of_line = last.with_columns(line=(pl.col("cell") // CPUS).cast(pl.UInt32)).join(spans, on="line")
    nothing = pl.lit(None, dtype=pl.Int64)
    silent = of_line.join(ends, on="cell", how="anti").select("cell", "base", first_ns=nothing, last_ns=nothing)
    since = pl.col("last_return").is_null() | (pl.col("returned") == pl.col("last_return"))
    known = ends.join(last, on="cell", how="left").with_columns(pl.when(since).then("last_ns").alias("last_ns"))
    return pl.concat([known.drop("returned", "last_return"), silent])


def cells(rows: pl.DataFrame) -> pl.DataFrame:
    """What is told of each cell without regard to order: events, those alone in their read, and their windows."""
    width = pl.col("high_ns") - pl.col("low_ns")
    timed = width.is_not_null()
    return rows.group_by("cell").agg(
        events=pl.col("delta").sum(),
        alone=(timed & (pl.col("delta") == 1)).sum().cast(pl.Int64),
        timed=pl.col("delta").filter(timed).sum(),
        width_ns=(width * pl.col("delta")).sum(),
        width_max_ns=width.max(),
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
    bucket = pl.Series("bucket", bucket_of(gaps["gap_ns"].to_numpy()))
    return gaps.with_columns(bucket).group_by("cell", "bucket").agg(pl.col("n").sum())


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
        ends.with_columns(line=(pl.col("cell") // CPUS).cast(pl.UInt32))
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
