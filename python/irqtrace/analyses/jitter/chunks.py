"""A trace in stretches of reads that memory holds, whatever the length of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from irqtrace.frames import GROUP, lines, with_line

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    before = {
        (read["kind"], read["engine"]): (read["sample"], read["time_ns"], read["time_ns"] + read["read_ns"])
        for read in meta["previous"]
    }
    for chunk in _whole_reads(trace, rows):
        first = pl.any_horizontal(pl.col(column).ne_missing(pl.col(column).shift()) for column in _READ)
        chunk_ = chunk.with_columns(first=first, read=first.cum_sum() - 1)
        reads = chunk_.filter("first").select(*_READ, "begin", "end")
        grown = with_line(chunk_.filter(pl.col("delta") > 0).lazy(), meta).select(
            "line", "read", "sample", "delta", cell=cell_of(pl.col("line"), pl.col("cpu"))
        )
        counted = grown.collect().sort("cell", maintain_order=True)
        for at, group in enumerate(meta["groups"]):
            key = (group["kind"], group["engine"])
            known = before.get(key)
            own = reads.with_row_index("read").filter(kind=key[0], engine=key[1])
            if own.is_empty():
                continue
            yield Stretch(
                at,
                group["every"],
                known[0] if known else None,
                own["sample"].to_numpy(),
                _with_times(counted, own, known),
            )
            last = own.row(-1, named=True)
            before[key] = (last["sample"], last["begin"], last["end"])


def _with_times(counted: pl.DataFrame, reads: pl.DataFrame, known: tuple[int, int, int] | None) -> pl.DataFrame:
    """The rows of these reads, with the times in which they grew."""
    middle = (pl.col("begin") + pl.col("end")) // 2
    times = reads.select(
        "read",
        low_ns=pl.col("begin").shift(fill_value=known[1] if known else None),
        high_ns="end",
        from_ns=middle.shift(fill_value=(known[1] + known[2]) // 2 if known else None),
        to_ns=middle,
    )
    return counted.join(times, on="read", maintain_order="left").drop("read")


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
