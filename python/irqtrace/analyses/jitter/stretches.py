"""A trace in stretches of reads that memory holds, whatever the length of the whole, and these by cell in blocks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from irqtrace.analyses.state import NUMBER
from irqtrace.frames import GROUP, lines, with_line
from irqtrace.schema import ENGINE, KIND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from irqtrace.meta import Meta
    from irqtrace.trace import Trace

__all__ = ["CPUS", "ROWS", "Stretch", "cell_of", "presence", "stretches"]

CPUS = 1 << 17
"""A cell is numbered line · CPUS + cpu; what the kernel gives no CPU for has the number above all CPUs."""

ROWS = 120_000_000
"""Of a stretch, which take 8 bytes each while they are sorted."""

PAIRS = 6
"""So much more memory takes a row that does not fit into one number, while it is sorted."""

BATCH = 2_000_000
"""Rows that are read at a time."""

BLOCK = 500_000
"""Rows of a block, or those of a cell if these are more."""

BITS = 63

_READ = ["sample", *GROUP]


@dataclass(frozen=True)
class Packing:
    """How the line, the CPU and the read of a row, and how much it grew, make one number: the quickest to sort."""

    cpus: int
    """More than any CPU; what has no CPU is this one."""
    read_bits: int
    delta_bits: int

    @classmethod
    def of(cls, flat: pl.LazyFrame, lines_: int, reads: int) -> Packing:
        """That for so many lines, and so many reads at a time."""
        most = flat.select(pl.col("cpu").max(), pl.col("delta").max()).collect(engine="streaming").row(0)
        cpus = int(most[0] or 0) + 1
        read_bits = reads.bit_length()
        delta_bits = int(most[1] or 0).bit_length()
        if (lines_ * (cpus + 1)).bit_length() + read_bits + delta_bits > BITS:
            delta_bits = 0
        return cls(cpus, read_bits, delta_bits)

    def packed(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        """Of rows with line, cpu, read, delta: a number each, in any order; pairs of numbers if one does not do."""
        cell = pl.col("line").cast(pl.Int64) * (self.cpus + 1) + pl.col("cpu").cast(pl.Int64).fill_null(self.cpus)
        key = cell * (1 << self.read_bits) + pl.col("read")
        if self.delta_bits:
            return rows.select(key * (1 << self.delta_bits) + pl.col("delta")).to_series().to_numpy()
        return rows.select(key.alias("key"), "delta").to_numpy()

    def sorted(self, parts: list[NDArray[np.int64]]) -> SortedRows:
        """By cell and read."""
        # One after the other, so that they are never twice in memory.
        values = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), np.int64)
        end = len(values)
        while parts:
            part = parts.pop()
            values[end - len(part) : end] = part
            end -= len(part)
        if self.delta_bits:
            values.sort()
            return SortedRows(self, values, None)
        values = values[np.argsort(values[:, 0], kind="stable")]
        return SortedRows(self, np.ascontiguousarray(values[:, 0]), np.ascontiguousarray(values[:, 1]))


@dataclass(frozen=True)
class SortedRows:
    """Rows by cell and read."""

    packing: Packing
    values: NDArray[np.int64]
    deltas: NDArray[np.int64] | None

    def starts(self, lines_: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the cells of these lines, in order, begin."""
        cpus = self.packing.cpus + 1
        cells = (lines_[:, None] * cpus + np.arange(cpus)).ravel()
        return np.unique(np.searchsorted(self.values, cells << (self.packing.read_bits + self.packing.delta_bits)))

    def rows(self, begin: int, end: int) -> pl.DataFrame:
        """line, cell, read, delta of some."""
        values, packing = self.values[begin:end], self.packing
        delta = values & ((1 << packing.delta_bits) - 1) if self.deltas is None else self.deltas[begin:end]
        key = values >> packing.delta_bits
        line, cpu = np.divmod(key >> packing.read_bits, packing.cpus + 1)
        cpu[cpu == packing.cpus] = CPUS - 1
        read = key & ((1 << packing.read_bits) - 1)
        rows = pl.DataFrame({"line": line, "cell": line * CPUS + cpu, "read": read, "delta": delta})
        return rows.with_columns(pl.col("line").cast(NUMBER))


@dataclass(frozen=True)
class Stretch:
    """Reads of one group that follow one another, and the growth that they saw."""

    group: int
    every: int
    base: int | None
    """The sample of the read before, if it is known."""
    reads: pl.DataFrame
    """sample, and of the time in which a read's growth came low_ns and high_ns (begin of the read before, end of this
    one), from_ns and to_ns (their middles); null where nothing was read before."""
    grown: SortedRows
    starts: NDArray[np.int64]
    """Where cells begin."""
    named: pl.DataFrame
    """cell: those that the first read of a layout names, be it that they never grew."""
    is_all: bool
    """Whether the trace has no other stretch of its group."""

    @property
    def first(self) -> int:
        """The sample of the first read."""
        return int(self.reads["sample"][0])

    @property
    def last(self) -> int:
        """The sample of the last read."""
        return int(self.reads["sample"][-1])

    def blocks(self) -> list[tuple[int, int]]:
        """Begin and end of blocks, each of whole cells."""
        ends = [0]
        for start in [*self.starts.tolist(), len(self.grown.values)]:
            if start - ends[-1] >= BLOCK:
                ends.append(start)
        if ends[-1] < len(self.grown.values):
            ends.append(len(self.grown.values))
        return list(pairwise(ends))

    def rows(self, block: tuple[int, int]) -> pl.DataFrame:
        """By cell and time: line, cell, delta (above 0), and the columns of `reads`."""
        rows = self.grown.rows(*block)
        return rows.drop("read").with_columns(column.gather(rows["read"]) for column in self.reads)


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
    lines_ = 1 + max((line["line"] for line in meta["lines"]), default=0)
    total = trace.scan().select(pl.len()).collect().item()
    packing = Packing.of(trace.scan(), lines_, min(rows, total) + BATCH)
    if not packing.delta_bits:
        rows = max(rows // PAIRS, 1)
    collected, is_all = _Collected(meta, packing), True
    for chunk in _whole_reads(trace, min(rows, BATCH)):
        collected.add(chunk)
        if collected.height >= rows:
            is_all = False
            yield from collected.stretches(before, is_all=is_all)
            collected = _Collected(meta, packing)
    yield from collected.stretches(before, is_all=is_all)


class _Collected:
    """What is read of a stretch, by group."""

    def __init__(self, meta: Meta, packing: Packing) -> None:
        self._meta, self._packing = meta, packing
        self._groups = pl.DataFrame(
            [(at, group["kind"], group["engine"]) for at, group in enumerate(meta["groups"])],
            schema={"group": NUMBER, "kind": KIND, "engine": ENGINE},
            orient="row",
        )
        self._reads: list[pl.DataFrame] = []
        self._named: list[pl.DataFrame] = []
        self._grown: dict[int, list[NDArray[np.int64]]] = {at: [] for at in range(len(meta["groups"]))}
        self._counts = [0] * len(meta["groups"])
        self.height = 0

    def add(self, chunk: pl.DataFrame) -> None:
        """Adds whole reads."""
        self.height += len(chunk)
        first = pl.any_horizontal(pl.col(column).ne_missing(pl.col(column).shift()) for column in _READ)
        begun = chunk.select(first).to_series()
        reads = chunk.filter(begun).select(*_READ, "begin", "end").join(self._groups, on=GROUP, maintain_order="left")
        # The number of a read is its place among those of its group.
        offsets = pl.Series(self._counts, dtype=pl.Int64)
        place = pl.int_range(pl.len()).over("group") + offsets.gather(reads["group"])
        reads = reads.select("group", "sample", "begin", "end", place=place)
        number = begun.cast(pl.Int64).cum_sum() - 1
        grown = with_line(
            chunk.select(*GROUP, "irq", "name", "cpu", "sample", "delta", read=reads["place"].gather(number))
            .filter(pl.col("delta") > 0)
            .lazy(),
            self._meta,
        ).select(*GROUP, "line", "cpu", "read", "delta")
        rows = grown.collect()
        for at, kind, engine in self._groups.iter_rows():
            own = rows if len(self._groups) == 1 else rows.filter(kind=kind, engine=engine)
            if len(own):
                self._grown[at].append(self._packing.packed(own))
            self._counts[at] += reads["group"].eq(at).sum()
        self._reads.append(reads.drop("place"))
        still = with_line(chunk.filter(delta=0).lazy(), self._meta)
        cell = cell_of(pl.col("line"), pl.col("cpu")).alias("cell")
        self._named.append(still.select(*GROUP, cell).unique().collect())

    def stretches(self, before: dict[int, tuple[int, int, int]], *, is_all: bool) -> Iterator[Stretch]:
        """A stretch for each group with reads; ``before`` are sample, begin and end of the last read before them."""
        if not self._reads:
            return
        reads, named = pl.concat(self._reads), pl.concat(self._named).unique()
        for at, group in enumerate(self._meta["groups"]):
            own = reads.filter(group=at)
            if own.is_empty():
                continue
            known = before.get(at)
            before[at] = own.select("sample", "begin", "end").row(-1)
            parts = self._grown[at] or [self._packing.packed(_NOTHING)]
            grown = self._packing.sorted(parts)
            of_group = lines(self._meta).filter(kind=group["kind"], engine=group["engine"])["line"]
            yield Stretch(
                at,
                group["every"],
                known[0] if known else None,
                _with_times(own, known),
                grown,
                grown.starts(of_group.sort().cast(pl.Int64).to_numpy()),
                named.filter(kind=group["kind"], engine=group["engine"]).select("cell"),
                is_all,
            )


_NOTHING = pl.DataFrame(schema={"line": NUMBER, "cpu": pl.UInt16, "read": pl.Int64, "delta": pl.Int64})


def _with_times(reads: pl.DataFrame, known: tuple[int, int, int] | None) -> pl.DataFrame:
    """Reads of a group with the times in which their growth came."""
    middle = (pl.col("begin") + pl.col("end")) // 2
    return reads.select(
        "sample",
        low_ns=pl.col("begin").shift(fill_value=known[1] if known else None),
        high_ns="end",
        from_ns=middle.shift(fill_value=(known[1] + known[2]) // 2 if known else None),
        to_ns=middle,
    )


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
    base = stretch.first if stretch.base is None else stretch.base
    return (
        lines(meta)
        .filter(kind=group["kind"], engine=group["engine"])
        .select(
            pl.lit(stretch.group, dtype=pl.UInt32).alias("group"),
            "line",
            base=pl.max_horizontal("first_sample", pl.lit(base, dtype=pl.Int64)),
            last=pl.min_horizontal("last_sample", pl.lit(stretch.last, dtype=pl.Int64)),
        )
        .filter(pl.col("base") < pl.col("last"))
    )
