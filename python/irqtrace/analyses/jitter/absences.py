"""CPUs that were away for a part of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from irqtrace.frames import lines

from .cells import cell_of, line_of_cell
from .tables import CODED, Tables, groups_of_lines, joined

if TYPE_CHECKING:
    from irqtrace.meta import Meta

__all__ = ["came_back", "missing_cells", "present_cells", "with_absences"]


def came_back(meta: Meta) -> pl.DataFrame:
    """cell, sample, line: the first read of a cell that was not there while its line was."""
    columns = {"line": pl.UInt32(), "cpu": pl.UInt16(), "sample": pl.Int64()}
    began = pl.DataFrame({column: meta["baselines"][column] for column in columns}, schema=columns)  # type: ignore[literal-required]
    return (
        began.join(lines(meta).select("line", "first_sample"), on="line")
        .filter(pl.col("sample") > pl.col("first_sample"))
        .select("line", "sample", cell=cell_of(pl.col("line"), pl.col("cpu")))
        .unique()
    )


def with_absences(tables: Tables, meta: Meta, back: pl.DataFrame, reads: dict[int, tuple[int, int]]) -> Tables:
    """Marks the cells that were away for a part. To one that was away at the end no gap reaches from later."""
    ends_of_reads = pl.DataFrame(
        [(group, *ends) for group, ends in reads.items()],
        schema={"group": pl.UInt32(), "first_read": pl.Int64(), "last_read": pl.Int64()},
        orient="row",
    )
    of_line = (
        lines(meta).select("line", "last_sample").join(groups_of_lines(meta), on="line").join(ends_of_reads, on="group")
    )
    columns = {"line": pl.UInt32(), "cpu": pl.UInt16(), "sample": pl.Int64()}
    ended = pl.DataFrame({column: meta["finals"][column] for column in columns}, schema=columns)  # type: ignore[literal-required]
    left = (
        ended.join(of_line, on="line")
        .filter(pl.col("sample") < pl.min_horizontal("last_read", "last_sample"))
        .select("sample", cell=cell_of(pl.col("line"), pl.col("cpu")))
    )
    came = back.join(of_line, on="line").filter(pl.col("sample") > pl.col("first_read")).select("sample", "cell")
    away = pl.concat([left.select("cell"), came.select("cell")]).unique().with_columns(away=pl.lit(1))
    if away.is_empty():
        return tables
    last_came = came.group_by("cell").agg(pl.col("sample").max().alias("came"))
    gone = (
        left.group_by("cell")
        .agg(pl.col("sample").max())
        .join(last_came, on="cell", how="left")
        .filter(pl.col("came").is_null() | (pl.col("sample") >= pl.col("came")))
        .select("cell", line_of_cell(), gone=pl.lit(value=True))
    )
    # One that had nothing is named as well, so that no gap reaches over it.
    of_span = gone.join(tables["spans"].select("line", "base"), on="line").drop("line")
    ends = tables["ends"].join(of_span, on=["cell", "base"], how="full", coalesce=True)
    last = pl.when(pl.col("gone").is_null()).then("last_ns").alias("last_ns")
    return joined(tables, {"cells": away}) | {"ends": ends.with_columns(last).select(*CODED["ends"].schema)}


def present_cells(tables: Tables) -> pl.DataFrame:
    """cell, base: those that a trace has, at the base of each span of their line."""
    cells = tables["cells"].select("cell", line_of_cell())
    return cells.join(tables["spans"], on="line").select(*CODED["present"].schema)


def missing_cells(tables: Tables) -> pl.DataFrame:
    """cell, base: spans of a line in which one of its cells was not there, though in another it was."""
    cells = tables["present"].select("cell").unique().with_columns(line_of_cell())
    spans = cells.join(tables["spans"], on="line").select(*CODED["present"].schema)
    return spans.join(tables["present"], on=["cell", "base"], how="anti")
