"""When a line came much faster than it does otherwise."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from irqtrace.durations import duration_text
from irqtrace.schema import KIND, LABEL, TIME

from .counting import reduce_counts
from .counts import every_of, expect_counts, machines
from .measured import named
from .spread import known_traces, reduced
from .windows import line_windows, slowest_ns

if TYPE_CHECKING:
    from irqtrace.durations import Duration
    from irqtrace.trace import Trace

    from .measured import Named
    from .source import Source
    from .state import State

__all__ = ["exceeding", "finish", "reduce", "storms"]

EVERY_NS = 10_000_000
THRESHOLD = 5.0
FEWEST = 20
"""Of windows: fewer make no baseline."""


def storms(source: Source, every: Duration | None = None, threshold: float = THRESHOLD) -> pl.DataFrame:
    """The intervals in which a line came much faster than it does otherwise, and the CPUs that took it.

    A line's baseline is the median of its rates in windows of `every`. With n interrupts in a window and λ = baseline ·
    seconds, z = 2 (√(n + ⅜) - √(λ + ⅜)) has a standard deviation of 1 where they come by chance (Poisson), at any rate
    (Anscombe, 1948). The line's own spread is 1.4826 times the median of |z| (the MAD, which up to half of the windows
    do not bend: Rousseeuw and Croux, 1993), but not less than 1: so a line that is quiet or regular does not alarm on a
    single interrupt. A window with z > threshold · spread is of a storm, and such windows in a row are one storm.

    Of a stationary Poisson stream, whatever its rate, this takes fewer than one window in a million for a storm at the
    default threshold of 5, one in 20,000 at 4, one in 500 at 3. A line that is silent in most windows has the baseline
    0: each window with 10 interrupts or more is of a storm then, at the default threshold. Fewer than 20 windows with a
    read make no baseline, and no storm.

    Args:
        source: as for `rates`.
        every: the length of a window, at least the interval; None takes 10 ms, or the longest interval if that is more.
        threshold: how many spreads above the baseline.

    Of an irregular trace the times of reads are known less well than they are apart, and all may be wrong in the same
    way. A window is of a storm there only if it is one also where it lasted as long as its reads allow, and the others
    as short: a rate_lo above what the rate_hi of the rest make likely.

    Returns:
        host and boot where there are several, kind, irq, name, begin and end (ns, UTC; the begin of the read before the
        storm and the end of its last read: all of it came between them), peak (Hz, the rate in its fastest window),
        baseline (Hz), count (int64, in the storm), cpus (list of cpu, uint16, and share, float64, by share; those that
        took any; null for lines of which the kernel names no CPU). By begin, then in the order of lines.

    Raises:
        ValueError: if `every` is shorter than the interval, or `threshold` is not a number above 0.

    >>> irqtrace.storms(trace, every="50ms").sort("peak", descending=True)  # doctest: +SKIP
    """
    _check_threshold(threshold)
    traces = known_traces(source)
    every = duration_text(max(EVERY_NS, slowest_ns(traces))) if every is None else every
    state = reduced(traces, partial(reduce_counts, every=every, cpus=False))
    found, names = _found(state, threshold)
    if found.is_empty():
        return _answer(found, names, state, machines(state))
    # Which CPUs took it is asked for these windows alone: all cells of all windows are many.
    windows = found["window"].unique().to_list()
    cells = reduced(traces, partial(reduce_counts, every=every, windows=windows))
    return _answer(found, names, cells, machines(state))


def reduce(trace: Trace, every: Duration = "10ms") -> State:
    """The state of one trace, for windows of this length."""
    return reduce_counts(trace, every)


def finish(state: State, threshold: float = THRESHOLD) -> pl.DataFrame:
    """The storms of a state, as `storms` has them."""
    _check_threshold(threshold)
    expect_counts(state, cpus=True)
    if every_of(state) is None:
        raise ValueError("a storm is told by windows, and this state is one window: reduce with the length of a window")
    found, names = _found(state, threshold)
    return _answer(found, names, state, machines(state))


def _found(state: State, threshold: float) -> tuple[pl.DataFrame, Named]:
    """The windows that are of a storm: what, rec, window, count, begin, end, rate, baseline, storm."""
    names = named(state, ("host", "boot", "kind", "irq", "name"))
    # Windows follow one another where their rows do, unless a part is missing between them.
    follows = (
        (pl.col("at") == pl.col("at").shift() + 1)
        & (pl.col("what") == pl.col("what").shift())
        & (pl.col("rec") == pl.col("rec").shift())
        & (pl.col("begin") <= pl.col("end").shift())
    )
    windows = [
        exceeding(frame, threshold)
        .with_row_index("at")
        .filter("exceeds")
        .with_columns(run=(~follows).fill_null(value=True).cum_sum())
        for frame in line_windows(state, names)
    ]
    return pl.concat(windows).with_columns(storm=pl.struct("what", "rec", "run").rank("dense")), names


def _answer(found: pl.DataFrame, names: Named, state: State, several: tuple[str, ...]) -> pl.DataFrame:
    """A row for each storm; the state has the counts of the cells in its windows."""
    line = (*several, "kind", "irq", "name")
    counts = state["counts"].filter(pl.col("cpu").is_not_null(), pl.col("count") > 0)
    of_line = (
        state["lines"].select("line", part=names.of_line).join(names.parts.select("part", "what", "rec"), on="part")
    )
    cpus = (
        counts.join(of_line, on="line")
        .join(found.select("what", "rec", "window", "storm"), on=["what", "rec", "window"])
        .group_by("storm", "cpu")
        .agg(pl.col("count").sum())
        .with_columns(share=pl.col("count") / pl.col("count").sum().over("storm"))
        .sort("storm", "share", "cpu", descending=[False, True, False])
        .group_by("storm", maintain_order=True)
        .agg(cpus=pl.struct("cpu", "share"))
    )
    return (
        found.group_by("storm", "what")
        .agg(
            pl.col("begin").min(),
            pl.col("end").max(),
            peak=pl.col("rate").max(),
            baseline=pl.col("baseline").first(),
            count=pl.col("count").sum(),
        )
        .join(cpus, on="storm", how="left")
        .join(names.whats, on="what")
        .sort("begin", "order", "storm")
        .select(
            *(pl.col(column).cast(KIND if column == "kind" else LABEL) for column in line),
            pl.col("begin", "end").cast(TIME),
            "peak",
            "baseline",
            "count",
            "cpus",
        )
    )


def exceeding(windows: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """Adds rate and baseline (Hz), and exceeds: whether the window is of a storm.

    Windows have what, count, seconds, unsure_before, unsure_after, as `line_windows` has them.
    """
    count, seconds = pl.col("count"), pl.col("seconds")

    def above(expected: pl.Expr) -> pl.Expr:
        return 2 * ((count + 0.375).sqrt() - (expected + 0.375).sqrt())

    windows = windows.with_columns(rate=count / seconds)
    windows = windows.with_columns(baseline=pl.col("rate").median().over("what"))
    windows = windows.with_columns(above=above(pl.col("baseline") * seconds))
    least = pl.col("above")
    if windows.select(pl.max_horizontal(pl.col("unsure_before", "unsure_after").max()) > 0).item():
        unsure = pl.col("unsure_before") + pl.col("unsure_after")
        highest = pl.when(seconds > unsure).then(count / (seconds - unsure)).otherwise(math.inf).median().over("what")
        least = above(highest * (seconds + unsure))
    spread = (1.4826 * pl.col("above").abs().median().over("what")).clip(1)
    exceeds = (least > threshold * spread) & (pl.len().over("what") >= FEWEST)
    return windows.with_columns(exceeds=exceeds).drop("above")


def _check_threshold(threshold: object) -> None:
    if not isinstance(threshold, int | float) or not 0 < threshold < math.inf:
        raise ValueError(f"threshold {threshold!r} is not a number above 0")
