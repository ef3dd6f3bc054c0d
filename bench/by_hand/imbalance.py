"""Imbalance by hand."""

import polars as pl

from .file import CPUS, INTERVAL_NS, code_of, line_in, lines, window_of

__all__ = ["imbalance"]


def imbalance(path: str, every_ns: int) -> pl.DataFrame:
    """How evenly the CPUs shared each line, per window."""
    flat, samples = pl.scan_parquet(path), every_ns // INTERVAL_NS
    count = pl.col("count").cast(pl.Float64)
    taken = (
        flat.group_by(cell=line_in(samples) * CPUS + pl.col("cpu"))
        .agg(count=pl.col("delta").sum())
        .filter(pl.col("count") > 0)
        .select("count", line=pl.col("cell") // CPUS, cpu=pl.col("cell") % CPUS)
        .group_by("line")
        .agg(
            total=pl.col("count").sum(),
            active_cpus=pl.len(),
            # The most and, of those that have it, the lowest CPU.
            top=(pl.col("count") * CPUS + (CPUS - 1 - pl.col("cpu"))).max(),
            squares=(count**2).sum(),
            logs=(count * count.log()).sum(),
            ranked=(count.sort() * pl.int_range(1, pl.len() + 1)).sum(),
        )
        .collect(engine="streaming")
    )
    n, total, most = pl.col("cpus"), pl.col("total"), pl.col("top") // CPUS
    cpus = flat.filter(pl.col("sample") == 0).group_by("irq").agg(cpus=pl.len().cast(pl.Int64)).collect()
    return (
        taken.with_columns(window=window_of(pl.col("line")), code=code_of(pl.col("line")))
        .join(lines(flat).join(cpus, on="irq"), on="code")
        .sort("window", "order")
        .select(
            "window",
            "irq",
            "name",
            "total",
            "cpus",
            "active_cpus",
            busiest_cpu=CPUS - 1 - pl.col("top") % CPUS,
            busiest_share=most / total,
            max_over_mean=most * n / total,
            cv=(pl.col("squares") / n - (total / n) ** 2).clip(0).sqrt() * n / total,
            gini=2 * (pl.col("ranked") + (n - pl.col("active_cpus")) * total) / (n * total) - (n + 1) / n,
            effective_cpus=(total.log() - pl.col("logs") / total).exp(),
        )
    )
