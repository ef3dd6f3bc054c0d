"""Runs of equal values that stand side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["begins"]


def begins(values: NDArray[Any]) -> NDArray[np.int64]:
    """Where a run begins."""
    return np.flatnonzero(np.append(True, values[1:] != values[:-1])[: len(values)])
