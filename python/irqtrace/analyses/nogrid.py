"""The samples of captured texts, which were read on no grid: what interval and point 0 they were numbered by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from irqtrace.frames import first_of_each_read

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["is_captured", "numbering"]

CAPTURED = "replay"
"""The engine of texts that were captured elsewhere."""


def is_captured(reads: pl.DataFrame) -> bool:
    """Whether reads, with their engine, are of captured texts."""
    return bool((reads["engine"] == CAPTURED).any())


def numbering(flat: pl.LazyFrame) -> tuple[int, int] | None:
    """Interval and point 0 of which each read follows its own point by less than an interval; None if there are none.

    The interval is the smallest distance of two reads. In a part of a trace that may be longer than it was, and a
    shorter one fits.
    """
    of_sample = first_of_each_read(flat).group_by("sample").agg(pl.col("time").dt.epoch("ns").min()).sort("sample")
    samples, times = (column.to_numpy() for column in of_sample.collect(engine="streaming"))
    if len(samples) < 2:  # noqa: PLR2004 - one has no distance
        return None
    points, passed = samples - samples[0], times - times[0]
    longest = min(int(np.diff(passed).min()), int(passed[-1]) // max(int(points[-1]) - 1, 1))
    if longest < 1:
        return None
    low, high = 1, longest
    if not _excess(points, passed, high) < 0:
        # What the latest of them has too much is convex in the interval.
        while high - low > 2:  # noqa: PLR2004 - thirds of what is less are none
            third = (high - low) // 3
            if _excess(points, passed, low + third) <= _excess(points, passed, high - third):
                high -= third
            else:
                low += third
        high = min(range(low, high + 1), key=lambda interval: _excess(points, passed, interval))
    late = passed - points * high
    if not _excess(points, passed, high) < 0:
        return None
    return high, int(times[0]) + int(late.min()) - int(samples[0]) * high


def _excess(points: NDArray[np.int64], passed: NDArray[np.int64], interval: int) -> int:
    """By how much the latest read, against the earliest, is late by more than an interval."""
    late = passed - points * interval
    return int(late.max() - late.min()) - interval
