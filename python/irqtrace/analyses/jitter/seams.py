"""Spans of reads that follow one another, and the seams between them.

Samples are counted in points: point p of a group is the p-th at which it was due, and the growth between the reads at
points a and b is that of the window (a, b].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["new_blocks", "point_of", "runs_of"]


def point_of(sample: pl.Expr, every: pl.Expr | int) -> pl.Expr:
    """The point of a sample; what was read ahead of its time belongs to the point to come."""
    return -(-sample // every)


def runs_of(spans: pl.DataFrame) -> pl.DataFrame:
    """The spans with the run that they are part of: its first base (``run``) and its last read (``end``).

    A span goes on where the one before ends: at the same read.
    """
    return (
        spans.sort("line", "base")
        .with_columns(
            goes_on=(pl.col("base") == pl.col("last").shift().over("line")).fill_null(value=False),
        )
        .with_columns(run=pl.when(~pl.col("goes_on")).then("base").forward_fill().over("line"))
        .with_columns(end=pl.col("last").max().over("line", "run"))
    )


def new_blocks(runs: pl.DataFrame, sizes: Iterable[tuple[int, int]], count: int = 1) -> pl.DataFrame:
    """What is whole only since spans were joined: group, line, level, size, block (the first of ``count`` neighbours).

    A block holds the points (block · size, (block + 1) · size]. ``sizes`` are pairs of level and size.
    """
    levels = pl.DataFrame(list(sizes), schema={"level": pl.Int64(), "size": pl.Int64()}, orient="row")
    every, size, block = pl.col("every"), pl.col("size"), pl.col("block")
    return (
        runs.filter("goes_on")
        .select(
            "group",
            "line",
            seam=point_of(pl.col("base"), every),
            low=point_of(pl.col("run"), every),
            high=point_of(pl.col("end"), every),
        )
        .join(levels, how="cross")
        # Those that reach over the seam: it lies inside them and not at an end.
        .with_columns(block=pl.int_ranges(pl.col("seam") // size - count + 1, -(-pl.col("seam") // size)))
        .explode("block", empty_as_null=False)
        .filter(block * size >= pl.col("low"), (block + count) * size <= pl.col("high"))
        .select("group", "line", "level", "size", "block")
        .unique()
    )
