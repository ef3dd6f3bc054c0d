"""Log-linear histograms: each octave in 128 equal buckets, so that none is wider than 1/128 of its numbers.

Numbers below 128 have a bucket each. The same layout as HdrHistogram's (Tene, 2012).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

from irqtrace.analyses.runs import runs, sorted_together

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BUCKET_BITS", "bucket_of", "middle_of", "quantiles"]

BITS = 7
"""128 buckets an octave."""

BUCKET_BITS = 13
"""Of a bucket's number."""

MANTISSA_BITS, EXPONENT = 52, 1023
"""Of a float: of which its exponent is above the true one by so much."""

EXACT = 1 << 53
"""Up to here a float is a whole number."""


def bucket_of(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket of each whole number, which is not below zero."""
    if values.max(initial=0) < EXACT:
        # The first bits of a float are the octave, and then which of 128 parts of it.
        bucket = (values.astype(np.float64).view(np.int64) >> MANTISSA_BITS - BITS) - (EXPONENT + BITS - 1 << BITS)
        few = values < 1 << BITS
        bucket[few] = values[few]
        return bucket
    shift = np.maximum(np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1 - BITS, 0)
    # Rounding to a float may have reached the next octave.
    shift -= (shift > 0) & (values >> shift < 1 << BITS)
    return cast("NDArray[np.int64]", (shift << BITS) + (values >> shift))


def middle_of(bucket: pl.Expr) -> pl.Expr:
    """The middle of a bucket: at most 1/256 from each number in it."""
    shift = pl.max_horizontal(bucket // (1 << BITS) - 1, 0)
    width = pl.lit(2.0).pow(shift)
    return (bucket - shift * (1 << BITS)) * width + (width - 1) / 2


def quantiles(values: pl.DataFrame, key: str, value: str, shares: dict[str, float]) -> pl.DataFrame:
    """Quantiles by nearest rank of values (whole numbers from 0 on) that occurred ``n`` times: a row per key."""
    if values.is_empty():
        return values.select(key, **dict.fromkeys(shares, value))
    columns = (values[column].cast(pl.Int64).to_numpy() for column in (key, value, "n"))
    keys, found, n = sorted_together(*columns)
    upto = np.cumsum(n)
    starts, lengths = runs(keys)
    before = np.append(0, upto)[starts]
    total = upto[starts + lengths - 1] - before
    ranks = {name: before + np.ceil(share * total).astype(np.int64) for name, share in shares.items()}
    at = {name: found[np.searchsorted(upto, rank)] for name, rank in ranks.items()}
    return pl.DataFrame({key: keys[starts], **at})
