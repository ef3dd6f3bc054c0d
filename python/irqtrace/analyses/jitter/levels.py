"""The counts of a stretch on all levels of the ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from irqtrace.analyses.state import NUMBER

from . import ladder, period
from .chunks import CPUS
from .seams import point_of
from .tables import CODED, Tables

if TYPE_CHECKING:
    from .chunks import Stretch

__all__ = ["over_levels", "pruned"]


def over_levels(stretch: Stretch, spans: pl.DataFrame) -> Tables:
    """Points, windows, ladder, edges, segments and spectrum of a stretch."""
    every = stretch.every
    base = int(stretch.reads[0]) if stretch.base is None else stretch.base
    low, high = -(-base // every), -(-int(stretch.reads[-1]) // every)
    due = np.append(base, stretch.reads)
    points = due[due % every == 0] // every
    read = np.zeros(high - low + 1, np.bool_)
    read[points - low] = True
    of_line = spans.select("line", low=point_of(pl.col("base"), every), high=point_of(pl.col("last"), every))
    low_of, high_of = (np.zeros(1 + max(spans["line"], default=0), np.int64) for _ in range(2))
    low_of[of_line["line"]], high_of[of_line["line"]] = of_line["low"], of_line["high"]
    rows = stretch.rows.filter(pl.col("low_ns").is_not_null()).join(
        of_line, on="line", how="semi", maintain_order="left"
    )
    counts = (
        rows["cell"].to_numpy(),
        rows.select(point_of(pl.col("sample"), every) - 1).to_series().to_numpy(),
        rows["delta"].to_numpy(),
    )
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in ("ladder", "edges", "segments", "spectrum")}
    reaches = of_line.select("low", "high").unique().rows()
    counted: list[tuple[int, ...]] = []
    for level, (cell, window, count) in ladder.cascade(counts):
        windows = ladder.Windows(level, read, low)
        line = cell // CPUS
        reach = (low_of[line], high_of[line])
        counted += [(low_, high_, level, *windows.count(low_, high_)) for low_, high_ in reaches]
        if not len(cell):
            continue
        found["ladder"].append(ladder.windows_of(level, (cell, window, count), windows, *reach))
        if level in period.SPECTRAL:
            segments, spectrum = period.segments_of(level, (cell, window, count), *reach)
            found["segments"].append(segments)
            found["spectrum"].append(spectrum)
        near, cut = _reach_over(1 << level, window, low, high)
        own = near | cut if level in period.SPECTRAL else near
        edges = pl.DataFrame({"cell": cell[own], "window": window[own], "count": count[own]})
        found["edges"].append(edges.with_columns(level=pl.lit(level, dtype=pl.Int64)))
    tables = {name: pl.concat(frames) for name, frames in found.items() if frames}
    tables["windows"] = _windows_of_lines(of_line, counted)
    known = pl.DataFrame({"point": low + np.flatnonzero(read)}).with_columns(group=pl.lit(stretch.group, dtype=NUMBER))
    kept_points = ladder.points_to_keep(known.with_columns(low=pl.lit(low), high=pl.lit(high)))
    return {"points": kept_points.select("group", "point"), **tables}


def _windows_of_lines(of_line: pl.DataFrame, counted: list[tuple[int, ...]]) -> pl.DataFrame:
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
