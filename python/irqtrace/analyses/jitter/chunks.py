"""A trace in stretches of reads that memory holds, whatever the length of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from irqtrace.analyses.state import NUMBER
from irqtrace.frames import GROUP, lines, with_line
from irqtrace.schema import ENGINE, KIND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from irqtrace.meta import Meta
    from irqtrace.trace import Trace

__all__ = ["CPUS", "Stretch", "cell_of", "stretches"]

CPUS = 1 << 17
"""A cell is numbered line · CPUS + cpu; what the kernel gives no CPU for has the number above all CPUs."""

ROWS = 2_000_000

_READ = ["sample", *GROUP]


@dataclass(frozen=True)
class Stretch:
    """Reads of one group that follow one another, and the growth that they saw."""

    group: int
    every: int
    base: int | None
    """The sample of the read before, if it is known."""
    reads: NDArray[np.int64]
    """The samples of the reads."""
    rows: pl.DataFrame
    """By cell and time: line, cell, sample, delta (above 0), and of the time in which it grew low_ns and high_ns (begin
    of the read before, end of this one), from_ns and to_ns (their middles). Null where nothing was read before."""


def cell_of(line: pl.Expr, cpu: pl.Expr) -> pl.Expr:
    """The number of a cell."""
    return line.cast(pl.Int64) * CPUS + cpu.cast(pl.Int64).fill_null(CPUS - 1)


def stretches(trace: Trace, rows: int = ROWS) -> Iterator[Stretch]:
    """The trace in parts of about so many rows; a group's parts follow one another without a gap."""
    meta: Meta = trace._meta  # noqa: SLF001 - an analysis knows what a trace is made of
    numbers = {(group["kind"], group["engine"]): at for at, group in enumerate(meta["groups"])}
    before = {
        numbers[read["kind"], read["engine"]]: (read["sample"], read["time_ns"], read["time_ns"] + read["read_ns"])
        for read in meta["previous"]
        if (read["kind"], read["engine"]) in numbers
    }
    groups = pl.DataFrame(
        [(at, group["kind"], group["engine"]) for at, group in enumerate(meta["groups"])],
        schema={"group": NUMBER, "kind": KIND, "engine": ENGINE},
        orient="row",
    )
    for chunk in _whole_reads(trace, rows):
        first = pl.any_horizontal(pl.col(column).ne_missing(pl.col(column).shift()) for column in _READ)
        chunk_ = chunk.with_columns(first=first, read=first.cum_sum() - 1)
        reads = chunk_.filter("first").select(*_READ, "begin", "end").join(groups, on=GROUP, maintain_order="left")
        counted = _with_times(_grown(chunk_, meta), reads, before)
        for at, group in enumerate(meta["groups"]):
            own = reads.filter(group=at)
            if own.is_empty():
                continue
            known = before.get(at)
            yield Stretch(
                at,
                group["every"],
                known[0] if known else None,
                own["sample"].to_numpy(),
                counted.filter(group=at).drop("group"),
            )
            last = own.row(-1, named=True)
            before[at] = (last["sample"], last["begin"], last["end"])


def _grown(chunk: pl.DataFrame, meta: Meta) -> pl.DataFrame:
    """line, read, sample, delta, cell: the cells that grew, by cell and time."""
    grown = with_line(chunk.filter(pl.col("delta") > 0).lazy(), meta)
    cell = cell_of(pl.col("line"), pl.col("cpu"))
    return grown.select("line", "read", "sample", "delta", cell=cell).collect().sort("cell", maintain_order=True)


def _with_times(counted: pl.DataFrame, reads: pl.DataFrame, before: Mapping[int, tuple[int, int, int]]) -> pl.DataFrame:
    """The rows with their group, and the times in which they grew: since the read before, of which some are known."""
    known = pl.DataFrame(
        [(group, begin, (begin + end) // 2) for group, (_, begin, end) in before.items()],
        schema={"group": NUMBER, "known_begin": pl.Int64(), "known_middle": pl.Int64()},
        orient="row",
    )
    middle = (pl.col("begin") + pl.col("end")) // 2
    times = reads.join(known, on="group", how="left", maintain_order="left").select(
        "group",
        low_ns=pl.coalesce(pl.col("begin").shift().over("group"), "known_begin"),
        high_ns="end",
        from_ns=pl.coalesce(middle.shift().over("group"), "known_middle"),
        to_ns=middle,
    )
    return counted.drop("read").with_columns(column.gather(counted["read"]) for column in times)


def _whole_reads(trace: Trace, rows: int) -> Iterator[pl.DataFrame]:
    """The flat table in frames that end with the last row of a read."""
    begin = pl.col("time").dt.epoch("ns")
    wanted: Any = trace.scan().select(
        *_READ, "irq", "name", "cpu", "delta", begin=begin, end=begin + pl.col("read_ns").cast(pl.Int64)
    )
    rest: pl.DataFrame | None = None
    for batch in wanted.collect_batches(chunk_size=rows, maintain_order=True, engine="streaming"):
        frame = batch if rest is None else pl.concat([rest, batch])
        same = frame.select(pl.all_horizontal(pl.col(column).eq_missing(pl.col(column).last()) for column in _READ))
        others = len(frame) - int(same.to_series().sum())
        rest = frame.slice(others)
        # A read may be longer than a batch.
        if others:
            yield frame.head(others)
    if rest is not None and len(rest):
        yield rest


def presence(meta: Meta, stretch: Stretch) -> pl.DataFrame:
    """group, line, base, last: from which read on, and up to which, the growth of each line of a stretch is known."""
    group = meta["groups"][stretch.group]
    base = int(stretch.reads[0]) if stretch.base is None else stretch.base
    return (
        lines(meta)
        .filter(kind=group["kind"], engine=group["engine"])
        .select(
            pl.lit(stretch.group, dtype=pl.UInt32).alias("group"),
            "line",
            base=pl.max_horizontal("first_sample", pl.lit(base, dtype=pl.Int64)),
            last=pl.min_horizontal("last_sample", pl.lit(int(stretch.reads[-1]), dtype=pl.Int64)),
        )
        .filter(pl.col("base") < pl.col("last"))
    )
