"""The counts of a stretch on all levels of the ladder."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from irqtrace.analyses.state import NUMBER

from . import ladder, period
from .cells import line_of_cell
from .seams import point_of
from .tables import CODED, Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .ladder import Counts
    from .stretches import Stretch

__all__ = ["Levels", "Reach", "pruned"]

Reach = tuple[int, int]
"""The points between which a line was there."""


class Levels:
    """The ladder over the reads of a stretch, and the counts of its cells on each level."""

    def __init__(self, stretch: Stretch, spans: pl.DataFrame) -> None:
        """Takes from which read on, and up to which, each line was there."""
        times = stretch.times
        every = times.every
        self._group = stretch.group
        self._low, self._high = -(-times.base // every), -(-times.last // every)
        due = np.append(times.base, times.sample)
        self._read = np.zeros(self._high - self._low + 1, np.bool_)
        self._read[due[due % every == 0] // every - self._low] = True
        low, high = (point_of(pl.col(edge), every) for edge in ("base", "last"))
        self._of_line = spans.select("line", low=low, high=high)
        # Most lines are there all along.
        self._whole = cache(ladder.Ladder(self._read, self._low).whole)

    def reaches(self) -> dict[int, Reach]:
        """Where each line was there."""
        return {line: (low, high) for line, low, high in self._of_line.iter_rows()}

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
            (low, high, level, *self._whole(level, low, high).count())
            for level in range(ladder.LEVELS)
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

    def of_cells(self, counts: Counts, reach: Reach, *, edges: bool) -> Tables:
        """Ladder, segments and spectrum of cells of lines with this reach, and edges if these are wanted."""
        found: dict[str, list[pl.DataFrame]] = {name: [] for name in ("ladder", "edges", "segments", "spectrum")}
        for level, of_level in ladder.cascade(counts):
            found["ladder"].append(ladder.windows_of(level, of_level, self._whole(level, *reach)))
            if level in period.SPECTRAL:
                segments, spectrum = period.segments_of(level, of_level, *reach)
                found["segments"].append(segments)
                found["spectrum"].append(spectrum)
            if edges:
                after, before = self._edges(level)
                window = of_level.window
                near = of_level.where((window < after) | (window >= before))
                own = {"cell": near.cell, "window": near.window, "count": near.count.astype(np.int64)}
                found["edges"].append(pl.DataFrame(own).with_columns(level=pl.lit(level, dtype=pl.Int64)))
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
    edges = (
        tables["edges"]
        .with_columns(line_of_cell())
        .join(known.select("line", "group").join(spans, on="group"), on="line")
        .filter(near | (cut & pl.col("level").is_in(period.SPECTRAL)))
    )
    return tables | {"points": points.select(*CODED["points"].schema), "edges": edges.select(*CODED["edges"].schema)}


def _reach_over(size: Any, window: Any, low: Any, high: Any) -> tuple[Any, Any]:  # noqa: ANN401 - arrays or expressions
    """Whether a seam at low or high needs a window: for one over it or a neighbour of that; for a segment over it."""
    segment, length = window // period.LENGTH, size * period.LENGTH
    near = (window * size < low + 2 * size) | ((window + 1) * size > high - 2 * size)
    return near, (segment * length < low) | ((segment + 1) * length > high)
