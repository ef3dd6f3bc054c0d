"""Counts as one vector, by cell and window: where each is, is known, which is quicker than to look for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .counts import EVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["laid_out"]

SLICE = 2_000_000
"""Of counts that are looked at at a time."""


def laid_out(counts: pl.DataFrame, cells: pl.DataFrame, cell: Sequence[str]) -> tuple[NDArray[np.int64], pl.DataFrame]:
    """What these cells counted in the ``size`` windows from first_window on, one cell after the other.

    And the cells with ``at``: what window w has of one is at ``at`` + w. The columns ``cell`` tell cells apart: part,
    and cpu if it is one of them. Counts (those columns, window, count) may be of others as well.
    """
    size = pl.col("size")
    cells = cells.with_columns(at=size.cum_sum() - size - pl.col("first_window"))
    vector = np.zeros(int(cells["size"].sum()), np.int64)
    both = pl.concat([counts.select(cell), cells.select(cell)])
    place, cpus = pl.col("part").cast(pl.Int64), 1
    if "cpu" in cell:
        # What has no CPU is one above them.
        cpus = 2 + int(both["cpu"].max() or 0)  # type: ignore[arg-type] # of a column of integers
        place = place * cpus + pl.col("cpu").cast(pl.Int64).fill_null(cpus - 1)
    parts = 1 + int(both["part"].max() or 0)  # type: ignore[arg-type] # the same
    at = np.full(parts * cpus, -EVER)
    at[cells.select(place).to_series().to_numpy()] = cells["at"].to_numpy()
    for rows in counts.iter_slices(SLICE):
        places, count = at.take(rows.select(place).to_series().to_numpy()), rows["count"].to_numpy()
        places += rows["window"].to_numpy()
        known = places >= 0
        if not known.all():
            places, count = places[known], count[known]
        vector[places] = count
    return vector, cells
