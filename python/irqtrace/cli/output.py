"""Frames on standard output or in a file, in the format that was asked for."""

from __future__ import annotations

import errno
import functools
import io
import json
import os
import re
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from irqtrace.display.table import console, frame_table
from irqtrace.display.text import harmless

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from rich.console import RenderableType

__all__ = ["add_format", "add_sources", "as_options", "emit"]

FORMATS = ("table", "csv", "json", "parquet")


def add_format(parser: argparse.ArgumentParser) -> None:
    """The options of every verb that prints a frame."""
    parser.add_argument("--format", choices=FORMATS, default="table", help="how to print it (default: %(default)s)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there and not to standard output")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")


def add_sources(parser: argparse.ArgumentParser) -> None:
    """What an analysis is of."""
    parser.add_argument("traces", metavar="TRACE", nargs="+", help="trace files, or folders or patterns of them")


def as_options(text: str) -> str:
    """A sentence of the library with its parameters written as options of the command line."""
    return re.sub(r"\bprocfs=(?=\S)", "--procfs ", text).replace("cpus=[…]", "--cpus LIST")


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
    if not name or name.endswith("/"):
        raise ValueError(f"--output {name!r} names no file")
    try:
        # Asked by its name: what a pipe's name in /dev/fd leads to has none.
        there = _found(name)
        if there is not None and not stat.S_ISREG(there.st_mode):
            # A device or a pipe takes what is written to it.
            Path(name).write_bytes(data)
        elif os.path.lexists(name) and not replace:
            raise FileExistsError(errno.EEXIST, "exists; --force replaces it", name)
        else:
            # A link stays: it is what it leads to that is replaced.
            _put(Path(os.path.realpath(name)), data, there)
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from error


def _found(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116 - a name of any kind
    except FileNotFoundError:
        return None


def _put(target: Path, data: bytes, replaced: os.stat_result | None) -> None:
    """Writes a file that appears under its name when it is complete, with owner and mode of the one it replaces."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    mode = 0o666 if replaced is None else stat.S_IMODE(replaced.st_mode)
    opener = functools.partial(os.open, mode=mode)
    try:
        with open(partial, "xb", opener=opener) as file:
            if replaced is not None:
                # Where the system lets us: only root gives files away.
                with suppress(OSError):
                    os.chown(file.fileno(), replaced.st_uid, replaced.st_gid)
                # What the process's umask took away.
                partial.chmod(mode)
            file.write(data)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _encoded(frame: pl.DataFrame, how: str, as_table: Callable[[pl.DataFrame, int], RenderableType]) -> bytes:
    if how == "table":
        screen = console()
        with screen.capture() as captured:
            screen.print(as_table(frame, screen.width), crop=False)
        return captured.get().encode()
    if how == "csv":
        return _without_lists(frame).write_csv().encode()
    if how == "json":
        return (frame.write_json() + "\n").encode()
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _without_lists(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its lists as JSON: CSV has no other way."""
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    return frame.with_columns(
        pl.Series(name, [None if row is None else json.dumps(row) for row in frame[name].to_list()], pl.String)
        for name in nested
    )
