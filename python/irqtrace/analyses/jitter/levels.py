"""The counts of a stretch on all levels of the ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from irqtrace.analyses.state import NUMBER

from . import ladder, period
from .seams import point_of
from .stretches import CPUS
from .tables import CODED, Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .stretches import Stretch

__all__ = ["Levels", "pruned"]


class Levels:
    """The ladder over the reads of a stretch, and the counts of its cells on each level."""

    def __init__(self, stretch: Stretch, spans: pl.DataFrame) -> None:
        """Takes from which read on, and up to which, each line was there."""
        every = stretch.every
        base = stretch.first if stretch.base is None else stretch.base
        self._group, self._every = stretch.group, every
        self._low, self._high = -(-base // every), -(-stretch.last // every)
        due = np.append(base, stretch.reads["sample"].to_numpy())
        self._read = np.zeros(self._high - self._low + 1, np.bool_)
        self._read[due[due % every == 0] // every - self._low] = True
        self._windows = [ladder.Windows(level, self._read, self._low) for level in range(ladder.LEVELS)]
        low, high = (point_of(pl.col(edge), every) for edge in ("base", "last"))
        self._of_line = spans.select("line", low=low, high=high)
        self._low_of, self._high_of = (np.zeros(1 + max(spans["line"], default=0), np.int64) for _ in range(2))
        self._low_of[spans["line"]], self._high_of[spans["line"]] = self._of_line["low"], self._of_line["high"]

    def _reach(self, cell: NDArray[np.int64]) -> tuple[Any, Any]:
        """Between which points each cell's line was there: numbers if these are the same for all."""
        if self._of_line["low"].n_unique() == 1 and self._of_line["high"].n_unique() == 1:
            return self._of_line["low"][0], self._of_line["high"][0]
        line = cell // CPUS
        return self._low_of[line], self._high_of[line]

    def _edges(self, level: int) -> tuple[int, int]:
        """Up to which window and from which on a seam may need those of a level: see `_reach_over`."""
        size, low, high = 1 << level, self._low, self._high
        after, before = -(-low // size) + 2, high // size - 2
        if level in period.SPECTRAL:
            length = size * period.LENGTH
            after = max(after, -(-low // length) * period.LENGTH)
            before = min(before, high // length * period.LENGTH)
        return after, before

    def of_stretch(self) -> Tables:
        """Points and windows."""
        reaches = self._of_line.select("low", "high").unique().rows()
        counted = [
            (low, high, level, *windows.count(low, high))
            for level, windows in enumerate(self._windows)
            for low, high in reaches
        ]
        points = pl.DataFrame({"point": self._low + np.flatnonzero(self._read)})
        points = points.with_columns(
            group=pl.lit(self._group, dtype=NUMBER), low=pl.lit(self._low), high=pl.lit(self._high)
        )
        return {
            "points": ladder.points_to_keep(points).select("group", "point"),
            "windows": _windows_of_lines(self._of_line, counted),
        }

    def of_cells(self, rows: pl.DataFrame, *, edges: bool) -> Tables:
        """Ladder, segments and spectrum of all rows of some cells, and edges if these are wanted."""
        rows = rows.filter(pl.col("low_ns").is_not_null()).join(
            self._of_line, on="line", how="semi", maintain_order="left"
        )
        counts = (
            rows["cell"].to_numpy(),
            rows.select(point_of(pl.col("sample"), self._every) - 1).to_series().to_numpy(),
            rows["delta"].to_numpy(),
        )
        found: dict[str, list[pl.DataFrame]] = {name: [] for name in ("ladder", "edges", "segments", "spectrum")}
        for level, (cell, window, count) in ladder.cascade(counts):
            if not len(cell):
                break
            reach = self._reach(cell)
            found["ladder"].append(ladder.windows_of(level, (cell, window, count), self._windows[level], *reach))
            if level in period.SPECTRAL:
                segments, spectrum = period.segments_of(level, (cell, window, count), *reach)
                found["segments"].append(segments)
                found["spectrum"].append(spectrum)
            if edges:
                after, before = self._edges(level)
                own = (window < after) | (window >= before)
                near = pl.DataFrame({"cell": cell[own], "window": window[own], "count": count[own]})
                found["edges"].append(near.with_columns(level=pl.lit(level, dtype=pl.Int64)))
        return {name: pl.concat(frames) for name, frames in found.items() if frames}


def _windows_of_lines(of_line: pl.DataFrame, counted: Sequence[tuple[int, ...]]) -> pl.DataFrame:
    """line, level, windows, pairs: of what was counted of those there from low to high (low, high, level, …)."""
    schema = dict.fromkeys(("low", "high", "level", "windows", "pairs"), pl.Int64())
    of_reach = pl.DataFrame(counted, schema=schema, orient="row")
    return of_line.join(of_reach, on=["low", "high"]).select("line", "level", "windows", "pairs")


def pruned(tables: Tables, known: pl.DataFrame) -> Tables:
    """Without the edges and points that no seam to come can need; ``known`` are line, group and every."""
    spans = (
        tables["spans"]
        .join(known, on="line")
        .group_by("group")
        .agg(
            low=point_of(pl.col("base").min(), pl.col("every").first()),
            high=point_of(pl.col("last").max(), pl.col("every").first()),
        )
    )
    points = ladder.points_to_keep(tables["points"].join(spans, on="group"))
    size = pl.lit(2, dtype=pl.Int64).pow(pl.col("level")).cast(pl.Int64)
    near, cut = _reach_over(size, pl.col("window"), pl.col("low"), pl.col("high"))
    line = (pl.col("cell") // CPUS).cast(pl.UInt32)
    edges = (
        tables["edges"]
        .join(known.select("line", "group").join(spans, on="group"), left_on=line, right_on="line")
        .filter(near | (cut & pl.col("level").is_in(period.SPECTRAL)))
    )
    return tables | {"points": points.select(*CODED["points"].schema), "edges": edges.select(*CODED["edges"].schema)}


def _reach_over(size: Any, window: Any, low: Any, high: Any) -> tuple[Any, Any]:  # noqa: ANN401 - arrays or expressions
    """Whether a seam at low or high needs a window: for one over it or a neighbour of that; for a segment over it."""
    segment, length = window // period.LENGTH, size * period.LENGTH
    near = (window * size < low + 2 * size) | ((window + 1) * size > high - 2 * size)
    return near, (segment * length < low) | ((segment + 1) * length > high)
