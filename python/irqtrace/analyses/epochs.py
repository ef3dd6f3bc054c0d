"""When the cells of a flat table were there, as far as its rows tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from irqtrace.frames import GROUP, LINE, first_of_each_read

if TYPE_CHECKING:
    from irqtrace.meta import CountsMeta

__all__ = ["comings_and_goings"]

MOST = 1_000
"""Epochs of a group: where there are more, rows of nothing stand for something else."""

CELL = (*LINE, "cpu")


def comings_and_goings(flat: pl.LazyFrame, lines: pl.DataFrame) -> tuple[CountsMeta, CountsMeta]:
    """Baselines of cells that come after the first read, and finals of those that go before the last.

    An epoch begins with a row for every cell, and elsewhere what did not grow has none. So one begins where there are
    rows of nothing; a cell without a row in it was not there, and what comes back begins with a row of nothing.

    Rows are in the order of reads, and ``lines`` are those of the table. The counts are not known, and 0.
    """
    begun = (
        flat.filter(pl.col("irq").is_not_null(), pl.col("delta") == 0)
        .select(*GROUP, "sample")
        .unique()
        .collect(engine="streaming")
    )
    came, went = [], []
    for (kind, engine), own in begun.group_by(GROUP):
        if 1 < len(own) <= MOST:
            of_group = flat.filter(pl.col("kind") == kind, pl.col("engine") == engine)
            edges = _of_group(of_group, own["sample"].sort()).join(lines.with_row_index("line"), on=LINE)
            came.append(edges.drop_nulls("back").select("line", "cpu", sample="back"))
            went.append(edges.drop_nulls("left").select("line", "cpu", sample="left"))
    return _columns(came), _columns(went)


def _of_group(rows: pl.LazyFrame, epochs: pl.Series) -> pl.DataFrame:
    """The cell, left and back: the last read before each absence and the first after it, null where there is none."""
    begins = epochs.to_numpy()

    def of_sample(sample: pl.Series) -> pl.Series:
        return pl.Series(np.searchsorted(begins, sample.to_numpy(), side="right"))

    epoch = pl.col("sample").map_batches(of_sample, return_dtype=pl.Int64(), is_elementwise=True).alias("epoch")
    lasts, seen = pl.collect_all(
        [
            first_of_each_read(rows).group_by(away=epoch + 1).agg(left=pl.col("sample").max()),
            rows.filter(pl.col("irq").is_not_null())
            .group_by(*CELL, epoch)
            .agg(back=pl.col("sample").min(), grown=pl.col("delta").filter(pl.col("sample").is_in(begins)).sum()),
        ],
        engine="streaming",
    )
    seen = seen.sort(*CELL, "epoch").with_columns(before=pl.col("epoch").shift().over(CELL))
    # What stands before the first epoch, in a table that was cut, does not name all cells.
    missing = pl.col("epoch") > pl.col("before").fill_null(0) + 1
    begin = pl.lit(epochs).gather((pl.col("epoch") - 1).clip(0))
    returned = seen.filter(missing, pl.col("back") == begin, pl.col("grown") == 0)
    last = seen.group_by(CELL).agg(pl.col("epoch").max()).filter(pl.col("epoch") < len(epochs))
    gone = last.select(*CELL, back=pl.lit(None, dtype=pl.Int64), before="epoch")
    return (
        pl.concat([returned.select(gone.columns), gone])
        .with_columns(away=pl.col("before") + 1)
        .join(lasts, on="away", how="left")
        .select(*CELL, "left", "back")
    )


def _columns(edges: list[pl.DataFrame]) -> CountsMeta:
    schema = {"line": pl.UInt32(), "cpu": pl.UInt16(), "sample": pl.Int64()}
    rows = pl.concat([pl.DataFrame(schema=schema), *edges]).sort("line", "cpu", "sample").with_columns(count=0)
    return {column: rows[column].to_list() for column in ("line", "cpu", "sample", "count")}  # type: ignore[return-value]
