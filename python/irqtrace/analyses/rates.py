"""How fast interrupts came, with bounds for what the reads cannot tell."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from irqtrace.durations import duration_text
from irqtrace.schema import ENGINE, KIND, LABEL, TIME

from .counting import reduce_counts
from .counts import every_of, expect_counts, groups_of, machines
from .measured import RATES, measured, named, rate_and_bounds, sum_of
from .spread import reduced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from irqtrace.durations import Duration
    from irqtrace.trace import Trace

    from .source import Source
    from .state import State

__all__ = ["finish", "rates", "reduce"]

BY = ("kind", "engine", "line", "irq", "name", "cpu", "host", "boot")
DEFAULT_BY = ("kind", "irq", "name")
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
    in the window adds nothing.

    So it is with a CPU that goes or comes back, where ``"cpu"`` is in `by`: it is measured over the reads between which
    it was there, and what it counts from the last read that saw it to its going is in no count. Of lines whose CPUs are
    not told apart, the rate is that of all that the reads saw, over the time of the line; a CPU that went or came back
    in the window may have counted more, which the upper bound does not hold.

    Args:
        source: a trace, a trace file, a folder or pattern of them, a flat table in Polars or Arrow, or a list of these.
            More than one machine or boot are told apart by the columns host and boot. Files of one recording that
            follow one another are one; of several recordings of one machine, the whole is each one's own time.
        every: the length of a window, at least the interval; None takes the whole of a recording as one.
        by: columns to tell apart, any of kind, engine, line, irq, name, cpu, host, boot. What they do not tell apart is
            summed up; CAL includes TLB, so sums over arch lines count some interrupts twice.
        dense: rows also for what never had an interrupt in this source.

    Returns:
        time (the window's begin, ns, UTC), the columns of `by` (as in the flat table; line is uint32), count (int64),
        rate, rate_lo, rate_hi (float64, Hz), by time and then in the order of lines. Each window in which the line, or
        its CPU, was present has a row, 0 where nothing came. Count and rates are null where every read of the window
        was missed, the rates where no time lies between the two reads, as in a window with nothing but the first read
        of all, or that which saw a CPU come back. What is read less often than `every` has rows for the windows in
        which a read was due.

    Raises:
        ValueError: if `every` is shorter than the interval, `by` names no column or has ``"line"`` where there are
            several recordings, or sums up kinds of which one is read less often than `every`, or if two sources have
            reads in common; the message says what would do.

    >>> irqtrace.rates(trace, every="100ms", by=("kind", "irq", "name", "cpu"))  # doctest: +SKIP
    """
    state = reduced(source, partial(reduce, every=every, by=by))
    return finish(state, by=by, dense=dense)


def reduce(trace: Trace, every: Duration | None = None, by: str | Sequence[str] = BY) -> State:
    """The state of one trace, for windows of this length. `finish` can tell CPUs apart if ``cpu`` is in `by`."""
    return reduce_counts(trace, every, cpus="cpu" in _checked_by(by))


def finish(state: State, by: str | Sequence[str] = DEFAULT_BY, *, dense: bool = False) -> pl.DataFrame:
    """The rates of a state, as `rates` has them."""
    by = _checked_by(by)
    expect_counts(state, cpus="cpu" in by)
    by = (*by, *(column for column in machines(state) if column not in by))
    _check_lines(state, by)
    _check_groups(state, by)
    names = named(state, by)
    key = ["begin", "what", *(["cpu"] if "cpu" in by else [])]
    sums = [sum_of("count"), *(sum_of(column, but="brief") for column in RATES)]
    rows = [
        # Where a row is one already, there is nothing to add up.
        frame.select(*key, "count", *RATES)
        if names.is_single and not frame["brief"].any()
        else frame.group_by(key).agg(sums)
        for frame in (rows.with_columns(rate_and_bounds()) for rows in measured(state, names, dense=dense))
    ]
    order = [column for column in by if column not in ("irq", "name", "line", "kind", "engine")]
    return (
        pl.concat(rows)
        .join(names.whats, on="what")
        .sort("begin", "order", *order, nulls_last=True)
        .select(
            pl.col("begin").cast(TIME).alias("time"),
            *(pl.col(column).cast(TYPES[column]) for column in by),
            "count",
            *RATES,
        )
    )


def _checked_by(by: str | Sequence[str]) -> tuple[str, ...]:
    names = (by,) if isinstance(by, str) or not isinstance(by, Iterable) else tuple(dict.fromkeys(by))
    for name in names:
        if name not in BY:
            raise ValueError(f"unknown column {name!r} in by; the columns are {', '.join(BY)}")
    return names


def _check_lines(state: State, by: tuple[str, ...]) -> None:
    if "line" in by and len(state["recordings"]) > 1:
        raise ValueError("the number of a line is that of one recording, and these are several; use irq and name in by")


def _check_groups(state: State, by: tuple[str, ...]) -> None:
    """That no sum is of kinds of which one is read less often than the windows are."""
    every_ns = every_of(state)
    if every_ns is None or "line" in by or {"kind", "engine"} <= set(by):
        return
    intervals = groups_of(state).select("kind", "engine", ns=pl.col("every") * pl.col("interval_ns")).unique()
    engines = intervals.select("kind", "engine").unique()
    if intervals.is_empty() or ("kind" in by and engines["kind"].is_unique().all()):
        return
    slowest = intervals.sort("ns").row(-1, named=True)
    if slowest["ns"] > every_ns:
        raise ValueError(
            f"every {duration_text(every_ns)} sums up kinds of which {slowest['kind']} was read only every "
            f"{duration_text(slowest['ns'])}; make every that long, or add 'kind' and 'engine' to by"
        )
