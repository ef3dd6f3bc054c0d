"""The reads at the ends of windows: all that counts need of them, found without a look at every row."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from irqtrace.durations import duration_text
from irqtrace.frames import GROUP

from .state import NUMBER

__all__ = ["Grid", "due_windows", "first_reads", "last_reads", "read_windows"]

REACH = 8
"""Of so many reads that were due one was made, nearly always: more are not looked at."""

MOST = 100_000_000
"""Windows: a week has fewer of 10 ms."""

PART = 8
"""Of a window no more than one in so many is looked at, where that is one at least."""


@dataclass(frozen=True)
class Grid:
    """The samples of a trace, from ``first`` up to but not ``after``, and its windows."""

    interval_ns: int
    every_ns: int | None
    """The length of a window; None where all is one."""
    first: int
    after: int
    irregular: bool = False
    """Windows may be without a read, and samples say nothing of how near the end of their window they are."""

    def __post_init__(self) -> None:
        first, last = self.windows
        if last - first >= MOST:
            least_ns = -(-(self.after - self.first) * self.interval_ns // MOST)
            digit = 10 ** max(len(str(least_ns)) - 2, 0)
            least_ns = -(-least_ns // digit) * digit
            raise ValueError(
                f"every {duration_text(self.every_ns or 0)} makes {last - first + 1:,} windows of this trace, and "
                f"{MOST:,} are the most; take {duration_text(least_ns)} or more, or a slice of the trace"
            )

    def window(self, sample: pl.Expr) -> pl.Expr:
        """The window of a sample."""
        if self.every_ns is None:
            return pl.lit(0, dtype=pl.Int64)
        # The same, but for one operation less a row.
        if self.every_ns % self.interval_ns == 0:
            return sample // (self.every_ns // self.interval_ns)
        return sample * self.interval_ns // self.every_ns

    @property
    def windows(self) -> tuple[int, int]:
        """The first and the last window that there can be."""
        if self.every_ns is None:
            return 0, 0
        last = max(self.after - 1, self.first)
        return self.first * self.interval_ns // self.every_ns, last * self.interval_ns // self.every_ns

    def first_of(self, window: int) -> int:
        """The first sample of a window that is not all."""
        return -(-window * (self.every_ns or 0) // self.interval_ns)

    def is_near_end(self, samples: int) -> pl.Expr:
        """Whether a row's window ends, or all does, before so many samples more."""
        sample = pl.col("sample")
        is_last = sample >= self.after - samples
        if self.every_ns is None:
            return is_last
        if self.every_ns % self.interval_ns == 0:
            size = self.every_ns // self.interval_ns
            return (sample % size >= size - samples) | is_last
        return (self.window(sample) != self.window(sample + samples)) | is_last


def last_reads(flat: pl.LazyFrame, groups: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    """group, window, last_read, b1, e1: the last read in each window, with begin and end (UTC ns)."""
    step = max(groups["every"], default=1)
    due = REACH * PART if grid.every_ns is None else grid.every_ns // (step * grid.interval_ns)
    if due < PART or grid.irregular:
        return _last_of(flat, groups, grid)
    found = _last_of(flat.filter(grid.is_near_end(min(due // PART, REACH) * step)), groups, grid)
    return _with_missing(found, flat, groups, grid)


def read_windows(flat: pl.LazyFrame, groups: pl.DataFrame, grid: Grid, counted: pl.DataFrame) -> pl.DataFrame:
    """As `last_reads`, but that it is not told when these reads were: where it counted there were some."""
    untold = pl.lit(None, dtype=pl.Int64)
    found = counted.select("group", "window").with_columns(last_read=untold, b1=untold, e1=untold)
    rest = _with_missing(found, flat.filter(pl.col("irq").is_null()), groups, grid)
    return rest.with_columns(last_read=untold, b1=untold, e1=untold)


def _with_missing(found: pl.DataFrame, flat: pl.LazyFrame, groups: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    """Adds what these rows tell of the windows that were due and not found."""
    if grid.irregular:
        others = _last_of(flat, groups, grid).join(found, on=["group", "window"], how="anti")
        return pl.concat([found, others])
    grids = groups.filter(pl.col("reads") > 0).with_columns(
        interval_ns=pl.lit(grid.interval_ns), first=pl.lit(grid.first), after=pl.lit(grid.after)
    )
    missing = due_windows(grids, grid.every_ns).join(found, on=["group", "window"], how="anti")
    if missing.is_empty():
        return found
    wanted = grid.window(pl.col("sample")).is_in(missing["window"].unique().implode())
    others = _last_of(flat.filter(wanted), groups, grid).join(missing, on=["group", "window"], how="semi")
    return pl.concat([found, others])


def _last_of(rows: pl.LazyFrame, groups: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    begin = pl.col("time").dt.epoch("ns")
    telling = _telling_groups(groups)
    found = (
        rows.group_by(*telling, grid.window(pl.col("sample")).alias("window"))
        .agg(last_read=pl.col("sample").max(), b1=begin.max(), e1=(begin + pl.col("read_ns")).max())
        .collect(engine="streaming")
    )
    return _with_group(found, groups, telling).select("group", "window", "last_read", "b1", "e1")


def _telling_groups(groups: pl.DataFrame) -> list[str]:
    """As few columns as tell the groups apart: none, if there is but one."""
    if len(groups) == 1:
        return []
    return ["kind"] if groups["kind"].is_unique().all() else list(GROUP)


def _with_group(rows: pl.DataFrame, groups: pl.DataFrame, telling: list[str]) -> pl.DataFrame:
    """The rows with the number of their group, of which they have the columns that tell."""
    if not telling:
        return rows.with_columns(group=pl.lit(groups["group"].item(), dtype=NUMBER))
    return rows.join(groups.select("group", *telling), on=telling)


def first_reads(flat: pl.LazyFrame, groups: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    """group, first_read, first_b, first_e, second_read: the first read of each group, with begin and end (UTC ns)."""
    step = max(groups["every"], default=1)
    found = _first_of(flat.filter(pl.col("sample") < grid.first + REACH * step), groups)
    two = found.filter(pl.col("second_read").is_not_null())
    missing = groups.filter(pl.col("reads") > 1).join(two, on="group", how="anti")
    missing = missing.vstack(groups.filter(pl.col("reads") == 1).join(found, on="group", how="anti"))
    if missing.is_empty():
        return found
    return _first_of(flat, groups)


def _first_of(rows: pl.LazyFrame, groups: pl.DataFrame) -> pl.DataFrame:
    begin = pl.col("time").dt.epoch("ns")
    return (
        rows.group_by(GROUP)
        .agg(
            first_read=pl.col("sample").min(),
            first_b=begin.min(),
            first_e=(begin + pl.col("read_ns")).min(),
            second_read=pl.col("sample").filter(pl.col("sample") > pl.col("sample").min()).min(),
        )
        .collect(engine="streaming")
        .join(groups.select("group", *GROUP), on=GROUP)
        .select("group", "first_read", "first_b", "first_e", "second_read")
    )


def due_windows(groups: pl.DataFrame, every_ns: int | None) -> pl.DataFrame:
    """group, window: those in which a read of a group was due, given group, every, interval_ns, first and after."""
    every, interval_ns = pl.col("every"), pl.col("interval_ns")
    low = -(-pl.col("first") // every) * every
    groups = groups.with_columns(low=low).filter(pl.col("low") < pl.col("after"))
    if every_ns is None:
        return groups.select("group", window=pl.lit(0, dtype=pl.Int64))
    last = (pl.col("after") - 1) // every * every
    low_window, high_window, own = (
        sample * interval_ns // every_ns for sample in (pl.col("low"), last, pl.col("sample"))
    )
    is_often = every * interval_ns <= every_ns
    often = groups.filter(is_often).select("group", window=pl.int_ranges(low_window, high_window + 1))
    seldom = groups.filter(~is_often).select("group", "interval_ns", sample=pl.int_ranges("low", "after", every))
    return pl.concat([often.explode("window"), seldom.explode("sample").select("group", window=own)])
