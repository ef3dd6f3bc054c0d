"""One read of everything."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import polars as pl

from . import _core
from .errors import IrqtraceWarning
from .schema import KIND, LABEL

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["snapshot"]

SCHEMA = pl.Schema({"kind": KIND, "irq": LABEL, "name": LABEL, "cpu": pl.UInt16(), "count": pl.UInt64()})


def snapshot(
    interrupts: str | Path | None = None, softirqs: str | Path | None = None, *, procfs: str | Path = "/proc"
) -> pl.DataFrame:
    """The counts since boot, a row for every cell that the kernel prints.

    Args:
        interrupts: a text of /proc/interrupts that was captured elsewhere.
        softirqs: a text of /proc/softirqs that was captured elsewhere. If either is given, only what is given is read.
        procfs: where the running kernel's texts are.

    Returns:
        kind, irq (the label), name, cpu (null where the kernel counts for no CPU), count.

    Raises:
        SourceUnavailable: if there is nothing to read, or a given file is packed; the message says what would help.
        ParseError: for a text that does not fit the kernel's format or is cut off, with path, line and byte; and for
            two given texts of which the one has CPUs that the other lacks.

    >>> irqtrace.snapshot().group_by("kind").agg(pl.col("count").sum())  # doctest: +SKIP
    """
    given = [None if path is None else os.fspath(path) for path in (interrupts, softirqs)]
    stream, notes = _core.snapshot(os.fspath(procfs), *given)
    for note in notes:
        warnings.warn(note, IrqtraceWarning, stacklevel=2)
    return pl.DataFrame(stream).cast(SCHEMA)
