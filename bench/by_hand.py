"""The figures of the analyses as an expert would ask Polars for them, each as the best query that we know.

They take a trace for granted that is whole: no line comes or goes, nothing was read before it, each CPU is online.
"""

import polars as pl

__all__ = ["imbalance", "rates"]

INTERVAL_NS = 1_000_000
GROUP = ("kind", "engine")


def rates(path: str, every_ns: int) -> pl.DataFrame:
    """Counts and rates with their bounds, per line and window."""
    flat, window = pl.scan_parquet(path), (pl.col("sample") * INTERVAL_NS // every_ns).alias("window")
    counts = (
        flat.filter(pl.col("irq").is_not_null())
        .group_by(*GROUP, "irq", "name", window)
        .agg(count=pl.col("delta").sum())
    )
    counted, reads = pl.collect_all([counts, _reads(flat, window)], engine="streaming")
    spans = reads.sort(*GROUP, "window").with_columns(
        b0=pl.coalesce(pl.col("b1").shift().over(GROUP), "first_b"),
        e0=pl.coalesce(pl.col("e1").shift().over(GROUP), "first_e"),
    )
    lines = counted.select(*GROUP, "irq", "name").unique()
    return (
        lines.join(spans, on=GROUP)
        .join(counted, on=[*GROUP, "irq", "name", "window"], how="left")
        .with_columns(pl.col("count").fill_null(0))
        .select(
            "window",
            "kind",
            "irq",
            "name",
            "count",
            rate=pl.col("count") * 2e9 / (pl.col("b1") + pl.col("e1") - pl.col("b0") - pl.col("e0")),
            rate_lo=pl.col("count") * 1e9 / (pl.col("e1") - pl.col("b0")),
            rate_hi=pl.col("count") * 1e9 / (pl.col("b1") - pl.col("e0")),
        )
        .sort("window", "irq")
    )


def imbalance(path: str, every_ns: int) -> pl.DataFrame:
    """How evenly the CPUs shared each line, per window."""
    flat, window = pl.scan_parquet(path), (pl.col("sample") * INTERVAL_NS // every_ns).alias("window")
    cells = (
        flat.filter(pl.col("irq").is_not_null())
        .group_by("kind", "irq", "name", "cpu", window)
        .agg(count=pl.col("delta").sum())
        .collect(engine="streaming")
    )
    cpus = cells.group_by("kind", "irq", "name").agg(cpus=pl.col("cpu").n_unique())
    count = pl.col("count").cast(pl.Float64)
    share = count / count.sum()
    taken = (
        cells.filter(pl.col("count") > 0)
        .group_by("window", "kind", "irq", "name")
        .agg(
            total=pl.col("count").sum(),
            active=pl.len(),
            busiest=pl.col("cpu").sort_by("count").last(),
            most=pl.col("count").max(),
            squares=(count**2).sum(),
            effective_cpus=(-(share * share.log())).sum().exp(),
            ranked=(count.sort() * pl.int_range(1, pl.len() + 1)).sum(),
        )
    )
    n, total = pl.col("cpus"), pl.col("total")
    return (
        taken.join(cpus, on=["kind", "irq", "name"])
        .with_columns(
            busiest_share=pl.col("most") / total,
            max_over_mean=pl.col("most") * n / total,
            cv=((pl.col("squares") / n - (total / n) ** 2).clip(0)).sqrt() * n / total,
            gini=2 * (pl.col("ranked") + (n - pl.col("active")) * total) / (n * total) - (n + 1) / n,
        )
        .sort("window", "irq")
    )


def _reads(flat: pl.LazyFrame, window: pl.Expr) -> pl.LazyFrame:
    begun = pl.any_horizontal(pl.col(column).ne_missing(pl.col(column).shift()) for column in ("sample", *GROUP))
    begin = pl.col("time").dt.epoch("ns")
    return (
        flat.filter(begun)
        .select(*GROUP, window, begin=begin, end=begin + pl.col("read_ns"))
        .group_by(*GROUP, "window")
        .agg(
            first_b=pl.col("begin").min(), first_e=pl.col("end").min(), b1=pl.col("begin").max(), e1=pl.col("end").max()
        )
    )
