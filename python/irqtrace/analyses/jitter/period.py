"""The dominant period of a line, by the power spectrum of its counts.

The spectrum is the mean over segments of 1,024 windows (Welch, 1967), each with a Hann window put on, on several levels
of the ladder so that long periods are measured as well as short ones. Segments are numbered from the grid's point 0, so
those of a part are those of the whole; what lies in a segment that a seam cuts is kept.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import polars as pl

from irqtrace.analyses.counts import EVER
from irqtrace.analyses.runs import runs

from .cells import line_of_cell
from .ladder import Counts
from .seams import new_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    AnyFrequency = TypeVar("AnyFrequency", float, NDArray[np.float64])

__all__ = ["LENGTH", "SPECTRAL", "Spectra", "new_segments", "period_of", "segments_of"]

LENGTH_BITS = 10

LENGTH = 1 << LENGTH_BITS
"""Windows of a segment."""

SPECTRAL = (0, 2, 4, 6, 8, 10)
"""Levels: each measures periods four times as long as the one before."""

MIN_EVENTS = 16
"""Of a segment: the longest period that is looked for has as many of them in it."""

LOWEST = 16
"""Bin of the longest period that a level measures: 64 windows."""

ALONE = 14
"""Bin below which a line is only believed in with its overtones: a rate that drifts has power there as well."""

HARD = 24
"""Bin up to which a line may be missed among what a drifting rate has there."""

DEEPEST = 6
"""Bin of the longest period at all, of three or more events at a time: below, lines run into one another."""

HIGHEST = 410
"""Bin of the shortest period: 2.5 windows."""

COVERED = 80
"""Bin up to which a level is looked at but for the first: the one below measures what is above."""

OVERTONES = 256
"""Bin up to which a line may be an overtone: 4 windows; above, too much is folded down."""

AROUND = 12
"""Bins on each side of a line that tell the noise there."""

REACH = 3
"""From how many bins on what is beside a line is not its own."""

SLIP = 0.22
"""By how many windows a segment of a regular stream seems longer or shorter than it is, as a standard deviation."""

NEAR = 2.5
"""How many windows a segment and so many whole ones for each period differ at most where that matters."""

EXACT = 0.4
"""The same where there seems to be no difference."""

SLIP_EXACT = 0.35
"""As SLIP, where there seems to be none."""

MIN_STRENGTH = 0.1

PRECISION = 1e-3
"""What the period has to be known to."""

SIGMAS = 2.2
"""With how many standard errors it has to be known to that."""

FITS = 0.35
"""How far from a multiple an overtone may be, in bins: thrice the error of a line that hardly stands out."""

MOST = 0.8
"""The share of the strong lines that are overtones where there is one period."""

SHARE = 1.1
"""How much stronger than it is a line may come out of the noise."""

MIN_SIGMAS = 6.0
"""How far, in standard deviations of noise, a peak has to stand out."""

BATCH = 128
"""Segments that are transformed at once: as many as a core keeps near (1 MiB)."""

Spectra = dict[int, tuple[int, int, float, "NDArray[np.float64]"]]
"""By level: segments, their events, the squares of these, and the sum of the power from bin LOWEST - AROUND on."""

HANN = np.hanning(LENGTH + 1)[:-1].astype(np.float32)

GAIN = float(HANN.mean(dtype=np.float64)) ** 2
"""The power of a line of strength 1, over the squared number of events."""


def segments_of(level: int, counts: Counts, low: int, high: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of the segments in the points (low, high] with enough events: the power of each cell's, added up.

    cell, level, segments, events, squares; and cell, level, bin, power.
    """
    segment = counts.key >> LENGTH_BITS
    starts, lengths = runs(segment)
    events = np.add.reduceat(counts.count, starts) if len(starts) else np.empty(0)
    first = counts.where(starts)
    at, size = first.window >> LENGTH_BITS, LENGTH << level
    # Segments with too few events are left out, before or after a seam all the same.
    own = (at * size >= low) & ((at + 1) * size <= high) & (events >= MIN_EVENTS)
    cells, events = first.cell[own], events[own].astype(np.int64)
    if not own.all():
        counts, lengths = counts.where(np.repeat(own, lengths)), lengths[own]
    of_cell, segments = runs(cells)
    owners = cells[of_cell]
    power = _power(counts, lengths, segments, OVERTONES if level else HIGHEST)
    sums = [
        np.add.reduceat(values, of_cell) if len(of_cell) else values
        for values in (events, events.astype(np.float64) ** 2)
    ]
    about = {"segments": segments, "events": sums[0], "squares": sums[1]}
    bins = LOWEST - AROUND + np.arange(power.shape[1])
    spectrum = {"bin": np.tile(bins, len(owners)), "power": power.ravel()}
    return (
        pl.DataFrame({"cell": owners, "level": np.full(len(owners), level), **about}),
        pl.DataFrame({"cell": np.repeat(owners, len(bins)), "level": np.full(power.size, level), **spectrum}),
    )


def _power(
    counts: Counts, lengths: NDArray[np.int64], segments: NDArray[np.int64], highest: int
) -> NDArray[np.float64]:
    """For each cell the power of its segments from bin LOWEST - AROUND up to ``highest`` + AROUND.

    Given is how many windows with events each segment has, and how many segments each cell.
    """
    low, high = LOWEST - AROUND, highest + AROUND + 1
    bounds = np.append(0, np.cumsum(lengths))
    window = counts.key & (LENGTH - 1)
    place = np.repeat(np.arange(len(lengths)) * LENGTH, lengths) + window
    # The mean is not taken off: under this window it is in the bins 0 and 1, which nobody looks at.
    weighted = HANN.take(window)
    weighted *= counts.count
    power = np.zeros((len(segments), 2 * (high - low)))
    ends = np.cumsum(segments)
    dense = np.empty((BATCH, LENGTH), np.float32)
    for begin in range(0, len(lengths), BATCH):
        after = min(begin + BATCH, len(lengths))
        rows = slice(bounds[begin], bounds[after])
        dense.fill(0)
        dense.ravel()[place[rows] - begin * LENGTH] = weighted[rows]
        transformed = np.fft.rfft(dense[: after - begin], axis=1)[:, low:high]
        parts = transformed.view(np.float32).astype(np.float64)
        first, last = np.searchsorted(ends, [begin, after - 1], side="right")
        for cell in range(first, last + 1):
            own = parts[max(ends[cell] - segments[cell] - begin, 0) : ends[cell] - begin]
            power[cell] += np.einsum("ij,ij->j", own, own)
    return power[:, ::2] + power[:, 1::2]


def new_segments(runs: pl.DataFrame, edges: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same of the segments that are whole only since spans were joined."""
    blocks = new_blocks(runs, [(level, LENGTH << level) for level in SPECTRAL])
    rows = (
        edges.with_columns(line_of_cell(), block=pl.col("window") // LENGTH)
        .join(blocks, on=["line", "level", "block"])
        .sort("level", "cell", "window")
    )
    tables = []
    for level in SPECTRAL:
        cell, window, count = (rows.filter(level=level)[column].to_numpy() for column in ("cell", "window", "count"))
        cells, place = np.unique(cell, return_inverse=True)
        tables.append(segments_of(level, Counts.of(cells, place, window, count), -EVER, EVER))
    return pl.concat([table for table, _ in tables]), pl.concat([table for _, table in tables])


class Lines(NamedTuple):
    """Lines of the spectra that stand out, by frequency."""

    frequency: NDArray[np.float64]
    """In cycles per point."""
    bin: NDArray[np.float64]
    strength: NDArray[np.float64]
    width: NDArray[np.float64]
    """The frequency of one bin."""
    variance: NDArray[np.float64]
    """That of the frequency, by the noise."""
    segments: NDArray[np.int64]

    def where(self, which: NDArray[Any]) -> Lines:
        """Some of them."""
        return Lines(*(values[which] for values in self))


def period_of(spectra: Spectra) -> tuple[float, float] | None:
    """The period in points, and its strength."""
    lines = _lines_of(spectra)
    # What a level below measures is left to that one, where nothing from above its highest frequency is folded down.
    own = lines.where((lines.width == 1 / LENGTH) | (lines.bin < COVERED))
    if not len(own.bin):
        return None
    # Overtones may be as strong as the fundamental; what is folded down is weaker, also if it is one of them.
    strong = own.where(own.strength >= own.strength.max() * np.maximum(0.5, _most_folded(own.frequency)))
    for first, place, strength in zip(*(column.tolist() for column in strong[:3]), strict=True):
        frequency, error = _with_overtones(first, lines)
        if place < ALONE and not _explains(frequency, strong):
            continue
        if place >= ALONE and (
            _may_be_overtone(first, strength, strong, spectra) or _may_be_folded(first, strength, spectra)
        ):
            return None
        told = strength >= MIN_STRENGTH and error * SIGMAS < PRECISION
        return (1 / frequency, min(strength, 1.0)) if told else None
    return None


def _with_overtones(first: float, lines: Lines) -> tuple[float, float]:
    """The frequency by the lines at its multiples as well, and its relative error.

    That at m times tells it m times better; but what moves the events moves all lines alike, so that together they may
    be no better than the best of them.
    """
    off = lines.frequency - first
    own = lines.where((np.abs(off) < lines.width) | ((off > 0) & (lines.bin <= OVERTONES)))
    variance = own.variance + (own.frequency * _slip(first, own.width)) ** 2 / own.segments
    frequency, weight, error = first, 0.0, math.inf
    for line, width, of_line in zip(own.frequency.tolist(), own.width.tolist(), variance.tolist(), strict=True):
        times = round(line / frequency)
        reach = FITS * width + (3 * times / math.sqrt(weight) if weight else 0.0)
        if abs(line - times * frequency) < min(reach, width):
            more = times**2 / of_line
            weight += more
            frequency += (line / times - frequency) * more / weight
            error = min(error, math.sqrt(of_line) / line)
    return frequency, error


def _slip(frequency: float, width: NDArray[np.float64]) -> NDArray[np.float64]:
    """The relative error of a regular stream's frequency since events are known by their window only.

    In a segment it is some part of a window, but a whole one where the period is nearly so many windows, since events
    are then at the same place in their windows for long: what is folded down lies beside the lines. Where it seems to
    be exactly so many, it is taken to be that, to less than a window in a segment.
    """
    windows = width * LENGTH / frequency
    slip = np.full(len(width), SLIP)
    for times in (1, 2, 3):
        off = np.abs(times * windows - np.round(times * windows)) * LENGTH / windows
        slip = np.maximum(slip, np.where(off < EXACT, SLIP_EXACT, off < NEAR) / times)
    relative: NDArray[np.float64] = slip / LENGTH
    return relative


def _explains(frequency: float, strong: Lines) -> bool:
    """Whether nearly all strong lines are multiples of this, and of nothing above it."""
    others = strong.where((strong.bin >= ALONE) & (strong.bin <= OVERTONES))
    times = np.round(others.frequency / frequency)
    fits = np.abs(others.frequency - times * frequency) < FITS * others.width
    return bool(fits.sum() >= max(MOST * len(fits), 2) and np.gcd.reduce(times[fits].astype(np.int64)) == 1)


def _may_be_overtone(frequency: float, strength: float, strong: Lines, spectra: Spectra) -> bool:
    """Whether half of this frequency, or a third …, is hard to measure and something tells of it.

    That is as much power there, or lines at its multiples that are not those of this.
    """
    top = max(spectra)
    _, _, squares, power = spectra[top]
    for times in (2, 3, 4):
        place = frequency * (LENGTH << top) / times
        at = round(place) - (LOWEST - AROUND)
        if 0 <= at < ALONE - (LOWEST - AROUND):
            most = power[max(at - 1, 0) : at + 2].max()
            if most > GAIN * squares * (strength / 2) ** 2:
                return True
        if place < HARD:
            multiple = np.round(strong.frequency * times / frequency)
            fits = np.abs(strong.frequency - multiple * frequency / times) < FITS * strong.width
            if (fits & (multiple % times != 0)).sum() > 1:
                return True
    return False


def _may_be_folded(frequency: float, strength: float, spectra: Spectra) -> bool:
    """Whether this may be what is left of a regular stream that comes too fast to be seen as one."""
    if 0 not in spectra:
        return False
    segments, events, *_ = spectra[0]
    rate = events / (segments * LENGTH)
    possible = strength < _most_folded(frequency)
    # A stream that comes as often as the line says is that line.
    return rate > HIGHEST / LENGTH and possible and abs(rate - frequency) > 2 / LENGTH


def _most_folded(frequency: AnyFrequency) -> AnyFrequency:
    """The strength up to which a line may be folded down: of n ± f cycles per point f / (n ± f) is seen at f."""
    return SHARE * frequency / (1 - frequency)


def _lines_of(spectra: Spectra) -> Lines:
    top = max(spectra)
    levels = [
        _lines(level, segments, squares, power, top=level == top)
        for level, (segments, _, squares, power) in spectra.items()
    ]
    lines = Lines(*map(np.concatenate, zip(*levels, strict=True)))
    return lines.where(np.argsort(lines.frequency, kind="stable"))


def _lines(level: int, segments: int, squares: float, power: NDArray[np.float64], *, top: bool) -> Lines:
    first = (DEEPEST if top else LOWEST) - (LOWEST - AROUND)
    inner = power[first:-AROUND]
    above = (inner >= power[first - 1 : -AROUND - 1]) & (inner >= power[first + 1 : len(power) - AROUND + 1])
    at = np.flatnonzero(above) + first
    noise = _noise(power, at) / (1 - 1 / (3 * segments))
    stands_out = power[at] > _threshold(segments) * noise
    at, noise = at[stands_out], noise[stands_out]
    low, middle, high = (np.sqrt(np.maximum(power[at + to] - noise, 0.0)) for to in (-1, 0, 1))
    part = 2 * (high - low) / (low + 2 * middle + high)
    place, width = at + LOWEST - AROUND + part, 1 / (LENGTH << level)
    # What is lost of a line between two bins, and of one of a period of few windows.
    loss = np.sinc(part) / (1 - part**2) * np.sinc(place / LENGTH)
    strength = middle / (math.sqrt(GAIN * squares) * loss)
    variance = width**2 * noise / power[at] / (2 * segments)
    return Lines(
        place * width, place, strength, np.full(len(at), width), variance, np.full(len(at), segments, dtype=np.int64)
    )


def _noise(power: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """The power around these places, but for what a line there reaches: of a hill that is wider, its sides."""
    begins = np.maximum(at - AROUND, 0)
    around = np.lib.stride_tricks.sliding_window_view(power, 2 * AROUND + 1)[begins]
    own = np.abs(np.arange(2 * AROUND + 1) - (at - begins)[:, None]) < REACH
    half = AROUND - REACH + 1
    median = np.partition(np.where(own, np.inf, around), (half - 1, half), axis=1)[:, half - 1 : half + 1].mean(axis=1)
    sides = [power[np.maximum(at + to * REACH, 0)] + power[np.maximum(at + to * (REACH + 1), 0)] for to in (-1, 1)]
    noise: NDArray[np.float64] = np.maximum(median, np.minimum(*sides) / 2)
    return noise


def _threshold(segments: int) -> float:
    """How many times the noise a sum of as many exponential variables hardly ever is (Wilson and Hilferty, 1931)."""
    ninth = 1 / (9 * segments)
    return (1 - ninth + MIN_SIGMAS * math.sqrt(ninth)) ** 3
