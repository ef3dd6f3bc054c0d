"""What each line or cell counted in each window, and over how much time: rates with their bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from .counts import EVER, due, every_of, groups_of, lines_of
from .dense import laid_out
from .state import NUMBER
from .stays import STAY, absences, edges, runs_of, stays

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from .state import State

__all__ = ["RATES", "Named", "measured", "named", "rate_and_bounds", "sum_of"]

RATES = ("rate", "rate_lo", "rate_hi")
EDGES = ("b0", "e0", "b1", "e1")
NOT = pl.lit(value=False)

ROWS = 1_000_000
"""Of measured rows in memory at a time, but for what one thing takes."""

COUNTS = 32_000_000
"""Of counts that are laid out by cell and window at a time, but for those of one thing: 8 bytes each."""


@dataclass(frozen=True)
class Named:
    """What some columns tell apart, by number: so that all that is counted is of numbers."""

    whats: pl.DataFrame
    """what, the columns but cpu, and order: where it stands among the lines of the trace."""
    parts: pl.DataFrame
    """Of each, what is measured apart: part, what, group, rec, came, went, away."""
    of_line: pl.Series
    """The part of each line."""
    cpu: tuple[str, ...]
    """``("cpu",)`` where CPUs are told apart."""
    away: pl.DataFrame
    """part, cpu, left, back: when cells were not there; without rows where CPUs are not told apart."""

    @property
    def is_single(self) -> bool:
        """Whether each of them is one part."""
        return len(self.whats) == len(self.parts)


def named(state: State, by: Sequence[str]) -> Named:
    """What the columns `by` tell apart, any of those of a line, its group and recording, and cpu."""
    lines = lines_of(state).with_columns(number="line", line=pl.col("order").cast(pl.UInt32)).sort("number")
    columns = [column for column in by if column != "cpu"]
    # Not as their labels sort, which has 10 before 2.
    whats = lines.group_by(columns or [pl.lit(0).alias("all")], maintain_order=True).agg(pl.col("order").min())
    whats = whats.sort("order", maintain_order=True).with_row_index("what").select("what", *columns, "order")
    lines = (
        lines.join(whats.drop("order"), on=columns, nulls_equal=True, maintain_order="left")
        if columns
        else (lines.with_columns(what=pl.lit(0, dtype=NUMBER)))
    )
    absent = absences(state) if "cpu" in by else state["absences"].clear()
    # Lines that are one part have the same cells at any time.
    when = pl.format("{}:{}:{}", pl.col("cpu").cast(pl.Int32).fill_null(-1), "left", "back")
    away = absent.group_by("line").agg(when.sort().str.join(" ").alias("away"))
    lines = lines.join(away, left_on="number", right_on="line", how="left", maintain_order="left")
    apart = ["what", "group", "rec", "came", "went", "away"]
    parts = lines.select(apart).unique(maintain_order=True).sort("what", maintain_order=True).with_row_index("part")
    of_line = lines.join(parts, on=apart, nulls_equal=True, maintain_order="left")["part"]
    of_parts = absent.select(of_line.gather(absent["line"]).alias("part"), "cpu", "left", "back").unique()
    return Named(whats, parts, of_line, ("cpu",) if "cpu" in by else (), of_parts)


def measured(state: State, names: Named, *, dense: bool = False) -> Iterator[pl.DataFrame]:
    """A row for each cell and window that it was there in, in frames that each have all of what they tell of.

    part, what, rec, cpu where it is told apart; window, begin (UTC ns), count, b0, e0, b1, e1; brief: whether no time
    is left of it. In the order of what, part, cpu and window. There is one frame at least, be it empty.
    """
    if not state.settings["timed"]:
        raise ValueError("this state does not tell when the reads were: reduce with the analysis that is to finish it")
    cell = ["part", *names.cpu]
    counts = _of_parts(state, names)
    cells = counts.group_by(cell).agg(events=pl.col("count").sum()).join(names.parts, on="part")
    if not dense:
        cells = cells.filter((pl.col("events").sum() > 0).over("what", *names.cpu))
    pieces, windows = _pieces(state), due(state)
    spans = windows.join(
        _together(pieces, ["group", "window"]), on=["group", "window"], how="left", maintain_order="left"
    )
    window = pl.col("window")
    of_group = spans.group_by("group").agg(
        windows=pl.len(), soonest=pl.col("high").min(), first_window=window.min(), size=window.max() - window.min() + 1
    )
    of_group = of_group.join(pieces.group_by("group").agg(pl.col("last_read").min()), on="group", how="left")
    seen_first = state["ends"].select("group", came="sample", seen=pl.lit(value=True))
    before = pl.col("size").cum_sum() - pl.col("size")
    # So many at a time that memory holds them, and all of one thing in one frame.
    cells = (
        cells.join(of_group, on="group")
        .join(seen_first, on=["group", "came"], how="left")
        .sort("what", *cell)
        .with_columns(frame=pl.col("windows").cum_sum() // ROWS, vector=before // COUNTS)
        .with_columns(pl.col("frame", "vector").first().over("what"))
    )
    # Of a part that is missing, the reads that saw it first may be lost.
    since = pl.col("came").fill_null(-EVER)
    always = pl.all_horizontal(pl.col("seen", "went", "away").is_null()) & (since < pl.col("soonest"))
    always &= since <= pl.col("last_read").fill_null(EVER)
    pieces_due = windows.join(pieces, on=["group", "window"], how="left", maintain_order="left")
    for of_vector in cells.partition_by("vector", maintain_order=True) or [cells]:
        counted, placed = laid_out(counts, of_vector, cell)
        for own in placed.partition_by("frame", maintain_order=True) or [placed]:
            cells_ = own.select(*cell, "what", "rec", "at", "group", *STAY)
            if own.select(always.all()).item():
                rows = cells_.join(spans, on="group", maintain_order="left_right").with_columns(brief=NOT)
            else:
                there = stays(cells_, names.away, cell)
                rows = _within_stay(there.join(pieces_due, on="group", maintain_order="left_right"), edges(state))
                rows = _together(rows, [*cell, "what", "rec", "at", "window", "begin"])
            count = _series("count", counted.take((rows["at"] + rows["window"]).to_numpy()))
            known = pl.when(pl.col("b1").is_not_null()).then(count).alias("count")
            yield rows.select(*cell, "what", "rec", "window", "begin", known, *EDGES, "brief")


def _series(name: str, counts: NDArray[np.int64]) -> pl.Series:
    """The counts without a copy. Polars, given a NumPy array, loads numpy.ma only to see that it is none of it."""
    column = pa.Int64Array.from_buffers(pa.int64(), len(counts), [None, pa.py_buffer(counts)])
    return pl.DataFrame(pa.RecordBatch.from_arrays([column], [name])).to_series()


def _of_parts(state: State, names: Named) -> pl.DataFrame:
    """part, cpu where it is told apart, window, count: what each part counted in each window."""
    lines = state["counts"]["line"]
    counts = state["counts"].select(names.of_line.gather(lines).alias("part"), *names.cpu, "window", "count")
    told = bool(names.cpu) or state["counts"]["cpu"].null_count() == len(lines)
    if told and len(names.parts) == len(names.of_line):
        return counts
    return counts.group_by("part", *names.cpu, "window").agg(pl.col("count").sum())


def _together(pieces: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """A row for each key: what is known of a window may be in pieces, with a part missing between.

    Their lengths are then added up: e1 - b0 is the longest that they may be in all, b1 - e0 the shortest. Pieces that
    are brief have none.
    """
    if not pieces.select(key).is_duplicated().any():
        return pieces
    b0, e0, b1, e1 = (pl.col(edge).filter(~pl.col("brief")) for edge in EDGES)
    edges = {"b0": e1.max() - (e1 - b0).sum(), "e0": b1.max() - (b1 - e0).sum(), "b1": b1.max(), "e1": e1.max()}
    brief = pl.col("brief").all()
    return pieces.group_by(key, maintain_order=True).agg(
        *(pl.when(brief).then(pl.col(edge).min()).otherwise(edges[edge]).alias(edge) for edge in EDGES),
        brief.alias("brief"),
    )


def _pieces(state: State) -> pl.DataFrame:
    """group, window, base, last_read, b0, e0, b1, e1: the last read before each window, and its own last.

    By group and window, with a row for each run of parts that follow one another. ``brief``: it is of one read alone,
    which has no time, where others of the window have some.
    """
    runs = runs_of(state)
    reads = state["reads"].sort("group", "last_read")
    # A window's last read is of one run; of the others that have reads there it is their own last.
    ends = runs.join(groups_of(state), on="group").select(
        "group", "last_read", window=_window_of(state, pl.col("last_read")), b1="last_b", e1="last_e"
    )
    reads = pl.concat([reads, ends.select(reads.columns)]).unique(["group", "last_read"]).sort("group", "last_read")
    starts = runs.select("group", "run", last_read="first_read").sort("group", "last_read")
    of_run = reads.join_asof(starts, on="last_read", by="group", check_sortedness=False)

    def before(last: str, previous: str, first: str) -> pl.Expr:
        earlier = pl.when(pl.col("previous_b") < pl.col("first_b")).then(previous)
        return pl.coalesce(pl.col(last).shift().over("group", "run"), earlier, first)

    alone = pl.col("base") == pl.col("last_read")
    # Of one run a window has one piece.
    several = len(runs) > runs["group"].n_unique()
    return (
        of_run.join(runs.drop("last_read"), on=["group", "run"], maintain_order="left")
        .with_columns(
            base=before("last_read", "previous", "first_read"),
            b0=before("b1", "previous_b", "first_b"),
            e0=before("e1", "previous_e", "first_e"),
        )
        .with_columns(brief=alone & ~alone.all().over("group", "window") if several else NOT)
        .select("group", "window", "base", "last_read", *EDGES, "brief")
    )


def _window_of(state: State, sample: pl.Expr) -> pl.Expr:
    every_ns = every_of(state)
    return pl.lit(0, dtype=pl.Int64) if every_ns is None else sample * pl.col("interval_ns") // every_ns


def rate_and_bounds() -> list[pl.Expr]:
    """count / span in Hz: the span between the middles of the two reads, the longest and the shortest possible."""
    b0, e0, b1, e1 = (pl.col(edge) for edge in EDGES)
    between = (b1 + e1 - b0 - e0) / 2

    def hz(span_ns: pl.Expr) -> pl.Expr:
        return pl.when(between > 0, span_ns > 0).then(pl.col("count") * 1e9 / span_ns)

    return [hz(between).alias("rate"), hz(e1 - b0).alias("rate_lo"), hz(b1 - e0).alias("rate_hi")]


def _within_stay(rows: pl.DataFrame, reads: pl.DataFrame) -> pl.DataFrame:
    """The windows in which the line, or the cell, was there.

    b0 and e0 are moved up to its own first read, b1 and e1 down to its last.
    """
    came, went = pl.col("came").fill_null(-EVER), pl.col("went").fill_null(EVER)
    rows = rows.filter(came < pl.col("high"), went >= pl.col("low"))
    # What was read only before it came says nothing of it.
    rows = rows.filter(came <= pl.col("last_read").fill_null(EVER))
    for sample in STAY:
        of_stay = reads.select("group", **{sample: "sample", f"{sample}_begin": "begin", f"{sample}_end": "end"})
        rows = rows.join(of_stay, on=["group", sample], how="left", maintain_order="left")
    changed = (came > pl.col("base")) | (went < pl.col("last_read"))
    no_time = pl.min_horizontal(went, "last_read") <= pl.max_horizontal(came, "base")
    later = (came > pl.col("base")) & pl.col("came_begin").is_not_null()
    sooner = (went < pl.col("last_read")) & pl.col("went_begin").is_not_null()
    return rows.with_columns(
        b0=pl.when(later).then("came_begin").otherwise("b0"),
        e0=pl.when(later).then("came_end").otherwise("e0"),
        b1=pl.when(sooner).then("went_begin").otherwise("b1"),
        e1=pl.when(sooner).then("went_end").otherwise("e1"),
    ).with_columns(
        brief=pl.any_horizontal("brief", changed & (no_time | (pl.col("b1") <= pl.col("b0")))).fill_null(value=False)
    )


def sum_of(column: str, but: str | None = None) -> pl.Expr:
    """The sum of a column, null where one of its values is, or where all rows are to be left out."""
    left_out = pl.col(but) if but else pl.lit(value=False)
    known = (pl.col(column).is_not_null() | left_out).all() & ~left_out.all()
    return pl.when(known).then(pl.col(column).sum()).alias(column)
