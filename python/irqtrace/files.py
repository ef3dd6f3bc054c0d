"""Trace files: opening them without reading them, and saying what is wrong with one."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from . import _core
from .errors import TraceFormatError
from .frames import flat_types
from .meta import Meta, parse_meta
from .schema import FLAT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "AT_ONCE_BYTES",
    "check",
    "collect",
    "is_panic",
    "read_footer",
    "reading",
    "scan",
    "scan_flat",
    "utf8_path",
    "write",
]

_MAGIC = b"PAR1"
_KEY = b"irqtrace"

AT_ONCE_BYTES = 64 << 20
"""A file that is no longer is checked as a whole before any of its rows is read: a hundredth of a second."""

_REMOVED = (
    "was removed since the trace was opened, as a recorder does that keeps only the last of a recording; open it again"
)


def utf8_path(path: str | bytes | os.PathLike[str]) -> str:
    """A path as text.

    Raises:
        ValueError: if it is not UTF-8: what reads and writes Parquet takes no other names.
    """
    name = os.fsdecode(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"path {os.fsencode(name)!r} is not UTF-8, which a trace file's name has to be") from None
    return name


def read_footer(path: str | bytes | Path) -> Meta:
    """What a trace file says about itself; only its end is read.

    Raises:
        FileNotFoundError: if there is no such file; other OSErrors likewise.
        TraceFormatError: if it is no trace, cut off, damaged, or written by a newer version.
    """
    name = utf8_path(path)
    if stat.S_ISFIFO(os.stat(name).st_mode):  # noqa: PTH116 - errors name the path as it was given
        # It would wait for its other end.
        raise OSError(errno.ESPIPE, "a pipe is no trace, which is read from its end; save it as a file", name)
    with open(name, "rb") as file:  # noqa: PTH123 - errors then name the path as it was given
        if not file.seekable():
            raise OSError(
                errno.ESPIPE, "a trace is read from its end, which this does not let; save it as a file", name
            )
        begin = file.read(len(_MAGIC))
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(_MAGIC)))
        end = file.read()
        if begin != _MAGIC:
            raise TraceFormatError(f"{name}: no trace: {'empty' if size == 0 else 'not a Parquet file'}")
        if end != _MAGIC or size < 3 * len(_MAGIC):
            raise TraceFormatError(f"{name}: truncated: it begins like a Parquet file and lacks the end of one")
        has_checks = _core.check_footer(name)
        file.seek(0)
        try:
            footer = pq.read_metadata(file)
            columns = footer.schema.to_arrow_schema().names
        except (pa.ArrowException, OSError, ValueError) as error:
            raise TraceFormatError(f"{name}: damaged: its Parquet footer cannot be read: {error}") from error
    if not has_checks and footer.created_by.endswith(" with checksums"):
        raise TraceFormatError(f"{name}: damaged: its checksums are missing")
    text = (footer.metadata or {}).get(_KEY)
    if text is None:
        raise TraceFormatError(f"{name}: no trace: a Parquet file without the key 'irqtrace'")
    meta = parse_meta(text, name)
    lacking = [column for column in FLAT if column not in columns]
    if lacking:
        raise TraceFormatError(f"{name}: damaged: it lacks the columns {', '.join(lacking)}")
    return meta


def check(path: str, *, everything: bool) -> None:
    """Checks that the rows of a trace file are what was written.

    Args:
        path: of the file.
        everything: whether all of its rows are about to be read; else a long file is left for `irqtrace.verify`.

    Raises:
        TraceFormatError: if it is damaged; the message says where.
        OSError: if it cannot be read.
    """
    _core.check_file(path, None if everything else AT_ONCE_BYTES)


def scan(file: str | list[str] | BinaryIO) -> pl.LazyFrame:
    """The columns of a Parquet file as they are, or of several one after the other, lazily."""
    return pl.scan_parquet(file, glob=False, hive_partitioning=False)


def scan_flat(file: str | list[str] | BinaryIO) -> pl.LazyFrame:
    """The flat table of a trace file, which is named or open, or of several one after the other, lazily."""
    return flat_types(scan(file))


@contextmanager
def reading(path: str | None) -> Iterator[None]:
    """Says of a trace file that it is damaged where Polars fails over what stands in it, or that it is there no more.

    Some damage makes Polars panic, which is no Exception. None is a trace in memory, which nothing damages.

    Raises:
        TraceFormatError: with the path, in place of Polars' error.
        FileNotFoundError: if it was removed since it was opened.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, _REMOVED, error.filename or path) from error
    except BaseException as error:
        if path is None or not (isinstance(error, pl.exceptions.PolarsError) or is_panic(error)):
            raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TraceFormatError(f"{path}: damaged: {reason}") from error


def collect(lazy: pl.LazyFrame, path: str | None) -> pl.DataFrame:
    """The frame of a query over the trace file of this path; None if it is in memory."""
    with reading(path):
        return lazy.collect()


def is_panic(error: BaseException) -> bool:
    """Whether Rust code panicked: each extension module has a class of its own for that."""
    return type(error).__name__ == "PanicException"


def write(flat: object, meta_json: str, path: str | Path, *, overwrite: bool) -> None:
    """Writes a flat table, anything with an Arrow stream in the file's types."""
    _core.write_trace(flat, meta_json, utf8_path(path), overwrite)
