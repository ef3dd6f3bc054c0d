"""How many CPUs were there for what some columns tell apart, in each window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .counts import lines_of

if TYPE_CHECKING:
    from .measured import Named
    from .state import State

__all__ = ["online"]

EVER = 2**62
CELL = ["line", "cpu"]


def online(state: State, names: Named, windows: pl.DataFrame) -> pl.DataFrame:
    """what, begin, read, cpus: the windows in which one of its lines was there and due.

    ``windows`` are those of `due` with ``read``, whether there was a read. A CPU is there if one of the lines that are
    there has it in a part of the window; one that was away in all of it is not.
    """
    # A line that was freed and taken again is several, each with its own stay.
    lines = lines_of(state).select("line", "group", "rec", "came", "went", part=names.of_line)
    lines = lines.join(names.parts.select("part", "what"), on="part", maintain_order="left")
    there = pl.col("came").fill_null(-EVER) < pl.col("high"), pl.col("went").fill_null(EVER) >= pl.col("low")
    cells = state["counts"].select(CELL).filter(pl.col("cpu").is_not_null()).unique().join(lines, on="line")
    key = ["what", "begin"]
    read = pl.col("read").any().fill_null(value=False)
    of_parts = lines.unique(["part"]).join(windows, on="group").filter(there)
    rows = of_parts.group_by(key).agg(read, pl.col("rec").n_unique().alias("recs"), pl.col("rec").first())
    if _is_steady(state, lines, windows) and (rows["recs"] == 1).all():
        # The same CPUs in all windows of a recording.
        of_rec = cells.group_by("what", "rec").agg(cpus=pl.col("cpu").n_unique())
        return rows.join(of_rec, on=["what", "rec"]).select(*key, "read", pl.col("cpus").cast(pl.Int64))
    counted = (
        cells.join(windows, on="group")
        .filter(there)
        .join(_away(state, windows), on=[*CELL, "window"], how="anti")
        .group_by(key)
        .agg(cpus=pl.col("cpu").n_unique())
    )
    known = rows.join(cells.select("what").unique(), on="what", how="semi")
    cpus = pl.col("cpus").fill_null(0).cast(pl.Int64)
    return known.join(counted, on=key, how="left").select(*key, "read", cpus)


def _is_steady(state: State, lines: pl.DataFrame, windows: pl.DataFrame) -> bool:
    """Whether all lines, and all their CPUs, were there in every window."""
    soonest = windows.group_by("group").agg(pl.col("high").min())
    late = lines.join(soonest, on="group").filter(pl.col("went").is_not_null() | (pl.col("came") >= pl.col("high")))
    return state["absences"].is_empty() and late.is_empty()


def _away(state: State, windows: pl.DataFrame) -> pl.DataFrame:
    """line, cpu, window: the cells that were not there in the whole window."""
    begins = (pl.col("left") > pl.col("back").shift().over(CELL)).fill_null(value=True)
    return (
        # Where several follow one another, as at a seam between files, they are one.
        state["absences"]
        .sort(*CELL, "left")
        .with_columns(run=begins.cum_sum().over(CELL))
        .group_by(*CELL, "run")
        .agg(pl.col("left").min(), pl.col("back").max())
        .join(state["lines"].select("line", "group"), on="line")
        .join(windows, on="group")
        .filter(pl.col("left") < pl.col("low"), pl.col("back") >= pl.col("high"))
        .select(*CELL, "window")
    )
