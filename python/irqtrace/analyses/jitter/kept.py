"""Gaps that are kept as they are while they are not too many, so that quantiles are exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from irqtrace.analyses.runs import sorted_together

from . import gaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .packing import Rows
    from .tables import Tables

__all__ = ["GapsByCell", "Kept", "KeptGaps", "quantiles_of"]


class KeptGaps(NamedTuple):
    """Gaps of one cell."""

    single: NDArray[np.int64]
    """In ascending order."""
    several: NDArray[np.int64]
    """Gaps of which there are as many alike as ``n`` says, in any order."""
    n: NDArray[np.int64]


GapsByCell = Mapping[int, Sequence[KeptGaps]]


class Kept:
    """All gaps of a trace by cell, while they are no more than given; from then on their histogram is given back."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of_cell: dict[int, list[KeptGaps]] | None = {}
        self._rows = 0

    def expect(self, rows: int) -> list[Tables]:
        """Says how many may come, and gives what is to be joined to the sums if these are too many to be kept."""
        self._rows += rows
        if self._of_cell is None or self._rows <= self._most:
            return []
        kept, self._of_cell = self._of_cell, None
        frames = [_frame(cell, found) for cell, of_cell in kept.items() for found in of_cell]
        return [{"histogram": gaps.histogram(pl.concat(frames))}] if frames else []

    def of_rows(self, rows: Rows, found: gaps.Gaps) -> Tables:
        """Keeps the gaps of some cells, or gives their histogram."""
        if self._of_cell is None:
            return {"histogram": gaps.histogram_of(rows, found)}
        single, of_single = _by_cell(rows, found.before, found.known)
        several, of_several = _by_cell(rows, found.step, found.steps > 0)
        n, _ = _by_cell(rows, found.steps, found.steps > 0)
        for at, cell in enumerate(rows.cells.tolist()):
            own, others = slice(*of_single[at : at + 2]), slice(*of_several[at : at + 2])
            single[own].sort()
            self._of_cell.setdefault(cell, []).append(KeptGaps(single[own], several[others], n[others]))
        return {}

    def of_seams(self, between: pl.DataFrame) -> Tables:
        """The same of single gaps (cell, gap_ns, n)."""
        if self._of_cell is None:
            return {"histogram": gaps.histogram(between)}
        nothing = np.empty(0, np.int64)
        for cell, gap_ns, _ in between.iter_rows():
            self._of_cell.setdefault(cell, []).append(KeptGaps(np.array([gap_ns]), nothing, nothing))
        return {}

    def all(self) -> GapsByCell | None:
        """The gaps by cell, if they are kept."""
        return self._of_cell


def _by_cell(
    rows: Rows, values: NDArray[np.int64], which: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some of the values of rows, and where those of each cell begin and the last end."""
    counts = np.add.reduceat(which, rows.starts, dtype=np.int64)
    return values[which], np.append(0, np.cumsum(counts))


def _frame(cell: int, found: KeptGaps) -> pl.DataFrame:
    gap_ns = np.concatenate([found.single, found.several])
    n = np.concatenate([np.ones(len(found.single), np.int64), found.n])
    return pl.DataFrame({"cell": np.full(len(n), cell), "gap_ns": gap_ns, "n": n})


def quantiles_of(kept: Sequence[KeptGaps], shares: Sequence[float]) -> list[int] | None:
    """Quantiles by nearest rank; None if there is no gap."""
    values = np.concatenate([np.empty(0, np.int64), *(own for found in kept for own in (found.single, found.several))])
    if not len(values):
        return None
    n = np.concatenate([own for found in kept for own in (np.ones(len(found.single), np.int64), found.n)])
    # The single gaps of one cell are sorted already.
    if len(kept) > 1 or len(kept[0].n):
        values, n = sorted_together(values, n)
    upto = np.cumsum(n)
    ranks = np.ceil(np.array(shares) * upto[-1]).astype(np.int64)
    found_at: list[int] = values[upto.searchsorted(ranks)].tolist()
    return found_at
