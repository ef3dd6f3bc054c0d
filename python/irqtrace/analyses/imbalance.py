"""How evenly the CPUs shared the interrupts."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from irqtrace.schema import KIND, LABEL, TIME

from .counting import reduce_counts
from .counts import due, every_of, expect_counts, groups_of, machines
from .measured import named
from .online import online
from .shares import shares
from .spread import reduced
from .state import NUMBER

if TYPE_CHECKING:
    from irqtrace.durations import Duration
    from irqtrace.trace import Trace

    from .measured import Named
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

    CPUs that counted nothing are among the n. Those of which nothing is known are not: a read tells what a CPU counted
    if the one before saw it too, and each CPU that was offline for a part of the window is there with the rest. Only in
    a window of which no read tells anything, as with nothing but the first of all, the n are those that this read and
    the one after saw, and total is 0. Counts that the kernel gives for no CPU are of none of them. What never had an
    interrupt in the source has no row.

    Args:
        source: as for `rates`.
        every: the length of a window, at least the interval; None takes the whole of a recording as one.
        by: ``"irq"`` for each line, ``"kind"``, or ``"name"``. Sums over arch lines count some interrupts twice, as CAL
            includes TLB.

    Returns:
        time (the window's begin, ns, UTC), the columns of `by` (kind, irq and name for ``"irq"``), host and boot where
        there is more than one, as in the flat table; total, cpus, active_cpus (those with any) (int64), busiest_cpu
        (uint16, the lowest of equals), busiest_share, max_over_mean, cv, gini, effective_cpus, off_node_share (float64,
        without a unit). By time, then in the order of lines. A window in which nothing came has total and active_cpus 0
        and null for all from busiest_cpu on; one whose reads were all missed has null for all. off_node_share is null
        where the node of a CPU that took any is not known. What counts for no CPU, as ERR does, has no row.

    Raises:
        ValueError: if `every` is shorter than the interval, or `by` is none of these.

    >>> irqtrace.imbalance(trace, every="1s", by="name")  # doctest: +SKIP
    """
    _check_by(by)
    return finish(reduced(source, partial(reduce, every=every)), by=by)


def reduce(trace: Trace, every: Duration | None = None) -> State:
    """The state of one trace, for windows of this length."""
    return reduce_counts(trace, every, timed=False)


def finish(state: State, by: By = "irq") -> pl.DataFrame:
    """The imbalance of a state, as `imbalance` has it."""
    _check_by(by)
    expect_counts(state, cpus=True)
    columns = (*COLUMNS[by], *machines(state))
    names = named(state, columns)
    of_line = names.of_line.to_frame("part").join(names.parts, on="part", maintain_order="left")["what"]
    windows = due(state).join(
        state["reads"].select("group", "window", read=pl.lit(value=True)),
        on=["group", "window"],
        how="left",
        maintain_order="left",
    )
    cells = state["counts"].filter(pl.col("cpu").is_not_null())
    cells = cells.with_columns(of_line.gather(cells["line"]).alias("what"))
    had_any = cells.group_by("what").agg(pl.col("count").sum()).filter(pl.col("count") > 0)
    taken = cells.filter(pl.col("count") > 0)
    since, unit, of_windows = _times(state)
    taken = taken.select(
        "what",
        "cpu",
        "count",
        at=of_windows.gather(taken["line"]) + pl.col("window") * ((every_of(state) or 0) // unit),
    )
    # Windows are numbered from the grid's point 0, which may lie behind them.
    first: int = taken["at"].min() or 0  # type: ignore[assignment] # of a column of integers
    since, taken = since + first * unit, taken.with_columns(pl.col("at") - first)
    if names.whats.height < state["lines"].height:
        taken = taken.group_by("what", "at", "cpu").agg(pl.col("count").sum())
    begin = since + pl.col("at") * unit
    key = ["what", "begin"]
    rows = (
        online(state, names, windows)
        .join(had_any, on="what", how="semi")
        .join(shares(taken).with_columns(begin=begin), on=key, how="left")
        .join(_on_node(taken, names, _nodes(state)).with_columns(begin=begin), on=key, how="left")
    )
    return (
        rows.with_columns(_measures())
        .join(names.whats, on="what")
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


def _check_by(by: object) -> None:
    if not isinstance(by, str) or by not in COLUMNS:
        raise ValueError(f"by {by!r} is none of {', '.join(get_args(By))}")


def _times(state: State) -> tuple[int, int, pl.Series]:
    """When the first window 0 of a line begins, a unit (ns), and so many of it later that of each line does.

    Of that unit all begins of windows are a multiple apart.
    """
    lines = state["lines"].join(groups_of(state), on="group", maintain_order="left")
    every_ns = every_of(state)
    begin = pl.col("t0_ns") + (pl.col("first") * pl.col("interval_ns") if every_ns is None else 0)
    begins = lines.select(begin).to_series()
    since: int = begins.min() or 0  # type: ignore[assignment] # of a column of integers
    unit = math.gcd(every_ns or 0, *(begins - since)) or 1
    return since, unit, (begins - since) // unit


def _on_node(taken: pl.DataFrame, names: Named, nodes: pl.DataFrame) -> pl.DataFrame:
    """what, at, known, on_node: whether the nodes of its CPUs are known, and what the CPUs of one took at most."""
    key = ["what", "at"]
    if nodes.is_empty():
        schema = {"what": NUMBER, "at": pl.Int64(), "known": pl.Boolean(), "on_node": pl.Int64()}
        return pl.DataFrame(schema=schema)
    machine = [column for column in nodes.columns if column not in ("cpu", "node")]
    return (
        taken.join(names.whats, on="what")
        .join(nodes, on=[*machine, "cpu"], how="left", nulls_equal=True)
        .group_by(*key, "node")
        .agg(pl.col("count").sum())
        .group_by(key)
        .agg(known=pl.col("node").is_not_null().all(), on_node=pl.col("count").max())
    )


def _nodes(state: State) -> pl.DataFrame:
    """The machine's columns where there are several, cpu, node."""
    rows = []
    for host, boot, facts in state["recordings"].select("host", "boot", "host_facts").unique().iter_rows():
        for node, cpus in (json.loads(facts)["numa_nodes"] or {}).items():
            rows += [(host, boot, cpu, node) for cpu in cpus]
    schema = {"host": pl.String(), "boot": pl.String(), "cpu": pl.UInt16(), "node": pl.String()}
    return pl.DataFrame(rows, schema=schema, orient="row").select(*machines(state), "cpu", "node").unique()


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
        pl.col("entropy").exp().clip(1, pl.col("active_cpus")).alias("effective_cpus"),
        pl.when(pl.col("known") & (total > 0)).then(1 - pl.col("on_node") / total).alias("off_node_share"),
    ]
