"""The dominant period of a line, by the power spectrum of its counts.

The spectrum is the mean over segments of 1,024 windows (Welch, 1967), each with a Hann window put on, on several levels
of the ladder so that long periods are measured as well as short ones. Segments are numbered from the grid's point 0, so
those of a part are those of the whole; what lies in a segment that a seam cuts is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .seams import new_blocks
from .stretches import CPUS

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
"""Bin up to which a level is looked at but for the first: the one below measures what is above."""

OVERTONES = 256
"""Bin up to which a line may be an overtone: 4 windows; above, too much is folded down."""

AROUND = 12
"""Bins on each side of a line that tell the noise there."""

BESIDE = [bin_ for bin_ in range(2 * AROUND + 1) if abs(bin_ - AROUND) > 3]  # noqa: PLR2004 - a line is as wide
"""Of these, those that the line itself does not reach."""

MIN_STRENGTH = 0.1

MIN_SIGMAS = 6.0
"""How far, in standard deviations of noise, a peak has to stand out."""

BATCH = 128
"""Segments that are transformed at once: as many as a core keeps near (1 MiB)."""

Spectra = dict[int, tuple[int, int, int, "NDArray[np.float64]"]]
"""By level: segments, their events, the squares of these, and the sum of the power from bin LOWEST - AROUND on."""

HANN = np.hanning(LENGTH + 1)[:-1]


def segments_of(
    level: int, counts: Counts, low: NDArray[np.int64] | int, high: NDArray[np.int64] | int
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
    number = np.cumsum(np.append(True, (cell[1:] != cell[:-1]) | (segment[1:] != segment[:-1]))[: len(cell)]) - 1
    events = np.bincount(number, count).astype(np.int64)
    # Segments with too few events are left out, before or after a seam all the same.
    enough = events >= MIN_EVENTS
    own = enough[number]
    number = (np.cumsum(enough) - 1)[number[own]]
    cell, window, count, events = cell[own], window[own], count[own], events[enough]
    begins = np.searchsorted(number, np.arange(len(events) + 1))
    cells = cell[begins[:-1]]
    about = (
        pl.DataFrame({"cell": cells, "events": events})
        .group_by("cell", maintain_order=True)
        .agg(segments=pl.len().cast(pl.Int64), events=pl.col("events").sum(), squares=(pl.col("events") ** 2).sum())
        .select("cell", pl.lit(level, dtype=pl.Int64).alias("level"), "segments", "events", "squares")
    )
    bins = np.arange(LOWEST - AROUND, (OVERTONES if level else HIGHEST) + AROUND + 1)
    of_cells, powers = [np.empty(0, np.int64)], [np.empty((0, len(bins)))]
    for begin in range(0, len(cells), BATCH):
        after = min(begin + BATCH, len(cells))
        rows = slice(begins[begin], begins[after])
        dense = np.zeros((after - begin, LENGTH), np.float32)
        place = window[rows] % LENGTH
        # The mean is not taken off: under this window it is in the bins 0 and 1, which nobody looks at.
        dense[number[rows] - begin, place] = count[rows] * HANN[place]
        transformed = np.fft.rfft(dense, axis=1)[:, bins[0] : bins[-1] + 1]
        starts = np.flatnonzero(np.append(True, cells[begin + 1 : after] != cells[begin : after - 1]))
        of_cells.append(cells[begin + starts])
        powers.append(np.add.reduceat(transformed.real**2 + transformed.imag**2, starts, dtype=np.float64))
    owner = np.concatenate(of_cells)
    spectrum = pl.DataFrame(
        {
            "cell": np.repeat(owner, len(bins)),
            "bin": np.tile(bins, len(owner)),
            "power": np.concatenate(powers).ravel(),
        }
    )
    return about, spectrum.select("cell", pl.lit(level, dtype=pl.Int64).alias("level"), "bin", "power")


@dataclass(frozen=True)
class Peak:
    """A line of the spectrum that stands out."""

    level: int
    bin: float
    strength: float
    weight: float
    """How well its place is known: the inverse of its variance, but for a constant."""

    @property
    def width(self) -> float:
        """The frequency of one bin, in cycles per point."""
        return 1 / (LENGTH << self.level)

    @property
    def frequency(self) -> float:
        """In cycles per point."""
        return self.bin * self.width


def period_of(spectra: Spectra) -> tuple[float, float] | None:
    """The period in points, and its strength."""
    peaks = [
        peak
        for level, (segments, _, squares, power) in sorted(spectra.items())
        for peak in _peaks(level, segments, squares, power)
    ]
    # What a level below measures is left to that one, where nothing from above its highest frequency is folded down.
    own = [peak for peak in peaks if peak.level == 0 or peak.bin < COVERED]
    if not own:
        return None
    most = max(peak.strength for peak in own)
    # Overtones may be as strong as the fundamental; what is folded down is weaker.
    lowest = min((peak for peak in own if peak.strength >= most / 2), key=lambda peak: peak.frequency)
    if lowest.strength < MIN_STRENGTH or _is_folded(lowest.frequency, spectra):
        return None
    return 1 / _with_overtones(lowest, peaks), min(lowest.strength, 1.0)


def _with_overtones(fundamental: Peak, peaks: list[Peak]) -> float:
    """The frequency by the lines at its multiples as well: that at m times tells it m times better."""
    frequency, weight = fundamental.frequency, fundamental.weight
    for peak in sorted(peaks, key=lambda peak: peak.frequency):
        times = round(peak.frequency / frequency)
        off = abs(peak.frequency - times * frequency)
        if peak is not fundamental and times >= 1 and peak.bin <= OVERTONES and off < peak.width:
            more = peak.weight * times**2
            frequency += (peak.frequency / times - frequency) * more / (weight + more)
            weight += more
    return frequency


def _is_folded(frequency: float, spectra: Spectra) -> bool:
    """Whether this is what a regular stream looks like that comes too fast to be seen as one."""
    if 0 not in spectra:
        return False
    segments, events, *_ = spectra[0]
    rate = events / (segments * LENGTH)
    return rate > 1 / 2 and abs(abs(rate - round(rate)) - frequency) < 2 / LENGTH


def _peaks(level: int, segments: int, squares: int, power: NDArray[np.float64]) -> Iterator[Peak]:
    threshold = _threshold(segments)
    gain = (HANN.sum() / LENGTH) ** 2 * squares
    inner = power[AROUND:-AROUND]
    above = (inner >= power[AROUND - 1 : -AROUND - 1]) & (inner >= power[AROUND + 1 : len(power) - AROUND + 1])
    at = np.flatnonzero(above)
    around = np.lib.stride_tricks.sliding_window_view(power, 2 * AROUND + 1)[at][:, BESIDE]
    noise_at = np.median(around, axis=1) / (1 - 1 / (3 * segments)) if len(at) else np.empty(0)
    stands_out = power[at + AROUND] > threshold * noise_at
    for index, noise in zip((at[stands_out] + AROUND).tolist(), noise_at[stands_out].tolist(), strict=True):
        before, here, after = power[index - 1 : index + 2].tolist()
        place = index + LOWEST - AROUND
        low, middle, high = (math.sqrt(max(value - noise, 0.0)) for value in (before, here, after))
        part = 2 * (high - low) / (low + 2 * middle + high)
        # What is lost of a line between two bins, and of one of a period of few windows.
        loss = float(np.sinc(part) / (1 - part**2) * np.sinc((place + part) / LENGTH))
        weight = 4.0**level * segments * here / max(noise, here * 1e-6)
        yield Peak(level, place + part, middle / (math.sqrt(gain) * loss), weight)


def _threshold(segments: int) -> float:
    """How many times the noise a sum of as many exponential variables hardly ever is (Wilson and Hilferty, 1931)."""
    ninth = 1 / (9 * segments)
    return (1 - ninth + MIN_SIGMAS * math.sqrt(ninth)) ** 3
