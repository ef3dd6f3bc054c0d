"""Storms by hand."""

import polars as pl

from .file import INTERVAL_NS, SECONDS, key_of, line_in, lines, spans

__all__ = ["storms"]

EVERY_NS = 10_000_000
THRESHOLD = 5.0
AT_A_TIME = 25_000
"""Windows: the table in which so many are grouped stays small."""


def storms(path: str) -> pl.DataFrame:
    """The intervals in which a line came much faster than it does otherwise, and the CPUs that took it."""
    flat, samples = pl.scan_parquet(path), EVERY_NS // INTERVAL_NS
    around, known, key = spans(flat, samples), lines(flat), line_in(samples)
    count, seconds, above = pl.col("count"), pl.col("seconds"), pl.col("above")
    baseline = pl.col("baseline") * seconds
    follows = (pl.col("window") == pl.col("window").shift() + 1) & (pl.col("code") == pl.col("code").shift())
    windows = (
        _counts(flat, samples, around, known)
        .lazy()
        .with_columns(baseline=(count / seconds).median().over("code"))
        .with_columns(above=2 * ((count + 0.375).sqrt() - (baseline + 0.375).sqrt()))
        .filter(above > THRESHOLD * (1.4826 * above.abs().median().over("code")).clip(1))
        .sort("code", "window")
        .with_columns(key=key_of(pl.col("window"), pl.col("code")), storm=(~follows).fill_null(value=True).cum_sum())
        .collect()
    )
    cpus = (
        flat.filter((pl.col("sample") // samples).is_in(windows["window"].unique().implode()))
        .group_by("cpu", key=key)
        .agg(count=pl.col("delta").sum())
        .collect(engine="streaming")
        .join(windows.select("key", "storm"), on="key")
        .group_by("storm", "cpu")
        .agg(count.sum())
        .with_columns(share=count / count.sum().over("storm"))
        .sort("storm", "share", "cpu", descending=[False, True, False])
        .group_by("storm", maintain_order=True)
        .agg(cpus=pl.struct("cpu", "share"))
    )
    return (
        windows.join(around, on="window")
        .group_by("storm", "code")
        .agg(
            begin=pl.col("b0").min(),
            end=pl.col("e1").max(),
            peak=(count / seconds).max(),
            baseline=pl.col("baseline").first(),
            count=count.sum(),
        )
        .join(cpus, on="storm")
        .join(known, on="code")
        .sort("begin", "order", "storm")
        .select("irq", "name", "begin", "end", "peak", "baseline", "count", "cpus")
    )


def _counts(flat: pl.LazyFrame, samples: int, around: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """code, window, seconds, count: of every line in every window."""
    parts = []
    for first in range(0, len(around), AT_A_TIME):
        windows = around.lazy().slice(first, AT_A_TIME).select("window", seconds=SECONDS)
        rows = flat.filter(pl.col("sample").is_between(first * samples, (first + AT_A_TIME) * samples - 1))
        counts = rows.group_by(key=line_in(samples)).agg(count=pl.col("delta").sum())
        parts.append(
            known.lazy()
            .select("code")
            .join(windows, how="cross")
            .with_columns(key=key_of(pl.col("window"), pl.col("code")))
            .join(counts, on="key", how="left")
            .select("code", "window", "seconds", pl.col("count").fill_null(0))
            .collect(engine="streaming")
        )
    return pl.concat(parts)
