"""Columns of whole numbers sorted together, and the runs of equal values that then stand side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["runs", "sorted_together"]

BITS = 63


def runs(*columns: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each run of rows with equal values begins, and how long it is."""
    begun = np.ones(len(columns[0]), np.bool_)
    begun[1:] = columns[0][1:] != columns[0][:-1]
    for column in columns[1:]:
        begun[1:] |= column[1:] != column[:-1]
    begins = np.flatnonzero(begun)
    return begins, np.diff(np.append(begins, len(begun)))


def sorted_together(*columns: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of these columns, none below 0, by the first, then by the second, and so on.

    As one number, where it has bits enough: that is sorted many times faster than several.
    """
    bits = [int(column.max(initial=0)).bit_length() for column in columns]
    if sum(bits) > BITS:
        order = np.lexsort(columns[::-1])
        return [column[order] for column in columns]
    key = np.zeros(len(columns[0]), np.int64)
    for column, own in zip(columns, bits, strict=True):
        key <<= own
        key |= column
    key.sort()
    found = []
    for own in reversed(bits):
        found.append(key & ((1 << own) - 1))
        key >>= own
    return found[::-1]
