"""How fast interrupts came, with bounds for what the reads cannot tell."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from irqtrace.durations import duration_text
from irqtrace.frames import LINE
from irqtrace.schema import ENGINE, KIND, LABEL, TIME

from .counts import (
    CELL,
    OF_GROUP,
    OF_LINE,
    REC,
    WINDOW,
    begin_of_window,
    due,
    every_of,
    lines_of,
    machines,
    reduce_counts,
)
from .spread import reduced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from irqtrace.durations import Duration
    from irqtrace.trace import Trace

    from .source import Source
    from .state import State

__all__ = ["RATES", "finish", "measured", "rate_and_bounds", "rates", "reduce", "sum_of"]

BY = ("kind", "engine", "line", "irq", "name", "cpu", "host", "boot")
DEFAULT_BY = ("kind", "irq", "name")
RATES = ("rate", "rate_lo", "rate_hi")
STAY = ("came", "went")
EVER = 2**62

TYPES = {
    "kind": KIND,
    "engine": ENGINE,
    "line": pl.UInt32(),
    "irq": LABEL,
    "name": LABEL,
    "cpu": pl.UInt16(),
    "host": LABEL,
    "boot": LABEL,
}


def rates(
    source: Source, every: Duration | None = None, by: str | Sequence[str] = DEFAULT_BY, *, dense: bool = False
) -> pl.DataFrame:
    """Interrupts per second, per window of time and per line, CPU or whatever `by` names.

    A window holds the reads whose grid point lies in [w, w + every), counted from the grid's point 0. No read is a
    point in time: what a window counts came between the last read before it and its own last read, and each of these
    two saw the counters somewhere between its begin and its end. With those reads [b0, e0] and [b1, e1] the true rate
    lies in [count / (e1 - b0), count / (b1 - e0)]; ``rate`` divides by the time between their middles. Where nothing
    was read before, the first read of all is the base.

    Nothing is claimed of a line before its own first read and after its own last: in the windows in which it came or
    went, these are its base and its end. What `by` does not tell apart sums the counts, rates and bounds of its lines,
    each over the time that the line was there, also where one took the place of another; a line of which no time lies
    in the window adds nothing. A CPU that came or went is measured over the span of its line: in that window its rate
    is the mean over all of the span, and the bounds are those of that mean and not of the rate while it was there.

    Args:
        source: a trace, a trace file, a folder or pattern of them, a flat table in Polars or Arrow, or a list of these.
            More than one machine or boot are told apart by the columns host and boot. Files of one recording that
            follow one another are one; of several recordings of one machine, the whole is each one's own time.
        every: the length of a window, at least the interval; None takes the whole of a recording as one.
        by: columns to tell apart, any of kind, engine, line, irq, name, cpu, host, boot. What they do not tell apart is
            summed up; CAL includes TLB, so sums over arch lines count some interrupts twice.
        dense: rows also for what never had an interrupt in this source.

    Returns:
        time (the window's begin, ns, UTC), the columns of `by`, count, rate, rate_lo, rate_hi (Hz), by time and then in
        the order of lines. Each window in which the line was present has a row, 0 where nothing came. Count and rates
        are null where every read of the window was missed, the rates where no time lies between the two reads, as in a
        window with nothing but the first read of all. What is read less often than `every` has rows for the windows in
        which a read was due.

    Raises:
        ValueError: if `every` is shorter than the interval, `by` names no column, or `by` sums up kinds of which one is
            read less often than `every`; the message says what would do.

    >>> irqtrace.rates(trace, every="100ms", by=("kind", "irq", "name", "cpu"))  # doctest: +SKIP
    """
    state = reduced(source, partial(reduce, every=every, by=by))
    return finish(state, by=by, dense=dense)


def reduce(trace: Trace, every: Duration | None = None, by: str | Sequence[str] = CELL) -> State:
    """The state of one trace, for windows of this length. `finish` can tell the columns of `by` apart and no others."""
    names = _checked_by(by)
    return reduce_counts(trace, every, tuple(key for key in CELL if key in names or "line" in names))


def finish(state: State, by: str | Sequence[str] = DEFAULT_BY, *, dense: bool = False) -> pl.DataFrame:
    """The rates of a state, as `rates` has them."""
    by = _checked_by(by)
    by = (*by, *(column for column in machines(state) if column not in by))
    every_ns = every_of(state)
    _check_groups(state, by, every_ns)
    return (
        measured(state, by, every_ns, dense=dense)
        .group_by("begin", *by)
        .agg(sum_of("count"), *(sum_of(column, but="brief") for column in RATES))
        .pipe(_ordered, state, by)
        .select(
            pl.col("begin").cast(TIME).alias("time"),
            *(pl.col(column).cast(TYPES[column]) for column in by),
            "count",
            *RATES,
        )
    )


def measured(state: State, by: tuple[str, ...], every_ns: int | None, *, dense: bool) -> pl.DataFrame:
    """A row for each cell and window that the line was there in: begin, the columns of `by`, count, rates, brief."""
    counts = state["counts"].join(lines_of(state), on=OF_LINE, nulls_equal=True)
    apart = list(dict.fromkeys([*OF_GROUP, *STAY, *by]))
    counts = counts.group_by(*apart, "window").agg(pl.col("count").sum())
    cells = counts.group_by(apart).agg(events=pl.col("count").sum())
    if not dense:
        had_events = pl.col("events").sum() > 0
        cells = cells.filter(had_events.over(by) if by else had_events)
    recordings = state["recordings"].select(*REC, "interval_ns", "first")
    return (
        cells.drop("events")
        .join(due(state), on=OF_GROUP, nulls_equal=True)
        .join(recordings, on=REC, nulls_equal=True)
        .filter(_holds_a_part_of_stay(every_ns))
        .join(counts, on=[*apart, "window"], how="left", nulls_equal=True)
        .join(_spans(state), on=WINDOW, how="left", nulls_equal=True)
        .with_columns(pl.when(pl.col("b1").is_not_null()).then(pl.col("count").fill_null(0)).alias("count"))
        .pipe(_within_stay, state["ends"])
        .with_columns(rate_and_bounds())
        .with_columns(begin=begin_of_window(state))
    )


def _holds_a_part_of_stay(every_ns: int | None) -> pl.Expr:
    """Whether a line that came and went at these samples was there at a grid point of the window."""
    if every_ns is None:
        return pl.lit(value=True)
    # The first grid point in the window, and the first after it.
    interval_ns = pl.col("interval_ns")
    first, after = (((pl.col("window") + n) * every_ns + interval_ns - 1) // interval_ns for n in (0, 1))
    return (pl.col("came").fill_null(-EVER) < after) & (pl.col("went").fill_null(EVER) >= first)


def _spans(state: State) -> pl.DataFrame:
    """host, boot, t0_ns, kind, engine, window, b0, e0, b1, e1: the last read before each window and its own last."""

    def before(edge: str) -> pl.Expr:
        # What was read before a part is in the part before it, where that is there.
        previous = pl.when(pl.col("previous_b") < pl.col("first_b")).then(f"previous_{edge}")
        return pl.coalesce(pl.col(f"{edge}1").shift().over(OF_GROUP), previous, f"first_{edge}")

    return (
        state["reads"]
        .sort(WINDOW)
        .join(state["before"], on=OF_GROUP, how="left", nulls_equal=True, maintain_order="left")
        .select(*WINDOW, "b1", "e1", b0=before("b"), e0=before("e"))
    )


def rate_and_bounds() -> list[pl.Expr]:
    """count / span in Hz: the span between the middles of the two reads, the longest and the shortest possible."""
    b0, e0, b1, e1 = (pl.col(column) for column in ("b0", "e0", "b1", "e1"))
    between = (b1 + e1 - b0 - e0) / 2

    def hz(span_ns: pl.Expr) -> pl.Expr:
        return pl.when(between > 0, span_ns > 0).then(pl.col("count") * 1e9 / span_ns)

    return [hz(between).alias("rate"), hz(e1 - b0).alias("rate_lo"), hz(b1 - e0).alias("rate_hi")]


def _within_stay(rows: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Moves b0 and e0 up to the line's own first read, b1 and e1 down to its last. Brief: no time is left of some."""
    for sample in STAY:
        of_line = ends.select(
            *OF_GROUP, pl.col("sample").alias(sample), **{f"{sample}_{edge}": edge for edge in ("begin", "end")}
        )
        rows = rows.join(of_line, on=[*OF_GROUP, sample], how="left", nulls_equal=True)
    later, sooner = pl.col("came_begin") > pl.col("b0"), pl.col("went_begin") < pl.col("b1")
    moved = rows.with_columns(
        b0=pl.when(later).then("came_begin").otherwise("b0"),
        e0=pl.when(later).then("came_end").otherwise("e0"),
        b1=pl.when(sooner).then("went_begin").otherwise("b1"),
        e1=pl.when(sooner).then("went_end").otherwise("e1"),
        changed=(later | sooner).fill_null(value=False),
    )
    return moved.with_columns(brief=pl.col("changed") & (pl.col("b1") <= pl.col("b0")))


def sum_of(column: str, but: str | None = None) -> pl.Expr:
    """The sum of a column, null where one of its values is, or where all rows are to be left out."""
    left_out = pl.col(but) if but else pl.lit(value=False)
    known = (pl.col(column).is_not_null() | left_out).all() & ~left_out.all()
    return pl.when(known).then(pl.col(column).sum()).alias(column)


def _ordered(rows: pl.DataFrame, state: State, by: tuple[str, ...]) -> pl.DataFrame:
    """By time, then as lines stand in the trace and not as their labels sort: 2 before 10."""
    of_line = [column for column in by if column in {*LINE, "line"}]
    others = [column for column in by if column not in of_line]
    if not of_line:
        return rows.sort("begin", *others, nulls_last=True)
    order = (
        state["lines"].with_columns(pl.col("line").cast(pl.UInt32)).group_by(of_line).agg(order=pl.col("line").min())
    )
    return rows.join(order, on=of_line, how="left", nulls_equal=True).sort("begin", "order", *others, nulls_last=True)


def _checked_by(by: str | Sequence[str]) -> tuple[str, ...]:
    names = (by,) if isinstance(by, str) else tuple(dict.fromkeys(by))
    for name in names:
        if name not in BY:
            raise ValueError(f"unknown column {name!r} in by; the columns are {', '.join(BY)}")
    return names


def _check_groups(state: State, by: tuple[str, ...], every_ns: int | None) -> None:
    """That no sum is of kinds of which one is read less often than the windows are."""
    if every_ns is None or "line" in by or {"kind", "engine"} <= set(by):
        return
    groups = state["groups"].join(state["recordings"], on=REC, nulls_equal=True)
    intervals = groups.select("kind", "engine", ns=pl.col("every") * pl.col("interval_ns")).unique()
    engines = groups.select("kind", "engine").unique()
    if intervals.is_empty() or ("kind" in by and engines["kind"].is_unique().all()):
        return
    slowest = intervals.sort("ns").row(-1, named=True)
    if slowest["ns"] > every_ns:
        raise ValueError(
            f"every {duration_text(every_ns)} sums up kinds of which {slowest['kind']} was read only every "
            f"{duration_text(slowest['ns'])}; make every that long, or add 'kind' and 'engine' to by"
        )
