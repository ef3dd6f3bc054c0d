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
    """Quantiles by nearest rank of values that occurred ``n`` times: a row per key."""
    rank = pl.col("n").cum_sum()
    found = [
        pl.col(value).get((rank < (share * pl.col("n").sum()).ceil()).sum()).alias(name)
        for name, share in shares.items()
    ]
    return values.sort(key, value).group_by(key, maintain_order=True).agg(found)
