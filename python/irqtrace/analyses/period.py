"""The dominant period of a line, by the power spectrum of its counts.

The spectrum is the mean over segments of 1,024 windows (Welch, 1967), each with its mean taken off and a Hann window
put on, on several levels of the ladder so that long periods are measured as well as short ones. Segments are numbered
from the grid's point 0, so those of a part are those of the whole; what lies in a segment that a seam cuts is kept.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .chunks import CPUS
from .seams import new_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .ladder import Counts

__all__ = ["LENGTH", "SPECTRAL", "Spectra", "new_segments", "period_of", "segments_of"]

LENGTH = 1024
"""Windows of a segment."""

SPECTRAL = (0, 2, 4, 6, 8, 10)
"""Levels: each measures periods four times as long as the one before."""

MIN_EVENTS = 16
"""Of a segment: the longest period that is looked for has as many of them in it."""

LOWEST = 16
"""Bin of the longest period that a level measures: 64 windows."""

HIGHEST = 410
"""Bin of the shortest period: 2.5 windows."""

COVERED = 80
"""Bin up to which a level is looked at where the one below measures what is above."""

MIN_STRENGTH = 0.1

MIN_SIGMAS = 6.0
"""How far, in standard deviations of noise, a peak has to stand out."""

BATCH = 2048
"""Segments that are transformed at once."""

Spectra = dict[int, tuple[int, int, int, "NDArray[np.float64]"]]
"""By level: segments, their events, the squares of these, and the sum of the power."""

HANN = np.hanning(LENGTH + 1)[:-1]


def segments_of(
    level: int, counts: Counts, low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of the whole segments with enough events: cell, level, segments, events, squares; and cell, level, bin, power."""
    cell, window, count = counts
    segment = window // LENGTH
    size = LENGTH << level
    whole = (segment * size >= low) & ((segment + 1) * size <= high)
    return _spectra(level, cell[whole], window[whole], count[whole])


def new_segments(runs: pl.DataFrame, edges: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same of the segments that are whole only since spans were joined."""
    blocks = new_blocks(runs, [(level, LENGTH << level) for level in SPECTRAL])
    rows = (
        edges.with_columns(line=(pl.col("cell") // CPUS).cast(pl.UInt32), block=pl.col("window") // LENGTH)
        .join(blocks, on=["line", "level", "block"])
        .sort("level", "cell", "window")
    )
    tables = [
        _spectra(level, *(own[column].to_numpy() for column in ("cell", "window", "count")))
        for level in SPECTRAL
        if len(own := rows.filter(level=level)) or level == 0
    ]
    return pl.concat([table for table, _ in tables]), pl.concat([table for _, table in tables])


def _spectra(
    level: int, cell: NDArray[np.int64], window: NDArray[np.int64], count: NDArray[np.int64]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    segment = window // LENGTH
    number = np.cumsum(np.append(True, (cell[1:] != cell[:-1]) | (segment[1:] != segment[:-1]))[: len(cell)]) - 1  # noqa: FBT003
    events = np.bincount(number, count).astype(np.int64)
    # Segments with too few events are left out, before or after a seam all the same.
    enough = events >= MIN_EVENTS
    own = enough[number]
    number = (np.cumsum(enough) - 1)[number[own]]
    cell, window, count, events = cell[own], window[own], count[own], events[enough]
    begins = np.searchsorted(number, np.arange(len(events) + 1))
    cells = cell[begins[:-1]]
    sums = [
        (cells[first], power)
        for first, power in _powers(cells, number, window, count, begins)
    ]
    about = (
        pl.DataFrame({"cell": cells, "events": events})
        .group_by("cell", maintain_order=True)
        .agg(segments=pl.len().cast(pl.Int64), events=pl.col("events").sum(), squares=(pl.col("events") ** 2).sum())
        .select("cell", pl.lit(level, dtype=pl.Int64).alias("level"), "segments", "events", "squares")
    )
    bins = np.arange(LENGTH // 2 + 1)
    spectrum = pl.DataFrame(
        {
            "cell": np.repeat(np.array([cell for cell, _ in sums], np.int64), len(bins)),
            "bin": np.tile(bins, len(sums)),
            "power": np.concatenate([power for _, power in sums]) if sums else np.empty(0),
        }
    )
    return about, spectrum.select("cell", pl.lit(level, dtype=pl.Int64).alias("level"), "bin", "power")


def _powers(
    cells: NDArray[np.int64],
    number: NDArray[np.int64],
    window: NDArray[np.int64],
    count: NDArray[np.int64],
    begins: NDArray[np.int64],
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """The power of each cell in these segments, and the first of its segments; cells of many segments come often."""
    for begin in range(0, len(cells), BATCH):
        after = min(begin + BATCH, len(cells))
        rows = slice(begins[begin], begins[after])
        dense = np.zeros((after - begin, LENGTH))
        dense[number[rows] - begin, window[rows] % LENGTH] = count[rows]
        dense -= dense.mean(axis=1, keepdims=True)
        power = np.abs(np.fft.rfft(dense * HANN, axis=1)) ** 2
        own = cells[begin:after]
        starts = np.flatnonzero(np.append(True, own[1:] != own[:-1]))  # noqa: FBT003
        for start, total in zip(starts, np.add.reduceat(power, starts), strict=True):
            yield begin + int(start), total


def period_of(spectra: Spectra) -> tuple[float, float] | None:
    """The period in points, and its strength."""
    peaks = []
    for level, (segments, events, squares, power) in spectra.items():
        highest = COVERED if level - 2 in spectra else HIGHEST
        peaks += [
            (at / (LENGTH << level), strength)
            for at, strength in _peaks(segments, events, squares, power, highest)
        ]
    if not peaks:
        return None
    most = max(strength for _, strength in peaks)
    # Overtones may be as strong as the fundamental; what is folded down from above the highest frequency is weaker.
    frequency, strength = min(peak for peak in peaks if peak[1] >= most / 2)
    if strength < MIN_STRENGTH or _is_folded(frequency, spectra):
        return None
    return 1 / frequency, min(strength, 1.0)


def _is_folded(frequency: float, spectra: Spectra) -> bool:
    """Whether this is what a regular stream looks like that comes too fast to be seen as one."""
    if 0 not in spectra:
        return False
    segments, events, *_ = spectra[0]
    rate = events / (segments * LENGTH)
    return rate > 1 / 2 and abs(abs(rate - round(rate)) - frequency) < 2 / LENGTH


def _peaks(
    segments: int, events: int, squares: int, power: NDArray[np.float64], highest: int
) -> Iterator[tuple[float, float]]:
    """Bin, with the part of a bin, and strength of each line that stands out."""
    threshold = _threshold(segments)
    gain = (HANN.sum() / LENGTH) ** 2 * squares
    for at in range(LOWEST, min(highest, len(power) - 2)):
        before, here, after = power[at - 1 : at + 2]
        if here < before or here < after:
            continue
        around = np.concatenate([power[max(at - 24, 4) : at - 3], power[at + 4 : at + 25]])
        noise = float(np.median(around)) / (1 - 1 / (3 * segments))
        if here <= threshold * noise:
            continue
        low, middle, high = (math.sqrt(max(value - noise, 0.0)) for value in (before, here, after))
        part = 2 * (high - low) / (low + 2 * middle + high)
        at_frequency = (at + part) / LENGTH
        # What a line between two bins, and one of a period of few windows, loses.
        loss = np.sinc(part) / (1 - part**2) * np.sinc(at_frequency)
        yield at + part, middle / (math.sqrt(gain) * float(loss))


def _threshold(segments: int) -> float:
    """How many times the noise a sum of as many exponential variables hardly ever is (Wilson and Hilferty, 1931)."""
    ninth = 1 / (9 * segments)
    return (1 - ninth + MIN_SIGMAS * math.sqrt(ninth)) ** 3
