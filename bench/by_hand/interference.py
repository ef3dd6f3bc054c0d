"""Interference by hand."""

import polars as pl

from .file import BEGIN, END, RATES, lines

__all__ = ["interference"]


def interference(path: str, cpus: list[int]) -> pl.DataFrame:
    """What interrupted these CPUs, most first."""
    flat = pl.scan_parquet(path)
    edge = flat.select(BEGIN.alias("b"), END.alias("e"))
    edges = [part.collect().row(0) for part in (edge.head(1), edge.tail(1))]
    return (
        flat.filter(pl.col("cpu").is_in(cpus))
        .group_by("irq", "cpu")
        .agg(count=pl.col("delta").sum())
        .filter(pl.col("count") > 0)
        .collect(engine="streaming")
        .join(lines(flat), on="irq")
        .with_columns(b0=edges[0][0], e0=edges[0][1], b1=edges[1][0], e1=edges[1][1])
        .with_columns(share=pl.col("count") / pl.col("count").sum().over("cpu"), **RATES)
        .sort("cpu", "count", "order", descending=[False, True, False])
        .select("cpu", "irq", "name", "count", *RATES, "share")
    )
