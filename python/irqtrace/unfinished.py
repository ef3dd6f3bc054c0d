"""Recordings without their end: those that are under way, and those that were cut off."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from . import _core
from .durations import duration_text
from .errors import IrqtraceWarning, TraceFormatError
from .files import utf8_path
from .schema import FLAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .info import TraceInfo

__all__ = ["SUFFIXES", "find", "is_there", "scan", "tell", "tell_of_newer"]

SUFFIXES = (".partial", ".journal")
"""What a recording's files have behind its name until it is complete."""


def find(path: str | bytes | os.PathLike[str]) -> _core.Unfinished | None:
    """The unfinished recording that is to become this file, up to its last flush; None if there is none.

    Raises:
        ValueError: if the path is not UTF-8.
        TraceFormatError: if it is damaged.
        OSError: if it cannot be read.
    """
    try:
        return _core.Unfinished(utf8_path(path))
    except FileNotFoundError:
        return None


def is_there(path: str) -> bool:
    """Whether there is anything of a recording that is to become this file."""
    return any(os.path.lexists(path + suffix) for suffix in SUFFIXES)


def scan(recording: _core.Unfinished, name: str) -> pl.LazyFrame:
    """Its flat table, lazily: row groups stay on disk.

    Raises, when it is collected:
        TraceFormatError: if it is damaged.
    """

    def batches(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        for batch in _read(recording, columns, name):
            frame = pl.DataFrame(batch)
            # In the order that was asked for, and in one set of types, whatever each batch's dictionaries are.
            frame = frame.select(pl.col(column).cast(FLAT[column]) for column in columns or FLAT)
            if left is not None:
                frame = frame.head(left)
                left -= len(frame)
            yield frame if predicate is None else frame.filter(predicate)
            if left == 0:
                return

    return register_io_source(batches, schema=pl.Schema(FLAT), is_pure=True)


def _read(recording: _core.Unfinished, columns: list[str] | None, name: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from pa.RecordBatchReader.from_stream(recording.flat(columns))
    except pa.ArrowException as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TraceFormatError(f"{name}: damaged: {reason}") from error


def tell(name: str, recording: _core.Unfinished, info: TraceInfo) -> None:
    """Warns whoever opens it that there will be more, or should have been."""
    there = f"{duration_text(info.duration_ns)} of it are there"
    if recording.under_way:
        said = f"{name}: the recording is still under way, and {there}"
    else:
        said = f"{name}: the recording was cut off, and {there}; irqtrace.repair makes a trace file of it"
    warnings.warn(said, IrqtraceWarning, stacklevel=4)


def tell_of_newer(name: str) -> None:
    """Warns whoever opens a complete trace that one that was to replace it did not come to its end."""
    files = [os.path.realpath(name) + suffix for suffix in SUFFIXES]
    if all(os.path.exists(file) for file in files):  # noqa: PTH110 - names of any kind
        said = f"{name}: an unfinished recording that is to replace it is beside it: {files[0]} opens that one"
        warnings.warn(said, IrqtraceWarning, stacklevel=3)
