"""Frames on standard output or in a file, in the format that was asked for."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from irqtrace.display.table import console, frame_table
from irqtrace.display.text import harmless

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    import polars as pl
    from rich.console import RenderableType

__all__ = ["add_format", "as_options", "emit"]

FORMATS = ("table", "csv", "json", "parquet")


def add_format(parser: argparse.ArgumentParser) -> None:
    """The options of every verb that prints a frame."""
    parser.add_argument("--format", choices=FORMATS, default="table", help="how to print it (default: %(default)s)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there and not to standard output")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")


def as_options(text: str) -> str:
    """A sentence of the library with its parameters written as options of the command line."""
    return re.sub(r"\bprocfs=(?=\S)", "--procfs ", text)


def emit(
    frame: pl.DataFrame,
    options: argparse.Namespace,
    as_table: Callable[[pl.DataFrame, int], RenderableType] = frame_table,
) -> None:
    """Prints a frame as the options say.

    Raises:
        ValueError: for Parquet on a terminal.
        FileExistsError: if the file to write exists and nothing says to replace it.
    """
    if options.output is None:
        if options.format == "parquet" and sys.stdout.isatty():
            raise ValueError("--format parquet is not for a terminal; add --output FILE or a redirection")
        data = _encoded(frame, options.format, as_table)
        # On a terminal the bytes of a name could steer it; in a file or pipe they are data and stay as they are.
        if sys.stdout.isatty() and options.format != "table":
            data = "".join(harmless(line) + "\n" for line in data.decode().split("\n")[:-1]).encode()
        sys.stdout.flush()
        left = memoryview(data)
        while left:
            # Unbuffered (python -u), a pipe takes only what it has room for.
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()
    else:
        _write(options.output, _encoded(frame, options.format, as_table), replace=options.force)


def _write(name: str, data: bytes, *, replace: bool) -> None:
    """Writes a file that appears under its name when it is complete."""
    target = Path(os.path.realpath(name))
    if target.exists() and not target.is_file():
        # A device or a pipe takes what is written to it.
        target.write_bytes(data)
        return
    if os.path.lexists(name) and not replace:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
    partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        partial.write_bytes(data)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, name) from error
    partial.replace(target)


def _encoded(frame: pl.DataFrame, how: str, as_table: Callable[[pl.DataFrame, int], RenderableType]) -> bytes:
    if how == "table":
        screen = console()
        with screen.capture() as captured:
            screen.print(as_table(frame, screen.width), crop=False)
        return captured.get().encode()
    if how == "csv":
        return frame.write_csv().encode()
    if how == "json":
        return (frame.write_json() + "\n").encode()
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
