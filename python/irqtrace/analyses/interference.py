"""What interrupted the CPUs that were to be left alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from irqtrace.schema import KIND, LABEL

from .counting import reduce_counts
from .counts import expect_counts, lines_of, machines, whole
from .measured import RATES, measured, named, rate_and_bounds, sum_of
from .spread import known_traces, reduced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from irqtrace.trace import Trace

    from .source import Source
    from .state import State

__all__ = ["finish", "interference", "reduce"]

MACHINE = ("host", "boot")


def interference(source: Source, cpus: int | Iterable[int] | None = None) -> pl.DataFrame:
    """All that interrupted the given CPUs, most first.

    Args:
        source: as for `rates`.
        cpus: their ids; None takes those that each host was told to leave alone: isolated (isolcpus) and nohz_full.

    Returns:
        host and boot where there are several, cpu (uint16), kind, irq, name, count (int64), rate, rate_lo, rate_hi (Hz,
        as for `rates`; of several recordings, the mean over their time), share (of all that the CPU counted of the
        kind; null for arch, where CAL includes TLB, so that there is no sum to have a share of). By host and CPU, then
        by count, the greatest first. What never interrupted the CPU has no row, so a CPU without rows was left alone.

    Raises:
        ValueError: if a CPU is in none of the traces; if none are given and no host has such CPUs, or it is not known.

    >>> irqtrace.interference(trace, cpus=[2, 3])  # doctest: +SKIP
    """
    wanted = _checked(cpus)
    traces = known_traces(source)
    state = reduced(traces, partial(_reduce, cpus=wanted))
    # What CPUs there are is asked for only to say so.
    if wanted is not None and not set(wanted) <= set(state["counts"]["cpu"].unique()):
        state = reduced(traces, reduce)
    return finish(state, wanted)


def reduce(trace: Trace) -> State:
    """The state of one trace."""
    return reduce_counts(trace)


def _reduce(trace: Trace, cpus: tuple[int, ...] | None) -> State:
    """The state with the counts of these CPUs alone."""
    host = trace.info.host
    return reduce_counts(trace, only=_left_alone(host.isolated, host.nohz_full) if cpus is None else cpus)


def finish(state: State, cpus: int | Iterable[int] | None = None) -> pl.DataFrame:
    """The interference of a state, as `interference` has it; its windows may be of any length."""
    expect_counts(state, cpus=True)
    several = machines(state)
    wanted = _wanted(state, _checked(cpus))
    names = named(state, (*MACHINE, "kind", "irq", "name", "cpu"))
    seconds = (pl.col("after") - pl.col("first")) * pl.col("interval_ns") / 1e9
    of_rec = state["recordings"].select("rec", seconds=seconds)
    rows = [
        frame.join(names.whats.select("what", *MACHINE), on="what")
        .join(wanted, on=[*MACHINE, "cpu"], how="semi", nulls_equal=True)
        .with_columns(rate_and_bounds())
        .with_columns(untold=pl.col("rate").is_null())
        .group_by("what", "rec", "cpu")
        .agg(pl.col("count").sum(), *(sum_of(column, but="untold") for column in RATES))
        .join(of_rec, on="rec")
        .group_by("what", "cpu")
        .agg(pl.col("count").sum(), *map(_mean, RATES))
        .filter(pl.col("count") > 0)
        for frame in measured(whole(state), names)
    ]
    share = pl.col("count") / pl.col("count").sum().over(*MACHINE, "cpu", "kind")
    return (
        pl.concat(rows)
        .join(names.whats, on="what")
        .with_columns(share=pl.when(pl.col("kind") != "arch").then(share))
        .sort(*MACHINE, "cpu", "count", "order", descending=[False, False, False, True, False], nulls_last=True)
        .select(
            *(pl.col(column).cast(LABEL) for column in several),
            "cpu",
            pl.col("kind").cast(KIND),
            pl.col("irq", "name").cast(LABEL),
            "count",
            *RATES,
            "share",
        )
    )


def _mean(column: str) -> pl.Expr:
    """The mean over the time of all recordings that tell the rate."""
    told = pl.col("rate").is_not_null()
    known = pl.col(column).is_not_null() | ~told
    total = pl.col("seconds").filter(told).sum()
    return pl.when(known.all() & told.any()).then((pl.col(column) * pl.col("seconds")).sum() / total).alias(column)


def _checked(cpus: int | Iterable[int] | None) -> tuple[int, ...] | None:
    if cpus is None:
        return None
    wanted = tuple(cpus) if isinstance(cpus, Iterable) else (cpus,)
    for cpu in wanted:
        if cpu not in range(2**16):
            raise ValueError(f"{cpu!r} is no CPU; give their numbers, as in cpus=[2, 3]")
    if not wanted:
        raise ValueError("no CPUs were given; None takes those that the host leaves alone")
    return tuple(int(cpu) for cpu in wanted)


def _wanted(state: State, cpus: tuple[int, ...] | None) -> pl.DataFrame:
    """host, boot, cpu: of which CPUs of which machine to tell."""
    schema = {"host": pl.String(), "boot": pl.String(), "cpu": pl.UInt16()}
    cells = state["counts"].select("line", "cpu").filter(pl.col("cpu").is_not_null()).unique()
    there = cells.join(lines_of(state), on="line").select(*MACHINE, "cpu").unique()
    if cpus is not None:
        known = set(there["cpu"])
        for cpu in cpus:
            if known and cpu not in known:
                raise ValueError(f"CPU {cpu} is not in the trace; its CPUs are {_listed(known)}")
        return there.filter(pl.col("cpu").is_in(cpus))
    rows = set()
    for host, boot, facts in state["recordings"].select(*MACHINE, "host_facts").iter_rows():
        about = json.loads(facts)
        rows |= {(host, boot, cpu) for cpu in _left_alone(about["isolated"], about["nohz_full"])}
    if not rows:
        raise ValueError("no host of the trace has isolated or nohz_full CPUs, or it is not known; give cpus=[…]")
    return pl.DataFrame(sorted(rows, key=str), schema=schema, orient="row")


def _left_alone(*cpus: Sequence[int] | None) -> list[int]:
    """The CPUs of all these lists, of which some are not known."""
    return sorted({cpu for known in cpus for cpu in known or []})


def _listed(cpus: Iterable[int]) -> str:
    """CPUs as the kernel lists them: ``0-3,8``."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][1] + 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)
