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
STAY = ("came", "went")
RATES = ("rate", "rate_lo", "rate_hi")
EVER = 2**62


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

    Nothing is claimed of a line before its own first read and after its own last: in the windows in which it came or
    went, these are its base and its end. What `by` does not tell apart sums the counts, rates and bounds of its lines,
    each over the time that the line was there, also where one took the place of another; a line of which no time lies
    in the window adds nothing. A CPU that came or went is measured over the span of its line: in that window its rate
    is the mean over all of the span, and the bounds are those of that mean and not of the rate while it was there.

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
    stays = _stays(windows, meta)
    counts, reads, ends = pl.collect_all(
        [_counts(flat, meta, windows, by, stays), _reads(flat, windows), _ends_of_stays(flat, stays)]
    )
    cells = counts.group_by(*GROUP, *STAY, *_beside_group(by)).agg(events=pl.col("count").sum())
    if not dense:
        had_events = pl.col("events").sum() > 0
        cells = cells.filter(had_events.over(by) if by else had_events)
    key = [*WINDOW, *STAY, *_beside_group(by)]
    # A last read ahead of its time may lie in a window in which its group was not due.
    grid = pl.concat([windows.due(meta), reads.lazy().select(WINDOW)]).unique()
    rows = (
        cells.lazy()
        .drop("events")
        .join(grid, on=GROUP)
        .filter(windows.holds_a_part_of_stay())
        .join(counts.lazy(), on=key, how="left", nulls_equal=True)
        .join(_spans(reads.lazy(), meta), on=WINDOW, how="left")
        .with_columns(pl.when(pl.col("b1").is_not_null()).then(pl.col("count").fill_null(0)).alias("count"))
        .pipe(_within_stay, ends.lazy())
        .with_columns(_rates())
        .group_by("window", *by)
        .agg(_sum_of("count"), *(_sum_of(column, but="brief") for column in RATES))
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

    def samples(self) -> tuple[int, int]:
        """The first sample of the trace and the one after its last."""
        info = self.info
        first, after = ((ns - info.t0_ns) // info.interval_ns for ns in (info.begin_ns, info.end_ns))
        return first, after

    def holds_a_part_of_stay(self) -> pl.Expr:
        """Whether a line that came and went at these samples was there at a grid point of the window."""
        if self.whole:
            return pl.lit(value=True)
        # The first grid point in the window, and the first after it.
        first, after = (
            ((pl.col("window") + n) * self.every_ns + self.info.interval_ns - 1) // self.info.interval_ns
            for n in (0, 1)
        )
        return (pl.col("came").fill_null(-EVER) < after) & (pl.col("went").fill_null(EVER) >= first)

    def due(self, meta: Meta) -> pl.LazyFrame:
        """kind, engine, window: a row for every window in which a read of the group was due."""
        info, parts = self.info, []
        first, after = self.samples()
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


def _stays(windows: _Windows, meta: Meta) -> pl.DataFrame:
    """line, kind, engine, came, went: the samples of the first and last read of each line.

    Null where the line was there before, when its group was read last, or the first grid point, and where it was still
    there at the trace's last sample: most lines have neither, and share a span with all others of their group.
    """
    first, after = windows.samples()
    previous = pl.DataFrame(
        [(read["kind"], read["engine"], read["sample"]) for read in meta["previous"]],
        schema={"kind": KIND, "engine": ENGINE, "previous": pl.Int64()},
        orient="row",
    )
    came, went = pl.col("first_sample"), pl.col("last_sample")
    return (
        lines(meta)
        .join(previous, on=GROUP, how="left", maintain_order="left")
        .select(
            "line",
            *GROUP,
            came=pl.when(came > pl.col("previous").fill_null(first)).then(came),
            went=pl.when(went < after - 1).then(went),
        )
    )


def _ends_of_stays(flat: pl.LazyFrame, stays: pl.DataFrame) -> pl.LazyFrame:
    """kind, engine, sample, begin, end (ns): the reads that saw a line first or last."""
    wanted = pl.concat([stays.select(*GROUP, sample=end) for end in STAY]).drop_nulls().unique()
    if wanted.is_empty():
        return pl.LazyFrame(schema={**wanted.schema, "begin": pl.Int64(), "end": pl.Int64()})
    begin = pl.col("time").dt.epoch("ns")
    return (
        first_of_each_read(flat)
        .select(*GROUP, "sample", begin=begin, end=begin + pl.col("read_ns"))
        .join(wanted.lazy(), on=[*GROUP, "sample"], how="semi")
    )


def _counts(
    flat: pl.LazyFrame, meta: Meta, windows: _Windows, by: tuple[str, ...], stays: pl.DataFrame
) -> pl.LazyFrame:
    """kind, engine, came, went, the other columns of by, window, count: what each window counted.

    Zeros name what there is. Lines that came and went together are not told apart.
    """
    changing = stays.select(pl.any_horizontal(pl.col(STAY).is_not_null()).any()).item()
    rows = with_line(flat, meta) if changing or "line" in by else flat.filter(pl.col("irq").is_not_null())
    if changing:
        rows = rows.join(stays.lazy().select("line", *STAY), on="line", how="left")
    else:
        rows = rows.with_columns(pl.lit(None, dtype=pl.Int64).alias(end) for end in STAY)
    keys = (*GROUP, *STAY, *_beside_group(by))
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


def _within_stay(rows: pl.LazyFrame, ends: pl.LazyFrame) -> pl.LazyFrame:
    """Moves b0 and e0 up to the line's own first read, b1 and e1 down to its last. Brief: no time is left of some."""
    for sample in STAY:
        of_line = ends.select(
            *GROUP, pl.col("sample").alias(sample), **{f"{sample}_{edge}": edge for edge in ("begin", "end")}
        )
        rows = rows.join(of_line, on=[*GROUP, sample], how="left")
    later, sooner = pl.col("came_begin") > pl.col("b0"), pl.col("went_begin") < pl.col("b1")
    moved = rows.with_columns(
        b0=pl.when(later).then("came_begin").otherwise("b0"),
        e0=pl.when(later).then("came_end").otherwise("e0"),
        b1=pl.when(sooner).then("went_begin").otherwise("b1"),
        e1=pl.when(sooner).then("went_end").otherwise("e1"),
        changed=(later | sooner).fill_null(value=False),
    )
    return moved.with_columns(brief=pl.col("changed") & (pl.col("b1") <= pl.col("b0")))


def _sum_of(column: str, but: str | None = None) -> pl.Expr:
    """The sum of a column, null where one of its values is, or where all rows are to be left out."""
    left_out = pl.col(but) if but else pl.lit(value=False)
    known = (pl.col(column).is_not_null() | left_out).all() & ~left_out.all()
    return pl.when(known).then(pl.col(column).sum()).alias(column)


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
