"""Line, CPU, read and growth of a row as one whole number: rows are sorted by it the quickest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .cells import CPUS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .times import Times

__all__ = ["Packing", "Rows", "SortedRows"]

INT_BITS = BITS = 62
"""Of the numbers at most, and of those that are used: what comes after the last cell has one more."""


@dataclass(frozen=True)
class Rows:
    """All rows of some cells that grew, by cell and time."""

    cells: NDArray[np.int64]
    """The number of each cell."""
    bounds: NDArray[np.int64]
    """Where the rows of each begin; and where the last end."""
    read: NDArray[np.int64]
    """Place of the read among those of the stretch."""
    delta: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where the rows of each cell begin."""
        return self.bounds[:-1]

    def of_each(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """What is given for each cell, for each row."""
        return np.repeat(values, np.diff(self.bounds))

    def __len__(self) -> int:
        return len(self.read)

    def parted(self, read: int) -> tuple[Rows, Rows]:
        """Those of the reads before one, and those from it on."""
        early = self.read < read
        return self._where(early), self if not early.any() else self._where(~early)

    def first_from(self, reads: list[tuple[int, int]]) -> NDArray[np.int64]:
        """The places of the first rows of cells from given reads on, where there are any."""
        places = []
        for cell, read in reads:
            place = int(self.cells.searchsorted(cell))
            if place < len(self.cells) and self.cells[place] == cell:
                begin, end = self.bounds[place : place + 2].tolist()
                at = begin + int(self.read[begin:end].searchsorted(read))
                places += [at] if at < end else []
        return np.array(places, np.int64)

    def _where(self, which: NDArray[np.bool_]) -> Rows:
        """Some of the rows, and the cells of these."""
        if not which.any():
            nothing = np.empty(0, np.int64)
            return Rows(nothing, np.zeros(1, np.int64), nothing, nothing)
        counts = np.add.reduceat(which, self.starts, dtype=np.int64)
        bounds = np.append(0, np.cumsum(counts[counts > 0]))
        return Rows(self.cells[counts > 0], bounds, self.read[which], self.delta[which])


@dataclass(frozen=True)
class Packing:
    """Of how many bits each is."""

    cpu_bits: int
    sample_bits: int
    delta_bits: int
    """0 where it does not fit into the same number and is one of its own."""
    first: int
    """The first sample, from which they are counted."""

    @classmethod
    def of(cls, lines: int, most_cpu: int, samples: tuple[int, int], most_delta: int) -> Packing:
        """That for so many lines, the greatest CPU, first and last sample, and the greatest growth.

        Raises:
            ValueError: if the samples are so far apart that a row is no whole number.
        """
        first, last = samples
        # What has no CPU is one above them.
        cpu_bits, sample_bits = (most_cpu + 1).bit_length(), max(last - first, 1).bit_length()
        delta_bits = max(most_delta, 1).bit_length()
        key_bits = (lines - 1).bit_length() + cpu_bits + sample_bits
        if key_bits > INT_BITS:
            raise ValueError(f"samples {first:,} and {last:,} are too far apart to be sorted: is one of them wrong?")
        if key_bits + delta_bits > BITS:
            delta_bits = 0
        return cls(cpu_bits, sample_bits, delta_bits, first)

    @property
    def columns(self) -> list[pl.Expr]:
        """Of rows with line, cpu, sample and delta: the number that they are sorted by, and delta if it is apart."""
        no_cpu = (1 << self.cpu_bits) - 1
        cell = pl.col("line").cast(pl.Int64) * (1 << self.cpu_bits) + pl.col("cpu").cast(pl.Int64).fill_null(no_cpu)
        key = cell * (1 << self.sample_bits) + (pl.col("sample") - self.first)
        if self.delta_bits:
            return [(key * (1 << self.delta_bits) + pl.col("delta")).alias("key")]
        return [key.alias("key"), pl.col("delta")]

    def sorted(self, values: NDArray[np.int64]) -> SortedRows:
        """By cell and read; the values are of `columns`, and what is not apart is sorted in its place."""
        if self.delta_bits:
            values = values.reshape(-1)
            values.sort()
            return SortedRows(self, values, None)
        values = values[np.argsort(values[:, 0], kind="stable")]
        return SortedRows(self, np.ascontiguousarray(values[:, 0]), np.ascontiguousarray(values[:, 1]))

    def cells(self, key: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the cells of sorted numbers."""
        cell = key >> (self.sample_bits + self.delta_bits)
        cpu = cell & ((1 << self.cpu_bits) - 1)
        cpu[cpu == (1 << self.cpu_bits) - 1] = CPUS - 1
        return (cell >> self.cpu_bits) * CPUS + cpu


@dataclass(frozen=True)
class SortedRows:
    """Rows by cell and read."""

    packing: Packing
    values: NDArray[np.int64]
    deltas: NDArray[np.int64] | None

    def starts(self, lines: NDArray[np.int64]) -> NDArray[np.int64]:
        """Begin and end of all cells of these lines, in order, that have rows: of shape (cells, 2)."""
        packing = self.packing
        cells = (lines[:, None] << packing.cpu_bits) + np.arange((1 << packing.cpu_bits) + 1)
        places = np.searchsorted(self.values, cells << (packing.sample_bits + packing.delta_bits))
        bounds = np.stack([places[:, :-1].ravel(), places[:, 1:].ravel()], axis=1)
        return bounds[bounds[:, 0] < bounds[:, 1]]

    def lines(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """The lines of the rows at these places."""
        packing = self.packing
        return self.values[at] >> (packing.cpu_bits + packing.sample_bits + packing.delta_bits)

    def rows(self, bounds: NDArray[np.int64], times: Times) -> Rows:
        """The rows of neighbouring cells, of which it is given where they begin and where the last ends."""
        packing, begin = self.packing, bounds[0]
        values = self.values[begin : bounds[-1]]
        sample = values >> packing.delta_bits
        sample &= (1 << packing.sample_bits) - 1
        sample += packing.first
        delta = values & ((1 << packing.delta_bits) - 1) if self.deltas is None else self.deltas[begin : bounds[-1]]
        return Rows(packing.cells(self.values[bounds[:-1]]), bounds - begin, times.place_of(sample), delta)
