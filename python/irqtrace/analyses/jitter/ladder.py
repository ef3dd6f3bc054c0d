"""How counts vary over a ladder of windows, each twice as long as the one before.

A window is taken where the reads at its two ends were made: then its count is what grew between them, whatever was
missed inside. Zeros are not stored: what is kept of a cell are its windows with events, and of a line how many windows
there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .seams import new_blocks
from .stretches import CPUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["LEVELS", "Counts", "cascade", "fano_and_allan", "new_windows", "points_to_keep", "windows_of"]

LEVELS = 21
"""Windows of 1 to 2^20 points."""

MIN_WINDOWS = 10
"""Of fewer windows a variance says nothing: its standard error is nearly half of it."""

SIZES = [(level, 1 << level) for level in range(LEVELS)]

Counts = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int64]"]
"""cell, window, count: by cell and window, those with events."""


def cascade(counts: Counts) -> Iterator[tuple[int, Counts]]:
    """The counts of each level: windows joined two by two."""
    cell, window, count = counts
    for level in range(LEVELS):
        yield level, (cell, window, count)
        if level == LEVELS - 1 or not len(cell):
            continue
        window = window >> 1
        starts = np.flatnonzero(np.append(True, (cell[1:] != cell[:-1]) | (window[1:] != window[:-1])))
        cell, window, count = cell[starts], window[starts], np.add.reduceat(count, starts)


class Windows:
    """Which windows of a level have both their reads, in the points from ``low`` on of which ``read`` says so."""

    def __init__(self, level: int, read: NDArray[np.bool_], low: int) -> None:
        """Takes whether each point was read."""
        self.size = 1 << level
        self.first = -(-low // self.size)
        ends = read[self.first * self.size - low :: self.size]
        whole = ends[:-1] & ends[1:]
        self.whole, self.pairs = _between_false(whole), _between_false(whole[:-1] & whole[1:])

    def has(self, mask: NDArray[np.bool_], window: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The mask at these windows, False beyond its ends."""
        return mask[np.clip(window - (self.first - 1), 0, len(mask) - 1)]

    def count(self, low: int, high: int) -> tuple[int, int]:
        """How many windows, and pairs of neighbours, lie in the points (low, high]."""
        first, after = max(-(-low // self.size) - self.first, 0), max(high // self.size - self.first, 0)
        whole, pairs = self.whole[1:-1], self.pairs[1:-1]
        return int(whole[first:after].sum()), int(pairs[first : max(after - 1, 0)].sum())


def _between_false(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.concatenate([[False], mask, [False]])


def windows_of(
    level: int, counts: Counts, windows: Windows, low: NDArray[np.int64] | int, high: NDArray[np.int64] | int
) -> pl.DataFrame:
    """cell, level, moments of the counts above zero, differences (sum of squared differences of neighbours).

    ``low`` and ``high`` are the points between which the line of each row was there.
    """
    cell, window, count = counts
    size = windows.size
    after_low, before_high = window * size >= low, (window + 1) * size <= high
    ours = after_low & before_high & windows.has(windows.whole, window)
    adjacent = np.append((cell[1:] == cell[:-1]) & (window[1:] == window[:-1] + 1), False)
    following = np.where(adjacent, np.append(count[1:], 0), 0)
    right = after_low & ((window + 2) * size <= high) & windows.has(windows.pairs, window)
    left = ((window - 1) * size >= low) & before_high & windows.has(windows.pairs, window - 1)
    # A pair of two with events belongs to the first of them.
    left &= ~np.append(False, adjacent[:-1])
    differences = right * (following - count).astype(np.float64) ** 2 + left * count.astype(np.float64) ** 2
    starts = np.flatnonzero(np.append(True, cell[1:] != cell[:-1]))
    n = np.add.reduceat(ours.astype(np.int64), starts)
    mean = np.add.reduceat(np.where(ours, count, 0), starts) / np.maximum(n, 1)
    off = np.where(ours, count - np.repeat(mean, np.diff(np.append(starts, len(cell)))), 0.0)
    return pl.DataFrame(
        {
            "cell": cell[starts],
            "differences": np.add.reduceat(differences, starts),
            "count_n": n,
            "count_mean": mean,
            "count_m2": np.add.reduceat(off**2, starts),
        }
    ).with_columns(level=pl.lit(level, dtype=pl.Int64))


def _summed(frame: pl.DataFrame) -> pl.DataFrame:
    count = pl.col("count").filter("ours").cast(pl.Float64)
    return frame.group_by("cell", "level").agg(
        pl.col("differences").sum(),
        count_n=count.count().cast(pl.Int64),
        count_mean=count.mean(),
        count_m2=((count - count.mean()) ** 2).sum(),
    )


def points_to_keep(points: pl.DataFrame) -> pl.DataFrame:
    """Of points that were read, from low to high, those that a window over a seam may begin or end at."""
    point = pl.col("point")
    # The longest window that a point is an end of.
    size = pl.when(point == 0).then(1 << (LEVELS - 1)).otherwise(point & -point).clip(upper_bound=1 << (LEVELS - 1))
    return points.filter((point < pl.col("low") + 3 * size) | (point > pl.col("high") - 3 * size))


def new_windows(runs: pl.DataFrame, edges: pl.DataFrame, points: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What joined spans add: tables as of `windows_of`, and of a line's windows and pairs."""
    whole, pairs = (_between_reads(new_blocks(runs, SIZES, count), points, count) for count in (1, 2))
    counted = _of_cells(edges, whole, 0)
    ours = counted.with_columns(ours=pl.lit(value=True), differences=pl.lit(0.0))
    both = pl.concat([_of_cells(edges, pairs, 0).with_columns(-pl.col("count")), _of_cells(edges, pairs, 1)])
    squares = (
        both.group_by("cell", "level", "block")
        .agg(differences=pl.col("count").sum().cast(pl.Float64) ** 2)
        .with_columns(count=pl.lit(0, dtype=pl.Int64), ours=pl.lit(value=False))
    )
    columns = ["cell", "level", "count", "ours", "differences"]
    ladder = _summed(pl.concat([ours.select(columns), squares.select(columns)]))
    lines = (
        pl.concat(
            [
                whole.select("line", "level", windows=1, pairs=0),
                pairs.select("line", "level", windows=0, pairs=1),
            ]
        )
        .group_by("line", "level")
        .agg(pl.col("windows", "pairs").cast(pl.Int64).sum())
    )
    return ladder, lines


def _between_reads(blocks: pl.DataFrame, points: pl.DataFrame, count: int) -> pl.DataFrame:
    """Those of which each end was read."""
    for at in range(count + 1):
        end = blocks.with_columns(point=(pl.col("block") + at) * pl.col("size"))
        blocks = end.join(points, on=["group", "point"], how="semi")
    return blocks


def _of_cells(edges: pl.DataFrame, blocks: pl.DataFrame, at: int) -> pl.DataFrame:
    """cell, level, block, count of the window at a place of each block."""
    return (
        edges.with_columns(line=(pl.col("cell") // CPUS).cast(pl.UInt32), block=pl.col("window") - at)
        .join(blocks, on=["line", "level", "block"])
        .select("cell", "level", "block", "count")
    )


def fano_and_allan(ladder: pl.DataFrame) -> pl.DataFrame:
    """cell, level, size, windows, pairs, fano, allan: of cells with events, per level with enough windows.

    ``allan`` is in events per window of this level.
    """
    n, total = pl.col("count_n"), pl.col("windows")
    zeros = total - n
    mean = n * pl.col("count_mean") / total
    # Chan's formula, with the windows that have a count of zero and no deviation among themselves.
    m2 = pl.col("count_m2") + n * zeros / total * pl.col("count_mean") ** 2
    return ladder.with_columns(
        fano=pl.when((total >= MIN_WINDOWS) & (n > 0)).then(m2 / (total - 1) / mean),
        allan=pl.when((pl.col("pairs") >= MIN_WINDOWS - 1) & (n > 0)).then(
            (pl.col("differences") / (2 * pl.col("pairs"))).sqrt()
        ),
    )
