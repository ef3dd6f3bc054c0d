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
    """What these cells counted in all windows from first_window to last_window, one cell after the other.

    And the cells with ``at``: what window w has of one is at ``at`` + w. The columns ``cell`` tell cells apart: part,
    and cpu if it is one of them. Counts (those columns, window, count) may be of others as well.
    """
    size = pl.col("last_window") - pl.col("first_window") + 1
    cells = cells.with_columns(at=size.cum_sum() - size - pl.col("first_window"))
    vector = np.zeros(cells.select(size.sum()).item(), np.int64)
    cpus = 1 + max((int(frame["cpu"].max() or 0) for frame in (counts, cells)), default=0) if "cpu" in cell else 0  # type: ignore[arg-type] # of a column of integers
    no_cpu = pl.lit(cpus) if "cpu" not in cell else pl.col("cpu").cast(pl.Int64).fill_null(cpus)
    place = pl.col("part").cast(pl.Int64) * (cpus + 1) + no_cpu
    parts = max(int(frame["part"].max() or 0) for frame in (counts, cells))  # type: ignore[arg-type] # the same
    at = np.full((parts + 1) * (cpus + 1), -EVER)
    at[cells.select(place).to_series().to_numpy()] = cells["at"].to_numpy()
    for rows in counts.iter_slices(SLICE):
        places, count = at.take(rows.select(place).to_series().to_numpy()), rows["count"].to_numpy()
        places += rows["window"].to_numpy()
        known = places >= 0
        if not known.all():
            places, count = places[known], count[known]
        vector[places] = count
    return vector, cells
