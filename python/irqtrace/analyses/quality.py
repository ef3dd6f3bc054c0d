"""How good a recording is, and what it cost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import polars as pl

from irqtrace.files import reading
from irqtrace.frames import GROUP
from irqtrace.schema import ENGINE, KIND
from irqtrace.trace import Trace, open_trace

if TYPE_CHECKING:
    from irqtrace.info import TraceInfo

__all__ = ["quality"]

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def quality(source: Trace | str | os.PathLike[str]) -> pl.DataFrame:
    """What was asked for and what was reached, per group; and what the sampler itself took.

    Args:
        source: a trace, or the path of its file: what its rows alone do not tell has to be known.

    Returns:
        A row per group (kind, engine):

        - interval_ns; expected, reads, missed: grid points due, read, not read; missed_share: of the expected ones.
        - achieved_hz: reads per second between the first read and the last, null below two reads.
        - late_p50_ns, late_p90_ns, late_p99_ns, late_max_ns: how long after its grid point a read began.
        - read_p50_ns, read_p90_ns, read_p99_ns, read_max_ns: how long a read took, which is how uncertain the instant
          of its counts is.

          Of an imported trace, whose reads were due at no time, only reads, achieved_hz and read_… are told.

        and in every row the same facts of the sampler's thread, as it measured itself: cpu_share (of one CPU),
        cpu_ns_per_sample, and own_timer_interrupts: the local timer interrupts that its sleeps cost, about one each,
        which are part of what it recorded. These three are null in a part of a trace. Quantiles are values that
        occurred (nearest rank), null for a group without a read.

    >>> irqtrace.quality(trace).select("kind", "achieved_hz", "missed_share", "late_p99_ns")  # doctest: +SKIP
    """
    if isinstance(source, str | os.PathLike):
        source = open_trace(os.fspath(source))
    if not isinstance(source, Trace):
        raise TypeError(f"quality takes a Trace and not a {type(source).__name__}; open_trace makes one of a file")
    with reading(source._path):  # noqa: SLF001 - an analysis knows what a trace is made of
        return _measured(source)


def _measured(trace: Trace) -> pl.DataFrame:
    info, samples = trace.info, trace.samples
    groups = pl.DataFrame(
        [(group.kind, group.engine, group.interval_ns, group.reads, group.missed) for group in info.groups],
        schema={"kind": KIND, "engine": ENGINE, "interval_ns": pl.Int64(), "reads": pl.Int64(), "missed": pl.Int64()},
        orient="row",
    )
    time_ns = pl.col("time").dt.epoch("ns")
    lasted_ns = time_ns.max() - time_ns.min()
    measured = samples.group_by(GROUP).agg(
        achieved_hz=pl.when(lasted_ns > 0).then((pl.len() - 1) * 1e9 / lasted_ns),
        **_quantiles("late", "late_ns"),
        **_quantiles("read", "read_ns"),
    )
    expected = pl.col("reads") + pl.col("missed")
    if info.irregular:
        untold = pl.lit(None, dtype=pl.Int64)
        groups, expected = groups.with_columns(interval_ns=untold, missed=untold), untold
    return groups.join(measured, on=GROUP, how="left", maintain_order="left").select(
        *GROUP,
        "interval_ns",
        expected.alias("expected"),
        "reads",
        "missed",
        pl.when(expected > 0).then(pl.col("missed") / expected).alias("missed_share"),
        pl.exclude(*groups.columns),
        **_own_cost(info, samples["sample"].n_unique()),
    )


def _quantiles(what: str, column: str) -> dict[str, pl.Expr]:
    return {
        f"{what}_{name}_ns": pl.col(column).quantile(share, "nearest").cast(pl.Int64)
        for name, share in _QUANTILES.items()
    }


def _own_cost(info: TraceInfo, samples: int) -> dict[str, pl.Expr]:
    cost = info.cost
    return {
        "cpu_share": pl.lit(cost.cpu_ns / cost.wall_ns if cost and cost.wall_ns else None, dtype=pl.Float64),
        "cpu_ns_per_sample": pl.lit(cost.cpu_ns / samples if cost and samples else None, dtype=pl.Float64),
        "own_timer_interrupts": pl.lit(cost.sleeps if cost else None, dtype=pl.Int64),
    }
