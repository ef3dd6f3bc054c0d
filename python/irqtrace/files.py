"""Trace files: opening them without reading them, and saying what is wrong with one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from . import _core
from .errors import TraceFormatError
from .frames import flat_types
from .meta import Meta, parse_meta
from .schema import FLAT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_footer", "scan_flat", "write"]

_MAGIC = b"PAR1"
_KEY = b"irqtrace"


def read_footer(path: str | Path) -> Meta:
    """What a trace file says about itself; only its end is read.

    Raises:
        FileNotFoundError: if there is no such file; other OSErrors likewise.
        TraceFormatError: if it is no trace, cut off, damaged, or written by a newer version.
    """
    name = os.fspath(path)
    with open(name, "rb") as file:  # noqa: PTH123 - errors then name the path as it was given
        begin = file.read(len(_MAGIC))
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(_MAGIC)))
        end = file.read()
        if begin != _MAGIC:
            raise TraceFormatError(f"{name}: no trace: {'empty' if size == 0 else 'not a Parquet file'}")
        if end != _MAGIC or size < 3 * len(_MAGIC):
            raise TraceFormatError(f"{name}: truncated: it begins like a Parquet file and lacks the end of one")
        file.seek(0)
        try:
            footer = pq.read_metadata(file)
            columns = footer.schema.to_arrow_schema().names
        except (pa.ArrowException, OSError) as error:
            raise TraceFormatError(f"{name}: damaged: its Parquet footer cannot be read: {error}") from error
    text = (footer.metadata or {}).get(_KEY)
    if text is None:
        raise TraceFormatError(f"{name}: no trace: a Parquet file without the key 'irqtrace'")
    meta = parse_meta(text, name)
    lacking = [column for column in FLAT if column not in columns]
    if lacking:
        raise TraceFormatError(f"{name}: damaged: it lacks the columns {', '.join(lacking)}")
    return meta


def scan_flat(path: str | Path) -> pl.LazyFrame:
    """The flat table of a trace file, lazily."""
    return flat_types(pl.scan_parquet(os.fspath(path), glob=False, hive_partitioning=False))


def write(flat: object, meta_json: str, path: str | Path, *, overwrite: bool) -> None:
    """Writes a flat table, anything with an Arrow stream in the file's types."""
    _core.write_trace(flat, meta_json, os.fspath(path), overwrite)
