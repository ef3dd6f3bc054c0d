"""Rates by hand."""

import polars as pl

from .file import INTERVAL_NS, RATES, code_of, line_in, lines, spans, window_of

__all__ = ["rates"]


def rates(path: str, every_ns: int) -> pl.DataFrame:
    """Counts and rates with their bounds, per line and window."""
    flat, samples = pl.scan_parquet(path), every_ns // INTERVAL_NS
    counts = (
        flat.group_by(line=line_in(samples))
        .agg(count=pl.col("delta").sum())
        .select("count", window=window_of(pl.col("line")), code=code_of(pl.col("line")))
        .collect(engine="streaming")
    )
    return (
        spans(flat, samples)
        .join(lines(flat), how="cross", maintain_order="left_right")
        .join(counts, on=["code", "window"], how="left", maintain_order="left")
        .with_columns(pl.col("count").fill_null(0))
        .select("window", "irq", "name", "count", **RATES)
    )
