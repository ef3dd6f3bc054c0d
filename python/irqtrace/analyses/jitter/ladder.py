"""How counts vary over a ladder of windows, each twice as long as the one before.

A window is taken where the reads at its two ends were made: then its count is what grew between them, whatever was
missed inside. Zeros are not stored: what is kept of a cell are its windows with events, and of a line how many windows
there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from .cells import line_of_cell
from .seams import new_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "LEVELS",
    "Counts",
    "Ladder",
    "Whole",
    "cascade",
    "fano_and_allan",
    "new_windows",
    "points_to_keep",
    "windows_of",
]

LEVELS = 21
"""Windows of 1 to 2^20 points."""

MIN_WINDOWS = 10
"""Of fewer windows a variance says nothing: its standard error is nearly half of it."""

LEFT, OWN, RIGHT = 1, 2, 4
"""The window before one, itself, and the one after it."""

SHORT_BITS = 31
"""Of a key that has 4 bytes."""

SIZES = [(level, 1 << level) for level in range(LEVELS)]


@dataclass(frozen=True)
class Counts:
    """The windows of some cells that have events, by cell and window, and how many."""

    cells: NDArray[np.int64]
    """The number of each cell."""
    key: NDArray[np.int64] | NDArray[np.int32]
    """The place of a cell among these, times 2^bits, and the window from ``origin`` on; they are never all."""
    count: NDArray[np.float64]
    """Whole numbers."""
    bits: int
    origin: int

    @classmethod
    def of(
        cls, cells: NDArray[np.int64], place: NDArray[np.int64], window: NDArray[np.int64], count: NDArray[np.int64]
    ) -> Counts:
        """Of cells at these places, windows of the lowest level and counts."""
        # A window of any level begins at it.
        origin = (int(window.min(initial=0)) >> LEVELS) << LEVELS
        # One more than there can be: the last window of a cell and the first of the next are no neighbours.
        bits = max(int(window.max(initial=0) - origin).bit_length(), LEVELS) + 1
        key = (place << bits) + (window - origin)
        # Half as long they are worked on faster.
        short = len(cells).bit_length() + bits < SHORT_BITS
        return cls(cells, key.astype(np.int32) if short else key, count.astype(np.float64), bits, origin)

    @property
    def window(self) -> NDArray[np.int64]:
        """The windows."""
        return (self.key & ((1 << self.bits) - 1)) + self.origin

    @property
    def cell(self) -> NDArray[np.int64]:
        """The number of the cell of each window."""
        cell: NDArray[np.int64] = self.cells[self.key >> self.bits]
        return cell

    def by_cell(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of the cells that have windows, and where these begin, with the end of the last."""
        firsts = (np.arange(len(self.cells) + 1) << self.bits).astype(self.key.dtype)
        bounds = np.searchsorted(self.key, firsts)
        there = bounds[:-1] < bounds[1:]
        return self.cells[there], np.append(bounds[:-1][there], bounds[-1])

    def where(self, which: NDArray[Any]) -> Counts:
        """Some of the windows: a mask, or their places."""
        return Counts(self.cells, self.key[which], self.count[which], self.bits, self.origin)

    def halved(self) -> Counts:
        """Those of the next level: windows joined two by two."""
        key, count = self.key >> 1, self.count.copy()
        second = key[1:] == key[:-1]
        count[:-1] += self.count[1:] * second
        kept = np.append(True, ~second)[: len(key)]
        return Counts(self.cells, key[kept], count[kept], self.bits - 1, self.origin >> 1)


def cascade(counts: Counts) -> Iterator[tuple[int, Counts]]:
    """The counts of each level."""
    for level in range(LEVELS):
        yield level, counts
        counts = counts.halved()


@dataclass(frozen=True)
class Whole:
    """Which windows of a level have both their reads."""

    mask: NDArray[np.bool_]
    first: int
    """The window of the first in the mask."""

    def count(self) -> tuple[int, int]:
        """How many windows, and pairs of neighbours."""
        return int(self.mask.sum()), int((self.mask[:-1] & self.mask[1:]).sum())

    @cached_property
    def _looks(self) -> NDArray[np.uint8]:
        """From two windows before the first on, up to two behind the last: OWN, and with that LEFT and RIGHT."""
        own = np.pad(self.mask, 3).astype(np.uint8)
        looks: NDArray[np.uint8] = own[1:-1] * (own[:-2] * LEFT + OWN + own[2:] * RIGHT)
        return looks

    def at(self, window: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Of windows from two before the first to two behind the last: whether they and their neighbours are whole."""
        return self._looks.take(window - (self.first - 2))


class Ladder:
    """The windows of all levels that have both their reads, of the points from ``low`` on that were read or not."""

    def __init__(self, read: NDArray[np.bool_], low: int) -> None:
        """Takes whether each point was read."""
        self._of_level: list[tuple[int, NDArray[np.bool_]]] = []
        for level in range(LEVELS):
            size = 1 << level
            first = -(-low // size)
            ends = read[first * size - low :: size]
            self._of_level.append((first, ends[:-1] & ends[1:]))

    def whole(self, level: int, low: int, high: int) -> Whole:
        """Those of a level that lie in the points (low, high]."""
        size, (first, mask) = 1 << level, self._of_level[level]
        own = np.zeros(len(mask), np.bool_)
        reach = slice(max(-(-low // size) - first, 0), max(high // size - first, 0))
        own[reach] = mask[reach]
        return Whole(own, first)


def windows_of(level: int, counts: Counts, whole: Whole) -> pl.DataFrame:
    """cell, level, moments of the counts above zero, differences (sum of squared differences of neighbours)."""
    looks = whole.at(counts.window)
    cells, bounds = counts.by_cell()
    starts, lengths, count = bounds[:-1], np.diff(bounds), counts.count
    if not len(cells):
        return pl.DataFrame(schema=_OF_LEVEL)
    adjacent = counts.key[1:] - counts.key[:-1] == 1
    rise = np.empty(len(count))
    np.multiply(count[1:], adjacent, out=rise[:-1])
    rise[-1] = 0
    rise -= count
    rise *= rise
    rise[(looks & RIGHT) == 0] = 0
    # A pair of two with events belongs to the first of them.
    left = (looks & LEFT) > 0
    left[1:] &= ~adjacent
    fall = count * count
    fall *= left
    rise += fall
    not_own = np.flatnonzero((looks & OWN) == 0)
    cell = starts.searchsorted(not_own, side="right") - 1
    n = lengths - np.bincount(cell, minlength=len(cells))
    total = np.add.reduceat(count, starts) - np.bincount(cell, count[not_own], len(cells))
    mean = total / np.maximum(n, 1)
    off = count - np.repeat(mean, lengths)
    off *= off
    off[not_own] = 0
    return pl.DataFrame(
        {
            "cell": cells,
            "level": np.full(len(cells), level),
            "differences": np.add.reduceat(rise, starts),
            "count_n": n,
            "count_mean": mean,
            "count_m2": np.add.reduceat(off, starts),
        },
        schema=_OF_LEVEL,
    )


_OF_LEVEL = {
    "cell": pl.Int64(),
    "level": pl.Int64(),
    "differences": pl.Float64(),
    "count_n": pl.Int64(),
    "count_mean": pl.Float64(),
    "count_m2": pl.Float64(),
}


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
        edges.with_columns(line_of_cell(), block=pl.col("window") - at)
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
