"""How fast interrupts came, with bounds for what the reads cannot tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from .analysis import analysis
from .durations import Duration, duration_text, positive_ns
from .frames import GROUP, LINE, first_of_each_read, lines, with_line
from .schema import ENGINE, KIND, TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .info import Group, TraceInfo
    from .meta import Meta
    from .trace import Trace

__all__ = ["rates"]

BY = ("kind", "engine", "line", "irq", "name", "cpu", "host", "boot")
WINDOW = (*GROUP, "window")
RATES = ("rate", "rate_lo", "rate_hi")


@analysis
def rates(
    trace: Trace,
    every: Duration | None = None,
    by: str | Sequence[str] = ("kind", "irq", "name"),
    *,
    dense: bool = False,
) -> pl.DataFrame:
    """Interrupts per second, per window of time and per line, CPU or whatever `by` names.

    A window holds the reads whose grid point lies in [w, w + every), counted from the grid's point 0. No read is a
    point in time: what a window counts came between the last read before it and its own last read, and each of these
    two saw the counters somewhere between its begin and its end. With those reads [b0, e0] and [b1, e1] the true rate
    lies in [count / (e1 - b0), count / (b1 - e0)]; ``rate`` divides by the time between their middles. Where nothing
    was read before, the first read of all is the base.

    Args:
        trace: what was recorded.
        every: the length of a window, at least the interval; None takes the whole trace as one.
        by: columns to tell apart, any of kind, engine, line, irq, name, cpu, host, boot. What they do not tell apart is
            summed up; CAL includes TLB, so sums over arch lines count some interrupts twice.
        dense: rows also for what never had an interrupt in this trace.

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
    by = _checked_by(by)
    windows = _Windows.checked(trace.info, every, by)
    flat, meta = trace.scan(), trace._meta  # noqa: SLF001 - an analysis knows what a trace is made of
    counts, reads = pl.collect_all([_counts(flat, meta, windows, by), _reads(flat, windows)])
    cells = counts.group_by(*GROUP, *_beside_group(by)).agg(events=pl.col("count").sum())
    if not dense:
        had_events = pl.col("events").sum() > 0
        cells = cells.filter(had_events.over(by) if by else had_events)
    key = [*WINDOW, *_beside_group(by)]
    grid = cells.lazy().drop("events").join(windows.due(meta), on=GROUP)
    rows = (
        _present(grid, flat, meta, windows, by)
        .join(counts.lazy(), on=key, how="left", nulls_equal=True)
        .join(_spans(reads.lazy(), meta), on=WINDOW, how="left")
        .with_columns(pl.when(pl.col("b1").is_not_null()).then(pl.col("count").fill_null(0)).alias("count"))
        .with_columns(_rates())
        .group_by("window", *by)
        .agg(pl.when(pl.col(column).is_not_null().all()).then(pl.col(column).sum()) for column in ("count", *RATES))
    )
    time = (windows.origin_ns + pl.col("window") * windows.every_ns).cast(TIME)
    return _ordered(rows, meta, by).select(time.alias("time"), *by, "count", *RATES).collect()


@dataclass(frozen=True)
class _Windows:
    """How time is cut: window w begins at ``origin_ns + w * every_ns``; a trace that is one window has number 0."""

    info: TraceInfo
    origin_ns: int
    every_ns: int
    whole: bool

    @classmethod
    def checked(cls, info: TraceInfo, every: Duration | None, by: tuple[str, ...]) -> _Windows:
        if every is None:
            return cls(info, info.begin_ns, max(info.duration_ns, 1), whole=True)
        every_ns = positive_ns(every, "every")
        intervals = {group.kind: group.interval_ns for group in info.groups}
        fastest = min(intervals.values(), default=info.interval_ns)
        if every_ns < fastest:
            raise ValueError(
                f"every {duration_text(every_ns)} is shorter than the interval, which leaves windows without a read; "
                f"the smallest here is {duration_text(fastest)}"
            )
        slowest = max(intervals, key=lambda kind: intervals[kind], default="")
        if slowest and every_ns < intervals[slowest] and not _tells_groups(by, info.groups):
            raise ValueError(
                f"every {duration_text(every_ns)} sums up kinds of which {slowest} was read only every "
                f"{duration_text(intervals[slowest])}; make every that long, or add 'kind' and 'engine' to by"
            )
        return cls(info, info.t0_ns, every_ns, whole=False)

    def of_sample(self) -> pl.Expr:
        """The window of a row."""
        if self.whole:
            return pl.lit(0, dtype=pl.Int64).alias("window")
        return (pl.col("sample") * self.info.interval_ns // self.every_ns).alias("window")

    def due(self, meta: Meta) -> pl.LazyFrame:
        """kind, engine, window: a row for every window in which a read of the group was due."""
        info, parts = self.info, []
        first, after = ((ns - info.t0_ns) // info.interval_ns for ns in (info.begin_ns, info.end_ns))
        for group in meta["groups"]:
            step = group["every"]
            due = range(-(-first // step) * step, after, step)
            if self.whole or not due:
                numbers = pl.LazyFrame({"window": [0] if due else []}, schema={"window": pl.Int64})
            elif step * info.interval_ns <= self.every_ns:
                ends = (sample * info.interval_ns // self.every_ns for sample in (due[0], due[-1]))
                numbers = _numbers(next(ends), next(ends) + 1, 1)
            else:
                numbers = _numbers(due.start, due.stop, step).select(
                    (pl.col("window") * info.interval_ns // self.every_ns).unique(maintain_order=True)
                )
            parts.append(
                numbers.select(
                    pl.lit(group["kind"], dtype=KIND).alias("kind"),
                    pl.lit(group["engine"], dtype=ENGINE).alias("engine"),
                    "window",
                )
            )
        return pl.concat(parts)


def _numbers(start: int, stop: int, step: int) -> pl.LazyFrame:
    return pl.LazyFrame().select(pl.int_range(start, stop, step, dtype=pl.Int64).alias("window"))


def _counts(flat: pl.LazyFrame, meta: Meta, windows: _Windows, by: tuple[str, ...]) -> pl.LazyFrame:
    """kind, engine, the other columns of by, window, count: what each window counted; zeros name what there is."""
    rows = with_line(flat, meta) if "line" in by else flat.filter(pl.col("irq").is_not_null())
    keys = (*GROUP, *_beside_group(by))
    return rows.select(*keys, windows.of_sample(), "delta").group_by(*keys, "window").agg(count=pl.col("delta").sum())


def _reads(flat: pl.LazyFrame, windows: _Windows) -> pl.LazyFrame:
    """kind, engine, window, and its reads: first_read, last_read (samples), the windows of both, in ns."""
    begin, end = pl.col("time").dt.epoch("ns"), pl.col("time").dt.epoch("ns") + pl.col("read_ns")
    return (
        first_of_each_read(flat)
        .select(*GROUP, windows.of_sample(), "sample", begin=begin, end=end)
        .group_by(WINDOW)
        .agg(
            first_read=pl.col("sample").min(),
            last_read=pl.col("sample").max(),
            first_b=pl.col("begin").min(),
            first_e=pl.col("end").min(),
            b1=pl.col("begin").max(),
            e1=pl.col("end").max(),
        )
    )


def _spans(reads: pl.LazyFrame, meta: Meta) -> pl.LazyFrame:
    """kind, engine, window, b0, e0, b1, e1: the windows of the last read before each window and of its last read."""
    previous = pl.DataFrame(
        [
            (read["kind"], read["engine"], read["time_ns"], read["time_ns"] + read["read_ns"])
            for read in meta["previous"]
        ],
        schema={"kind": KIND, "engine": ENGINE, "previous_b": pl.Int64(), "previous_e": pl.Int64()},
        orient="row",
    )

    def before(edge: str) -> pl.Expr:
        return pl.coalesce(pl.col(f"{edge}1").shift().over(GROUP), f"previous_{edge}", f"first_{edge}")

    return (
        reads.sort(WINDOW)
        .join(previous.lazy(), on=GROUP, how="left", maintain_order="left")
        .select(*WINDOW, "b1", "e1", b0=before("b"), e0=before("e"))
    )


def _rates() -> list[pl.Expr]:
    """count / span in Hz: the span between the middles of the two reads, the longest and the shortest possible."""
    b0, e0, b1, e1 = (pl.col(column) for column in ("b0", "e0", "b1", "e1"))
    between = (b1 + e1 - b0 - e0) / 2

    def hz(span_ns: pl.Expr) -> pl.Expr:
        return pl.when(between > 0, span_ns > 0).then(pl.col("count") * 1e9 / span_ns)

    return [hz(between).alias("rate"), hz(e1 - b0).alias("rate_lo"), hz(b1 - e0).alias("rate_hi")]


def _present(
    grid: pl.LazyFrame, flat: pl.LazyFrame, meta: Meta, windows: _Windows, by: tuple[str, ...]
) -> pl.LazyFrame:
    """Of cells and windows, those in which at least one line of the cell was present."""
    begin, end = (
        (ns - windows.info.t0_ns) // windows.info.interval_ns for ns in (windows.info.begin_ns, windows.info.end_ns)
    )
    stay = (pl.col("first_sample") <= begin) & (pl.col("last_sample").fill_null(end) >= end - 1)
    known = lines(meta).select("line", "first_sample", "last_sample", stays=stay)
    if windows.whole or known["stays"].all():
        return grid
    key = [*GROUP, *_beside_group(by)]
    pairs = with_line(flat, meta).select(*{*key, "line"}).unique().join(known.lazy(), on="line")
    staying = pairs.filter("stays").select(key).unique()
    changing = pairs.join(staying, on=key, how="anti", nulls_equal=True)
    # The samples of a window: the first grid point in it, and the first after it.
    first, after = (
        ((pl.col("window") + n) * windows.every_ns + windows.info.interval_ns - 1) // windows.info.interval_ns
        for n in (0, 1)
    )
    there = (pl.col("first_sample") < after) & (pl.col("last_sample").fill_null(2**62) >= first)
    return pl.concat(
        [
            grid.join(staying, on=key, how="semi", nulls_equal=True),
            grid.join(changing, on=key, nulls_equal=True).filter(there).select(*key, "window").unique(),
        ],
        how="diagonal",
    )


def _ordered(rows: pl.LazyFrame, meta: Meta, by: tuple[str, ...]) -> pl.LazyFrame:
    """By time, then as lines stand in the trace and not as their labels sort: 2 before 10."""
    of_line = [column for column in by if column in {*LINE, "line"}]
    others = [column for column in by if column not in of_line]
    if not of_line:
        return rows.sort("window", *others, nulls_last=True)
    order = lines(meta).lazy().group_by(of_line).agg(order=pl.col("line").min())
    return rows.join(order, on=of_line, how="left").sort("window", "order", *others, nulls_last=True)


def _checked_by(by: str | Sequence[str]) -> tuple[str, ...]:
    names = (by,) if isinstance(by, str) else tuple(dict.fromkeys(by))
    for name in names:
        if name not in BY:
            raise ValueError(f"unknown column {name!r} in by; the columns are {', '.join(BY)}")
    return names


def _beside_group(by: tuple[str, ...]) -> list[str]:
    return [column for column in by if column not in GROUP]


def _tells_groups(by: tuple[str, ...], groups: Sequence[Group]) -> bool:
    """Whether no two groups can fall into one row."""
    if "line" in by or {"kind", "engine"} <= set(by):
        return True
    kinds = [group.kind for group in groups]
    return "kind" in by and len(set(kinds)) == len(kinds)
