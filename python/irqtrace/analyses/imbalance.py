"""How evenly the CPUs shared the interrupts."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from irqtrace.schema import KIND, LABEL, TIME

from .counts import OF_GROUP, OF_LINE, REC, WINDOW, begin_of_window, due, every_of, lines_of, machines, reduce_counts
from .spread import reduced

if TYPE_CHECKING:
    from irqtrace.durations import Duration
    from irqtrace.trace import Trace

    from .source import Source
    from .state import State

__all__ = ["finish", "imbalance", "reduce"]

By = Literal["irq", "kind", "name"]

COLUMNS: dict[str, tuple[str, ...]] = {"irq": ("kind", "irq", "name"), "kind": ("kind",), "name": ("name",)}
TYPES = {"kind": KIND, "irq": LABEL, "name": LABEL, "host": LABEL, "boot": LABEL}


def imbalance(source: Source, every: Duration | None = None, by: By = "irq") -> pl.DataFrame:
    """How evenly the CPUs shared what each line, kind or name counted, per window of time.

    With counts c of the n CPUs that were there, and shares p = c / total:

    - ``max_over_mean`` is max(c) · n / total: 1 where all took the same, n where one took all.
    - ``cv`` is the coefficient of variation, the standard deviation of c (of the population) over its mean: 0 to
      √(n - 1).
    - ``gini`` is the mean difference of two CPUs' counts over twice their mean (Gini, 1912): 0 to (n - 1) / n.
    - ``effective_cpus`` is exp(-Σ p ln p), the exponential of Shannon's entropy (Hill's number of order 1, 1973): how
      many CPUs that share evenly would be as even. 1 to n.
    - ``off_node_share`` is the share of the CPUs outside the NUMA node that took the most. The trace does not say at
      which node a device is; an interrupt that is served there has its data near.

    CPUs that counted nothing are among the n; those that were offline in the whole window are not, nor are counts that
    the kernel gives for no CPU. What never had an interrupt in the source has no row.

    Args:
        source: as for `rates`.
        every: the length of a window, at least the interval; None takes the whole of a recording as one.
        by: ``"irq"`` for each line, ``"kind"``, or ``"name"``. Sums over arch lines count some interrupts twice, as CAL
            includes TLB.

    Returns:
        time (the window's begin, ns, UTC), the columns of `by` (kind, irq and name for ``"irq"``), host and boot where
        there is more than one, total, cpus, active_cpus (with any), busiest_cpu (the lowest of equals), busiest_share,
        max_over_mean, cv, gini, effective_cpus, off_node_share. A window in which nothing came has total 0 and nulls;
        one whose reads were all missed has null for all. off_node_share is null where no NUMA nodes are known.

    Raises:
        ValueError: if `every` is shorter than the interval, or `by` is none of these.

    >>> irqtrace.imbalance(trace, every="1s", by="name")  # doctest: +SKIP
    """
    _check_by(by)
    return finish(reduced(source, partial(reduce, every=every)), by=by)


def reduce(trace: Trace, every: Duration | None = None) -> State:
    """The state of one trace, for windows of this length."""
    return reduce_counts(trace, every)


def finish(state: State, by: By = "irq") -> pl.DataFrame:
    """The imbalance of a state, as `imbalance` has it."""
    _check_by(by)
    columns = [*COLUMNS[by], *machines(state)]
    recordings = state["recordings"].select(*REC, "interval_ns", "first", "after")
    counts = state["counts"].filter(pl.col("cpu").is_not_null()).join(recordings, on=REC, nulls_equal=True)
    counts = counts.filter((pl.col("count").sum() > 0).over(columns))
    cells = counts.select(*OF_LINE, "cpu").unique(maintain_order=True)
    # A line's own windows: those in which its group was due and the line was there.
    windows = (
        cells.select(OF_LINE)
        .unique(maintain_order=True)
        .join(lines_of(state), on=OF_LINE, nulls_equal=True, maintain_order="left")
        .join(due(state), on=OF_GROUP, nulls_equal=True)
        .join(recordings, on=REC, nulls_equal=True)
        .filter(_was_there(state))
        .join(state["reads"].select(*WINDOW, read=pl.lit(value=True)), on=WINDOW, how="left", nulls_equal=True)
        .with_columns(begin=begin_of_window(state))
        .group_by("begin", *columns, maintain_order=True)
        .agg(read=pl.col("read").any().fill_null(value=False), order=pl.col("line").min())
    )
    there = cells.group_by(columns).agg(all_cpus=pl.col("cpu").n_unique())
    taken = (
        counts.with_columns(begin=begin_of_window(state))
        .group_by("begin", *columns, "cpu")
        .agg(pl.col("count").sum())
        .join(_nodes(state), on=[*machines(state), "cpu"], how="left", nulls_equal=True)
    )
    measured = taken.filter(pl.col("count") > 0).group_by("begin", *columns).agg(*_sums())
    off_node = (
        taken.group_by("begin", *columns, "node")
        .agg(pl.col("count").sum())
        .group_by("begin", *columns)
        .agg(known=pl.col("node").is_not_null().all(), on_node=pl.col("count").max())
    )
    key = ["begin", *columns]
    rows = (
        windows.join(there, on=columns, nulls_equal=True, maintain_order="left")
        .join(_absent(state, columns), on=key, how="left", nulls_equal=True, maintain_order="left")
        .join(measured, on=key, how="left", nulls_equal=True, maintain_order="left")
        .join(off_node, on=key, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(cpus=(pl.col("all_cpus") - pl.col("absent").fill_null(0)).cast(pl.Int64))
    )
    return (
        rows.with_columns(_measures())
        .sort("begin", "order", *machines(state), nulls_last=True, maintain_order=True)
        .select(
            pl.col("begin").cast(TIME).alias("time"),
            *(pl.col(column).cast(TYPES[column]) for column in columns),
            pl.when("read").then(pl.col("total").fill_null(0)).alias("total"),
            pl.when("read").then("cpus").alias("cpus"),
            pl.when("read").then(pl.col("active_cpus").fill_null(0)).alias("active_cpus"),
            "busiest_cpu",
            "busiest_share",
            "max_over_mean",
            "cv",
            "gini",
            "effective_cpus",
            "off_node_share",
        )
    )


def _check_by(by: str) -> None:
    if by not in COLUMNS:
        raise ValueError(f"by {by!r} is none of {', '.join(get_args(By))}")


def _was_there(state: State) -> pl.Expr:
    first, after = _samples_of_window(state)
    return (pl.col("came").fill_null(0) < after) & (pl.col("went").fill_null(2**62) >= first)


def _samples_of_window(state: State) -> tuple[pl.Expr, pl.Expr]:
    """The first sample of a window, and the first after it."""
    every_ns = every_of(state)
    if every_ns is None:
        return pl.col("first"), pl.col("after")
    interval_ns = pl.col("interval_ns")
    first, after = (((pl.col("window") + n) * every_ns + interval_ns - 1) // interval_ns for n in (0, 1))
    return first, after


def _absent(state: State, columns: list[str]) -> pl.DataFrame:
    """begin, the columns, absent: how many CPUs of them were not there in the whole window."""
    schema = {"begin": pl.Int64(), **{column: pl.String() for column in columns}, "absent": pl.UInt32()}
    if state["absences"].is_empty():
        return pl.DataFrame(schema=schema)
    recordings = state["recordings"].select(*REC, "interval_ns", "first", "after")
    first, after = _samples_of_window(state)
    left = (
        # Where several follow one another, as at a seam between files, they are one.
        state["absences"]
        .sort(*OF_LINE, "cpu", "left")
        .with_columns(
            run=(pl.col("left") > pl.col("back").shift().over(*OF_LINE, "cpu"))
            .fill_null(value=True)
            .cum_sum()
            .over(*OF_LINE, "cpu")
        )
        .group_by(*OF_LINE, "cpu", "run")
        .agg(pl.col("left").min(), pl.col("back").max())
        .join(due(state), on=OF_GROUP, nulls_equal=True)
        .join(recordings, on=REC, nulls_equal=True)
        .filter(pl.col("left") < first, pl.col("back") >= after)
        .with_columns(begin=begin_of_window(state))
    )
    # A CPU that one of several lines still has is there.
    lines = state["counts"].select(*OF_LINE, "cpu").unique().group_by(*columns, "cpu").agg(lines=pl.len())
    gone = left.group_by("begin", *columns, "cpu").agg(gone=pl.len())
    return (
        gone.join(lines, on=[*columns, "cpu"], nulls_equal=True)
        .filter(pl.col("gone") >= pl.col("lines"))
        .group_by("begin", *columns)
        .agg(absent=pl.len())
        .cast(pl.Schema(schema))
    )


def _nodes(state: State) -> pl.DataFrame:
    """The machine's columns where there are several, cpu, node."""
    rows = []
    for host, boot, facts in state["recordings"].select("host", "boot", "host_facts").unique().iter_rows():
        for node, cpus in (json.loads(facts)["numa_nodes"] or {}).items():
            rows += [(host, boot, cpu, node) for cpu in cpus]
    schema = {"host": pl.String(), "boot": pl.String(), "cpu": pl.UInt16(), "node": pl.String()}
    return pl.DataFrame(rows, schema=schema, orient="row").select(*machines(state), "cpu", "node").unique()


def _sums() -> list[pl.Expr]:
    """What the measures need of the CPUs that counted something; the others add nothing to sums."""
    count = pl.col("count").cast(pl.Float64)
    share = count / count.sum()
    return [
        pl.col("count").sum().alias("total"),
        pl.len().cast(pl.Int64).alias("active_cpus"),
        pl.col("cpu").sort().get(pl.col("count").sort_by("cpu").arg_max()).alias("busiest_cpu"),
        pl.col("count").max().alias("most"),
        (count**2).sum().alias("squares"),
        (-(share * share.log())).sum().exp().alias("entropy"),
        # Σ rank · count over the ascending counts; those that are zero come before them.
        (count.sort() * (pl.int_range(1, pl.len() + 1))).sum().alias("ranked"),
    ]


def _measures() -> list[pl.Expr]:
    total, n = pl.col("total").cast(pl.Float64), pl.col("cpus").cast(pl.Float64)
    mean = total / n
    variance = (pl.col("squares") / n - mean**2).clip(0)
    # With m zeros before them, a rank is greater by m = n - active.
    ranked = pl.col("ranked") + (n - pl.col("active_cpus")) * total
    return [
        (pl.col("most") / total).alias("busiest_share"),
        (pl.col("most") / mean).alias("max_over_mean"),
        (variance.sqrt() / mean).alias("cv"),
        (2 * ranked / (n * total) - (n + 1) / n).clip(0).alias("gini"),
        pl.col("entropy").alias("effective_cpus"),
        pl.when(pl.col("known") & (total > 0)).then(1 - pl.col("on_node") / total).alias("off_node_share"),
    ]
