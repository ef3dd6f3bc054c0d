"""Jitter by hand, without the dominant period.

One sort of one integer a row, cell, sample and growth, gives all that follows: within a cell, neighbours are rows that
follow one another. What comes after the sort is done for a few lines at a time, which takes less memory and is faster.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from .file import BEGIN, CODE, CPUS, END, INTERVAL_NS, lines

__all__ = ["jitter"]

SAMPLES, GROWTH = 1 << 24, 1 << 16
"""More than any sample, and than any cell grows by in a read."""

AT_A_TIME = 4_000_000
LEVELS, MIN_WINDOWS = 21, 10
QUANTILES = {"p50_ns": 0.5, "p90_ns": 0.9, "p99_ns": 0.99, "p999_ns": 0.999}

BITS = 45
"""Without its last 45 bits, the bytes of a float are the number of its bucket: 128 buckets an octave."""

OF_BUCKET = 1 << 20


def jitter(path: str, at_a_time: int = AT_A_TIME) -> pl.DataFrame:
    """Times between events, with quantiles of histograms, and Fano and Allan over a ladder of windows.

    So many rows are worked on at a time, or those of a line if these are more.
    """
    flat = pl.scan_parquet(path)
    begun = pl.col("sample") != pl.col("sample").shift(fill_value=-1)
    reads = flat.select("sample", begin=BEGIN, end=END).filter(begun).collect(engine="streaming")
    times = reads.select(
        middle=(pl.col("begin") + pl.col("end")) // 2, width=pl.col("end") - pl.col("begin").shift(fill_value=0)
    )
    known = lines(flat)
    cells, histograms = [], []
    levels: list[pl.DataFrame] = []
    for rows in _by_line(flat, known["code"], at_a_time):
        events = _events(rows, times["middle"], times["width"])
        cells.append(_cells(events))
        histograms += [_histogram(events, "gap", 1), _histogram(events.filter(pl.col("delta") > 1), "step", "more")]
        del events
        levels += _ladder(rows, len(reads) - 1)
    return (
        pl.concat(cells)
        .join(_quantiles(pl.concat(histograms)), on="cell")
        .join(_over_levels(pl.concat(levels)), on="cell")
        .with_columns(code=pl.col("cell") // CPUS, cpu=pl.col("cell") % CPUS)
        .join(known, on="code")
        .sort("order", "cpu")
        .select(
            *("irq", "name", "cpu", "events", "gaps", "resolved_share", "resolution_ns", "resolution_max_ns"),
            *("mean_ns", "std_ns", *QUANTILES, "max_ns", "window_ns", "windows", "fano", "allan_hz"),
        )
    )


def _by_line(flat: pl.LazyFrame, codes: pl.Series, at_a_time: int) -> Iterator[pl.DataFrame]:
    """key (cell · SAMPLES + window) and delta, by key, for some lines at a time. A window ends at a read, from 0 on."""
    key = (CODE * CPUS + pl.col("cpu")) * SAMPLES + pl.col("sample") - 1
    rows = (
        flat.filter(pl.col("sample") > 0)
        .select(packed=key * GROWTH + pl.col("delta"))
        .collect(engine="streaming")
        .sort("packed")
    )
    starts = rows["packed"].search_sorted(codes.sort() * (CPUS * SAMPLES * GROWTH)).to_list()
    begin = 0
    for end in [*starts, len(rows)]:
        if end - begin >= at_a_time or end == len(rows):
            yield rows[begin:end].select(key=pl.col("packed") // GROWTH, delta=pl.col("packed") % GROWTH)
            begin = end


def _events(rows: pl.DataFrame, middle: pl.Series, width: pl.Series) -> pl.DataFrame:
    """cell, delta, more (than one), width, first, last, step within a read, gap to the events before."""
    delta, window = pl.col("delta"), pl.col("key") % SAMPLES
    step = (pl.col("to") - pl.col("from")) // delta
    first = pl.col("from") + pl.col("step") // 2
    same = pl.col("cell") == pl.col("cell").shift()
    return (
        rows.lazy()
        .select(
            "delta",
            pl.lit(middle).gather(window).alias("from"),
            cell=pl.col("key") // SAMPLES,
            to=pl.lit(middle).gather(window + 1),
            width=pl.lit(width).gather(window + 1),
        )
        .with_columns(step=step)
        .with_columns(first=first)
        .with_columns(last=pl.col("first") + (delta - 1) * pl.col("step"))
        .select(
            *("cell", "delta", "width", "first", "last", "step"),
            more=delta - 1,
            gap=pl.when(same).then(pl.col("first") - pl.col("last").shift()),
        )
        .collect()
    )


def _cells(events: pl.DataFrame) -> pl.DataFrame:
    """The mean by the first and the last event: all gaps add up to the time between them."""
    delta, width = pl.col("delta"), pl.col("width")
    gap, step = (pl.col(name).cast(pl.Float64) for name in ("gap", "step"))
    squares = (gap**2).sum() + (pl.col("more") * step**2).sum()
    mean, gaps = pl.col("mean_ns"), pl.col("gaps")
    return (
        events.lazy()
        .group_by("cell")
        .agg(
            events=delta.sum(),
            gaps=delta.sum() - 1,
            resolved_share=(delta == 1).sum() / delta.sum(),
            resolution_ns=(width * delta).sum() / delta.sum(),
            resolution_max_ns=width.max(),
            mean_ns=(pl.col("last").max() - pl.col("first").min()) / (delta.sum() - 1),
            squares=squares,
            max_ns=pl.max_horizontal(gap.max(), step.filter(delta > 1).max()),
        )
        .with_columns(std_ns=((pl.col("squares") - gaps * mean**2) / (gaps - 1)).sqrt())
        .collect(engine="streaming")
    )


def _histogram(events: pl.DataFrame, value: str, n: str | int) -> pl.DataFrame:
    """packed (cell and bucket), n."""
    bucket = pl.col(value).cast(pl.Float64).reinterpret(dtype=pl.Int64) // (1 << BITS)
    count = pl.len().cast(pl.Int64) if isinstance(n, int) else pl.col(n).sum()
    return (
        events.lazy()
        .filter(pl.col(value).is_not_null())
        .group_by(packed=pl.col("cell") * OF_BUCKET + bucket)
        .agg(n=count)
        .collect(engine="streaming")
    )


def _quantiles(histogram: pl.DataFrame) -> pl.DataFrame:
    """cell and its quantiles by nearest rank: the middle of a bucket."""
    summed = histogram.group_by("packed").agg(pl.col("n").sum()).sort("packed")
    bucket = (summed["packed"] % OF_BUCKET).to_numpy()
    low, high = ((bucket + next_ << BITS).view(np.float64) for next_ in (0, 1))
    rank, n = pl.col("n").cum_sum(), pl.col("n").sum()
    return (
        summed.select("n", cell=pl.col("packed") // OF_BUCKET, middle=pl.Series((low + high - 1) / 2))
        .group_by("cell", maintain_order=True)
        .agg(
            pl.col("middle").filter(rank >= (share * n).ceil()).first().alias(name) for name, share in QUANTILES.items()
        )
    )


def _ladder(rows: pl.DataFrame, last: int) -> Iterator[pl.DataFrame]:
    """Of each level: cell, level, windows, and sums of the counts, their squares, and the products of neighbours."""
    key, count = pl.col("key"), pl.col("delta")
    for level in range(LEVELS):
        windows, in_cell = last >> level, SAMPLES >> level
        if windows < MIN_WINDOWS:
            return
        window = key % in_cell
        whole = rows.lazy() if last % (1 << level) == 0 else rows.lazy().filter(window < windows)
        following = pl.when(key.shift(-1) == key + 1).then(count.shift(-1)).otherwise(0)
        yield (
            whole.select(count, cell=key // in_cell, window=window, following=following)
            .group_by("cell")
            .agg(
                n=count.sum(),
                nn=(count**2).sum(),
                neighbours=(count * pl.col("following")).sum(),
                ends=(count**2).filter((pl.col("window") == 0) | (pl.col("window") == windows - 1)).sum(),
            )
            .with_columns(level=pl.lit(level, pl.Int64), windows=pl.lit(windows, pl.Int64))
            .collect(engine="streaming")
        )
        # Of one window of the next level there are two at the most, which follow one another.
        half = pl.col("half")
        second = pl.when(half.shift(-1) == half).then(count.shift(-1)).otherwise(0)
        rows = (
            rows.lazy()
            .select(count, half=key // 2)
            .select(key=half, delta=count + second, kept=half != half.shift(fill_value=-1))
            .filter("kept")
            .select("key", "delta")
            .collect()
        )


def _over_levels(levels: pl.DataFrame) -> pl.DataFrame:
    """cell, and as lists window_ns, windows, fano, allan_hz."""
    n, windows, window_ns = pl.col("n"), pl.col("windows"), INTERVAL_NS * pl.lit(2, pl.Int64).pow(pl.col("level"))
    fano = (pl.col("nn") - n**2 / windows) / (windows - 1) / (n / windows)
    differences = 2 * pl.col("nn") - pl.col("ends") - 2 * pl.col("neighbours")
    allan = (differences / (2 * (windows - 1))).sqrt() * 1e9 / window_ns
    return (
        levels.sort("cell", "level")
        .group_by("cell", maintain_order=True)
        .agg(window_ns=window_ns, windows=windows, fano=fano, allan_hz=allan)
    )
