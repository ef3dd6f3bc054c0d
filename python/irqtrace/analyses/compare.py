"""What changed between two recordings, or at a mark."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from irqtrace.durations import duration_text
from irqtrace.schema import KIND, LABEL

from .counting import reduce_counts
from .counts import expect_counts
from .measured import named
from .moved import moved, of_window
from .ratio import SIDES, ratios
from .source import traces_of
from .spread import known_traces, reduced
from .windows import line_windows, slowest_ns

if TYPE_CHECKING:
    from irqtrace.durations import Duration
    from irqtrace.trace import Trace

    from .measured import Named
    from .source import Source
    from .state import State

__all__ = ["compare", "finish", "has_parts", "reduce"]

By = Literal["line", "cpu"]

WINDOWS = 20
"""So many windows of the shorter side tell how unevenly its interrupts come."""

START = "start"


def compare(
    before: Source, after: Source | None = None, *, every: Duration | None = None, by: By = "line"
) -> pl.DataFrame:
    """Which lines became faster or slower, came, went, or moved between CPUs, and what of it may be chance.

    Two sources are compared, or the parts of one trace between its marks: each mark begins a part, which has its text,
    and what was before the first is ``"start"``. Each part is compared with the one before it.

    Lines are matched by kind and name and not by number: that changes when a driver is loaded again or the machine
    restarts. Several lines of one name are one. Where a side has several hosts, lines are matched within each; boots
    are not told apart, since a machine that was restarted in between is the same. A side may be several recordings:
    each is its own time.

    - ``rate_before``, ``rate_after``: interrupts over the time in which the line was there, as for `rates`.
    - ``ratio``: rate_after / rate_before, with the 95 % interval ``ratio_lo`` to ``ratio_hi``. It takes into account
      that interrupts come in bursts, or more regularly than by chance: the counts of windows tell (index of dispersion,
      quasi-Poisson, McCullagh and Nelder, 1989; Welch, 1947). What is correlated over longer than a window makes it too
      narrow. Where nothing was counted before, ratio and ratio_hi are null and ratio_lo is what it exceeds. A bound
      that is more than 10⁶ times the ratio says nothing: ratio_hi is null then, and ratio_lo 0. Of an irregular trace
      it is as much wider as the times of its first and last read are not known.
    - ``moved_share``: the part of the interrupts that another CPU took, ½ Σ |share after - share before| over the CPUs
      (total variation distance): 0 where the shares are the same, 1 where no CPU has any on both sides.
    - ``change``: ``new`` or ``gone`` for what was there on one side only; ``faster`` or ``slower`` where the interval
      excludes 1; else ``moved`` where at least 0.05 moved and no more than one time in a thousand by chance; else
      ``same``, which says that no difference was found.
    - ``significant``: that chance does not explain the difference: the interval excludes 1, or it moved. What is new or
      gone is counted as 0 on the other side for this.

    Of a hundred lines that did not change, about five are significant at 95 %.

    Args:
        before: as for `rates`; without `after`, one trace with marks.
        after: likewise.
        every: the length of a window, at least the interval; None takes a 20th of the shorter side (of the shortest
            part).
        by: ``"line"``, or ``"cpu"`` for a row for each line and CPU.

    Returns:
        before and after (text; the parts, for one trace only), host (where there are several), kind, irq (text; that
        after, else that before; of several lines of one name all), name, cpu (uint16, for ``"cpu"``), rate_before,
        rate_after (Hz), ratio, ratio_lo, ratio_hi, significant (bool), moved_share (that of the line also for
        ``"cpu"``), change (text). First what is significant, then what is not, then where it is not known; in each
        first what changed by the most interrupts per second, be it that they became more or fewer or that they moved.
        With several parts, one after another.

        What had no interrupt on either side has no row. Null are: the rate of a line, or of a kind, that was not
        there over any time, and all that follows from it; ratio and its bounds of what is new or gone; the bounds and
        significant where neither side has two windows; moved_share where a side counted nothing on a known CPU.

    Raises:
        ValueError: if `every` is shorter than the interval, `by` is none of these, or there is no `after` and `before`
            is not one trace with a mark between its reads.

    >>> irqtrace.compare("monday.parquet", "tuesday.parquet")  # doctest: +SKIP
    >>> irqtrace.compare(trace).filter(pl.col("significant"))  # doctest: +SKIP
    """
    _check_by(by)
    if after is None:
        parts = _parts(before)
        sides = [[part] for _, part in parts]
    else:
        sides = [known_traces(source) for source in (before, after)]
    step = partial(reduce, every=duration_text(_window_ns(sides)) if every is None else every)
    states = [reduced(side, step) for side in sides]
    if after is not None:
        return finish(states[0], states[1], by=by)
    names = [pl.lit(name, dtype=LABEL) for name, _ in parts]
    frames = [
        finish(*two, by=by).select(names[at].alias("before"), names[at + 1].alias("after"), pl.all())
        for at, two in enumerate(pairwise(states))
    ]
    return pl.concat(frames)


def reduce(trace: Trace, every: Duration) -> State:
    """The state of one trace, for windows of this length."""
    return reduce_counts(trace, every)


def finish(before: State, after: State, *, by: By = "line") -> pl.DataFrame:
    """The comparison of two states, as `compare` has it."""
    _check_by(by)
    for state in (before, after):
        expect_counts(state, cpus=True)
    states = dict(zip(SIDES, (before, after), strict=True))
    host = ("host",) if any(state["recordings"]["host"].n_unique() > 1 for state in states.values()) else ()
    line = (*host, "kind", "name")
    row = (*line, "cpu") if by == "cpu" else line
    # Sums of fractions are the same each time if their order is.
    names = {side: named(state, line) for side, state in states.items()}
    known = {side: _known(states[side], names[side], line) for side in SIDES}
    windows = {side: _windows(states[side], names[side], line) for side in SIDES}
    cells = {side: _cells(states[side], names[side], windows[side], line) for side in SIDES}
    counted = [_counted(cells[side], known[side], row, side) for side in SIDES]
    rows = counted[0].join(counted[1], on=row, how="full", coalesce=True, nulls_equal=True)
    for side in SIDES:
        rows = _timed(rows, windows[side], known[side], line, side)
    rows = ratios(rows.filter(pl.sum_horizontal("count_before", "count_after") > 0))
    share = moved(cells["before"], cells["after"], line)
    bounds = [pl.when("there_before", "there_after").then(name).alias(name) for name in ("ratio_lo", "ratio_hi")]
    return (
        rows.join(share, on=line, how="left", nulls_equal=True)
        .with_columns(**{f"rate_{side}": pl.col(f"count_{side}") / pl.col(f"seconds_{side}") for side in SIDES})
        # Whether it moved is a question about a line.
        .with_columns(moved=pl.col("moved").fill_null(value=False) & (by == "line"))
        .with_columns(change=_change(), significant=pl.col("significant") | pl.col("moved"), effect=_effect())
        .with_columns(rank=pl.col("significant").cast(pl.Int8).fill_null(-1), kind=pl.col("kind").cast(KIND))
        .sort("rank", "effect", *row, descending=[True, True, *(False for _ in row)], nulls_last=True)
        .select(
            *(pl.col(column).cast(LABEL) for column in host),
            "kind",
            pl.coalesce("irq_after", "irq_before").cast(LABEL).alias("irq"),
            pl.col("name").cast(LABEL),
            *row[len(line) :],
            "rate_before",
            "rate_after",
            pl.when("there_before", "there_after", pl.col("count_before") > 0)
            .then(pl.col("rate_after") / pl.col("rate_before"))
            .alias("ratio"),
            *bounds,
            "significant",
            "moved_share",
            "change",
        )
    )


def _check_by(by: str) -> None:
    if by not in get_args(By):
        raise ValueError(f"by {by!r} is none of {', '.join(get_args(By))}")


def _parts(source: Source) -> list[tuple[str, Trace]]:
    """The parts of one trace between its marks, with their names. A part without a point of the grid is none."""
    traces = list(traces_of(source))
    if len(traces) != 1:
        raise ValueError(f"compare takes two sources, or one trace with marks in it; this one is {len(traces)} traces")
    trace, info = traces[0], traces[0].info
    begins = _begins(trace)
    if len(begins) == 1:
        raise ValueError("the trace has no mark between its reads to compare at: set marks, or give a second source")
    ends = [*list(begins)[1:], info.duration_ns]
    return [
        (name, trace.slice(f"{begin_ns}ns", f"{end_ns}ns"))
        for (begin_ns, name), end_ns in zip(begins.items(), ends, strict=True)
    ]


def has_parts(trace: Trace) -> bool:
    """Whether it has a mark between its reads."""
    return len(_begins(trace)) > 1


def _begins(trace: Trace) -> dict[int, str]:
    """When each part begins, in ns from the trace's begin, and its name."""
    info = trace.info
    begins = {0: START}
    for mark in trace.marks:
        # A part begins at the first point of the grid that is not before its mark.
        begin_ns = max(-((info.begin_ns - mark.time_ns) // info.interval_ns) * info.interval_ns, 0)
        if begin_ns < info.duration_ns:
            begins[begin_ns] = mark.text
    return begins


def _window_ns(sides: list[list[Trace]]) -> int:
    """A whole number of the longest intervals, so that no window is without a read."""
    spans_ns: dict[tuple[int, str], int] = {}
    for side, traces in enumerate(sides):
        for trace in traces:
            key = side, trace.info.host.host
            spans_ns[key] = spans_ns.get(key, 0) + trace.info.duration_ns
    shortest_ns = min((ns for ns in spans_ns.values() if ns), default=0)
    step_ns = slowest_ns([trace for traces in sides for trace in traces])
    return max(shortest_ns // WINDOWS // step_ns, 1) * step_ns


def _known(state: State, names: Named, line: tuple[str, ...]) -> pl.DataFrame:
    """The columns of a line, irq (of all that have the name), cpus: the lines that were there."""
    irq = pl.col("irq").unique(maintain_order=True).str.join(", ")
    cpus = state["counts"].select("line", "cpu").unique().group_by("line").agg("cpu")
    return (
        state["lines"]
        .join(_whats(state, names, line), on="line")
        .join(cpus, on="line", how="left")
        .sort("order")
        .group_by(line, maintain_order=True)
        .agg(irq=irq, cpus=pl.col("cpu").explode().unique())
    )


def _whats(state: State, names: Named, line: tuple[str, ...]) -> pl.DataFrame:
    """line (its number), rec, and the columns that it is matched by."""
    parts = names.parts.join(names.whats, on="what").select("part", "rec", *line)
    return state["lines"].select("line", part=names.of_line).join(parts, on="part").drop("part")


def _windows(state: State, names: Named, line: tuple[str, ...]) -> pl.DataFrame:
    """The windows of `line_windows`, with the columns of a line."""
    windows = pl.concat(line_windows(state, names, dense=True))
    columns = *of_window(line), "seconds", "unsure_before", "unsure_after"
    return windows.join(names.whats, on="what").select(columns).sort(of_window(line))


def _cells(state: State, names: Named, windows: pl.DataFrame, line: tuple[str, ...]) -> pl.DataFrame:
    """What each CPU counted in each window: the columns of the windows, seconds, cpu, count."""
    counts = state["counts"].join(_whats(state, names, line), on="line")
    cells = counts.group_by(*of_window(line), "cpu").agg(pl.col("count").sum())
    return cells.join(windows, on=of_window(line), nulls_equal=True).sort(*of_window(line), "cpu")


def _counted(cells: pl.DataFrame, known: pl.DataFrame, row: tuple[str, ...], side: str) -> pl.DataFrame:
    """A row for all that was there: its count, and what the squares of its windows need."""
    n, seconds = pl.col("count").cast(pl.Float64), pl.col("seconds")
    sums = (
        cells.group_by(of_window(row))
        .agg(pl.col("count").sum(), pl.col("seconds").first())
        .group_by(row)
        .agg(pl.col("count").sum(), (n * n).sum().alias("nn"), (n * seconds).sum().alias("nt"))
    )
    there = known.explode("cpus").rename({"cpus": "cpu"}) if "cpu" in row else known
    rows = there.select(*row, "irq").join(sums, on=row, how="left", nulls_equal=True)
    return rows.with_columns(there=pl.lit(value=True)).rename(
        {column: f"{column}_{side}" for column in ("irq", "count", "nn", "nt", "there")}
    )


def _timed(
    rows: pl.DataFrame, windows: pl.DataFrame, known: pl.DataFrame, line: tuple[str, ...], side: str
) -> pl.DataFrame:
    """Adds seconds, windows and squares of one side. What was not there is counted as 0 over the time of its kind."""
    kind = tuple(column for column in line if column != "name")
    of_line = _time(windows, line)
    of_kind = _time(
        windows.group_by(of_window(kind), maintain_order=True).agg(
            pl.col("seconds", "unsure_before", "unsure_after").max()
        ),
        kind,
    )
    rows = (
        rows.join(known.select(*line, known=pl.lit(value=True)), on=line, how="left", nulls_equal=True)
        .join(of_line, on=line, how="left", nulls_equal=True)
        .join(of_kind, on=kind, how="left", nulls_equal=True, suffix="_of_kind")
    )
    total, squared, unsure = (
        pl.when(pl.col("known").is_not_null()).then(column).otherwise(f"{column}_of_kind")
        for column in ("total", "squared", "unsure")
    )
    rate = pl.col(f"count_{side}") / total
    squares = pl.col(f"nn_{side}") - 2 * rate * pl.col(f"nt_{side}") + rate**2 * squared
    return (
        rows.with_columns(
            pl.col(f"there_{side}").fill_null(value=False),
            *(
                pl.when(total.is_not_null()).then(pl.col(f"{name}_{side}").fill_null(0)).alias(f"{name}_{side}")
                for name in ("count", "nn", "nt")
            ),
        )
        .with_columns(
            total.alias(f"seconds_{side}"),
            unsure.alias(f"unsure_{side}"),
            (total**2 / squared).alias(f"windows_{side}"),
            squares.clip(0).alias(f"squares_{side}"),
        )
        .drop("known", *(f"{name}{of}" for name in ("total", "squared", "unsure") for of in ("", "_of_kind")))
    )


def _time(windows: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """Of all windows: total and squared; and unsure, by how many seconds the total may be wrong at its ends.

    Between two windows, what the one is longer the other is shorter.
    """
    seconds = pl.col("seconds")
    of_rec = windows.group_by("rec", *by, maintain_order=True).agg(
        seconds.sum().alias("total"),
        (seconds**2).sum().alias("squared"),
        (pl.col("unsure_before").max() + pl.col("unsure_after").max()).alias("unsure"),
    )
    return of_rec.group_by(by).agg(pl.col("total", "squared", "unsure").sum())


def _change() -> pl.Expr:
    before, after = pl.col("rate_before"), pl.col("rate_after")
    return (
        pl.when(before.is_null() | after.is_null())
        .then(None)
        .when(~pl.col("there_before"))
        .then(pl.lit("new"))
        .when(~pl.col("there_after"))
        .then(pl.lit("gone"))
        .when("significant")
        .then(pl.when(after > before).then(pl.lit("faster")).otherwise(pl.lit("slower")))
        .when("moved")
        .then(pl.lit("moved"))
        .when(pl.col("significant").is_not_null())
        .then(pl.lit("same"))
    )


def _effect() -> pl.Expr:
    """In interrupts per second."""
    before, after = pl.col("rate_before"), pl.col("rate_after")
    elsewhere = pl.when("moved").then(pl.col("moved_share") * pl.min_horizontal(before, after))
    return pl.max_horizontal((after - before).abs(), elsewhere)
