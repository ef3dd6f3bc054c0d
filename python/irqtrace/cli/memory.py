"""Memory of a process that records for hours."""

from __future__ import annotations

import ctypes

__all__ = ["give_large_blocks_back"]

M_MMAP_THRESHOLD = -3
LARGE_BYTES = 64 << 10


def give_large_blocks_back() -> None:
    """Has large blocks of memory go back to the system when they are free.

    Left to itself, glibc keeps blocks of up to 32 MiB for later once it has seen some, small ones come to lie between
    them, and memory grows for hours: docs/decisions/journal.md has what is measured. Other C libraries do not.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
