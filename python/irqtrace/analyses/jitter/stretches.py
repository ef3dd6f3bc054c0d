"""A trace in stretches of samples that memory holds, whatever the length of the whole, and these by cell in blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from irqtrace.analyses.state import NUMBER
from irqtrace.frames import GROUP, first_of_each_read, lines, with_line
from irqtrace.schema import ENGINE, KIND

from .cells import CPUS
from .packing import Packing
from .times import Read, Times

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from irqtrace.meta import Meta
    from irqtrace.trace import Trace

    from .packing import Rows, SortedRows

__all__ = ["ROWS", "Block", "Stretch", "presence", "stretches"]

ROWS = 120_000_000
"""Of a stretch, which take 8 bytes each while they are sorted."""

PAIRS = 6
"""So much more memory takes a row that does not fit into one number, while it is sorted."""

BATCH = 2_000_000
"""Rows that are read at a time."""

PARTS = 1 << 12
"""Of a trace, that stretches are made of."""

BLOCK = 500_000
"""Rows of a block, or those of a cell if these are more."""


@dataclass(frozen=True)
class Block:
    """Neighbouring cells, of lines that were there at the same time."""

    bounds: NDArray[np.int64]
    """Where the rows of each begin; and where the last end."""
    line: int
    """One of the lines."""


@dataclass(frozen=True)
class Stretch:
    """Reads of one group that follow one another, and the growth that they saw."""

    group: int
    times: Times
    grown: SortedRows
    starts: NDArray[np.int64]
    """Begin and end of all cells of the group that grew, of shape (cells, 2)."""
    named: pl.DataFrame
    """cell: those that are named, be it that they never grew."""
    is_all: bool
    """Whether the trace has no other stretch of its group."""

    @property
    def height(self) -> int:
        """How many rows of cells that grew it has."""
        return int((self.starts[:, 1] - self.starts[:, 0]).sum())

    def blocks(self, kind_of_line: Mapping[int, object]) -> list[Block]:
        """The cells in blocks of lines that are of one kind."""
        lines_ = self.grown.lines(self.starts[:, 0])
        kinds = {line: kind_of_line.get(line) for line in np.unique(lines_).tolist()}
        numbers = {kind: at for at, kind in enumerate(dict.fromkeys(kinds.values()))}
        of_line = np.zeros(1 + max(kinds, default=0), np.int64)
        for line, kind in kinds.items():
            of_line[line] = numbers[kind]
        kind = of_line[lines_]
        apart = np.flatnonzero((kind[1:] != kind[:-1]) | (self.starts[1:, 0] != self.starts[:-1, 1])) + 1
        ends = np.append(apart, len(lines_))
        blocks, begin = [], 0
        while begin < len(lines_):
            full = int(self.starts[:, 1].searchsorted(self.starts[begin, 0] + BLOCK)) + 1
            end = min(full, int(ends[ends.searchsorted(begin, side="right")]))
            bounds = np.append(self.starts[begin:end, 0], self.starts[end - 1, 1])
            blocks.append(Block(bounds, int(lines_[begin])))
            begin = end
        return blocks

    def rows(self, block: Block) -> Rows:
        """The rows of a block."""
        return self.grown.rows(block.bounds, self.times)


def stretches(trace: Trace, rows: int = ROWS) -> Iterator[Stretch]:
    """The trace in parts of about so many rows; a group's parts follow one another without a gap."""
    meta: Meta = trace._meta  # noqa: SLF001 - an analysis knows what a trace is made of
    flat = trace.scan()
    numbers = {(group["kind"], group["engine"]): at for at, group in enumerate(meta["groups"])}
    before = {
        numbers[read["kind"], read["engine"]]: Read(read["sample"], read["time_ns"], read["time_ns"] + read["read_ns"])
        for read in meta["previous"]
        if (read["kind"], read["engine"]) in numbers
    }
    first, last, height, most_cpu, most_delta = (
        flat.select(
            pl.col("sample").min().alias("first"),
            pl.col("sample").max().alias("last"),
            pl.len(),
            pl.col("cpu", "delta").max(),
        )
        .collect(engine="streaming")
        .row(0)
    )
    if not height:
        return
    lines_ = 1 + max((line["line"] for line in meta["lines"]), default=0)

    def packing(low: int, high: int) -> Packing:
        return Packing.of(lines_, int(most_cpu or 0), (low, high), int(most_delta))

    if not packing(first, last).delta_bits:
        rows = max(rows // PAIRS, 1)
    ranges = _ranges(flat, first, last, height, rows)
    for low, high, many in ranges:
        is_all = len(ranges) == 1
        part = flat if is_all else flat.filter(pl.col("sample").is_between(low, high))
        packed = packing(low, high)
        values, named = _grown(part, meta, packed, many)
        yield from _by_group(part, meta, packed.sorted(values), named, before, is_all=is_all)
        # What is done with is not kept until the next is there.
        del values, named


def _ranges(flat: pl.LazyFrame, first: int, last: int, height: int, rows: int) -> list[tuple[int, int, int]]:
    """First and last samples of stretches, and how many rows each has: about as many as given, or those of a part."""
    if height <= rows:
        return [(first, last, height)]
    size = max((last - first) * rows // height // PARTS, 1)
    parts = (
        flat.group_by(part=(pl.col("sample") - first) // size)
        .agg(rows=pl.len(), last=pl.col("sample").max())
        .collect(engine="streaming")
        .sort("part")
        .with_columns(upto=pl.col("rows").cum_sum())
        .group_by((pl.col("upto") - 1) // rows, maintain_order=True)
        .agg(pl.col("part").first(), pl.col("last").last(), pl.col("rows").sum())
    )
    return [(first + part * size, last, rows) for part, last, rows in parts.select("part", "last", "rows").iter_rows()]


def _grown(flat: pl.LazyFrame, meta: Meta, packing: Packing, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of cells that grew, packed, in any order; and the cells of those that did not."""
    packed = with_line(flat, meta).select(packing.columns)
    values = np.empty((rows, len(packing.columns)), np.int64)
    named = [np.empty(0, np.int64)]
    end = 0
    batches: Any = packed.collect_batches(chunk_size=BATCH, maintain_order=False, engine="streaming")
    for batch in batches:
        delta = batch["delta"] if "delta" in batch.columns else batch["key"] & ((1 << packing.delta_bits) - 1)
        grew = delta > 0
        named.append(np.unique(packing.cells(batch.filter(~grew)["key"].to_numpy())))
        rows_ = batch.filter(grew).to_numpy()
        values[end : end + len(rows_)] = rows_
        end += len(rows_)
    return values[:end], np.unique(np.concatenate(named))


def _by_group(
    flat: pl.LazyFrame,
    meta: Meta,
    grown: SortedRows,
    named: NDArray[np.int64],
    before: dict[int, Read],
    *,
    is_all: bool,
) -> Iterator[Stretch]:
    """A stretch for each group with reads; ``before`` are the last reads before them, and then the last of these."""
    reads = _reads(flat, meta)
    line = named // CPUS
    for at, group in enumerate(meta["groups"]):
        own = reads.filter(group=at)
        if own.is_empty():
            continue
        sample, begin, end = (own[column].to_numpy() for column in ("sample", "begin", "end"))
        times = Times(sample, begin, end, before.get(at), group["every"])
        before[at] = Read(*own.select("sample", "begin", "end").row(-1))
        of_group = lines(meta).filter(kind=group["kind"], engine=group["engine"])["line"].sort()
        numbers = of_group.cast(pl.Int64).to_numpy()
        cells = pl.DataFrame({"cell": named[np.isin(line, numbers)]})
        yield Stretch(at, times, grown, grown.starts(numbers), cells, is_all)


def _reads(flat: pl.LazyFrame, meta: Meta) -> pl.DataFrame:
    """group, sample, begin, end: a row for each read."""
    groups = pl.DataFrame(
        [(at, group["kind"], group["engine"]) for at, group in enumerate(meta["groups"])],
        schema={"group": NUMBER, "kind": KIND, "engine": ENGINE},
        orient="row",
    )
    begin = pl.col("time").dt.epoch("ns")
    wanted = flat.select("sample", *GROUP, begin=begin, end=begin + pl.col("read_ns").cast(pl.Int64))
    batches: Any = wanted.collect_batches(chunk_size=BATCH, maintain_order=True, engine="streaming")
    # Copied, as they would hold the whole batch.
    found = [first_of_each_read(batch.lazy()).collect().rechunk() for batch in batches]
    # A read that goes on from one batch to the next is there twice.
    reads = first_of_each_read(pl.concat([wanted.head(0).collect(), *found]).lazy())
    return (
        reads.join(groups.lazy(), on=GROUP, maintain_order="left").select("group", "sample", "begin", "end").collect()
    )


def presence(meta: Meta, stretch: Stretch) -> pl.DataFrame:
    """group, line, base, last: from which read on, and up to which, the growth of each line of a stretch is known."""
    group = meta["groups"][stretch.group]
    return (
        lines(meta)
        .filter(kind=group["kind"], engine=group["engine"])
        .select(
            pl.lit(stretch.group, dtype=NUMBER).alias("group"),
            "line",
            base=pl.max_horizontal("first_sample", pl.lit(stretch.times.base, dtype=pl.Int64)),
            last=pl.min_horizontal("last_sample", pl.lit(stretch.times.last, dtype=pl.Int64)),
        )
        .filter(pl.col("base") < pl.col("last"))
    )
