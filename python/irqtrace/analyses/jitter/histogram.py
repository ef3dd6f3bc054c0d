"""Log-linear histograms: each octave in 128 equal buckets, so that none is wider than 1/128 of its numbers.

Numbers below 128 have a bucket each. The same layout as HdrHistogram's (Tene, 2012).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bucket_of", "middle_of", "quantiles"]

BITS = 7
"""128 buckets an octave."""

INT_BITS = 63


def bucket_of(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket of each whole number, which is not below zero."""
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
    keys, found, n = (values[column].to_numpy() for column in (key, value, "n"))
    order = _by_key_and_value(keys, found)
    keys, found, upto = keys[order], found[order], np.cumsum(n[order])
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    before = np.append(0, upto)[starts]
    total = upto[np.append(starts[1:], len(upto)) - 1] - before
    ranks = {name: before + np.ceil(share * total).astype(np.int64) for name, share in shares.items()}
    at = {name: found[np.searchsorted(upto, rank)] for name, rank in ranks.items()}
    return pl.DataFrame({key: keys[starts], **at})


def _by_key_and_value(keys: NDArray[np.uint32], values: NDArray[np.int64]) -> NDArray[np.int64]:
    bits = int(values.max()).bit_length()
    if int(keys.max()).bit_length() + bits > INT_BITS:
        return np.lexsort((values, keys))
    # One number is sorted several times faster than two.
    return np.argsort((keys.astype(np.int64) << bits) | values)
