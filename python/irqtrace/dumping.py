"""The last of a recording as one file, while it goes on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .durations import Duration, positive_ns
from .errors import TraceFormatError
from .files import utf8_path
from .listing import names_of, series_names
from .trace import Trace, open_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["dump", "dump_opened"]

TRIES = 10
"""How often it is begun anew, since a recorder that keeps only the last of it drops segments meanwhile."""


def dump(recording: str | Path, path: str | Path, *, last: Duration | None = None, overwrite: bool = False) -> Trace:
    """Writes a recording, or the last of it, into one trace file, and opens that. The recording stays as it is.

    Args:
        recording: as for `open_trace`: a trace file, a recording that is under way or was cut off, one in segments;
            of several in segments, as where a recorder was started again, the newest.
        path: the file to write. It appears under its name when it is complete.
        last: how much of it, like ``"10min"``, counted from its last read that is on the disk; None is all that there
            is. Only the segments that reach into that time are read.
        overwrite: whether a file of that name may be replaced.

    Raises:
        FileNotFoundError: if there is no such recording.
        FileExistsError: if the file exists and ``overwrite`` is false.
        ValueError: if ``last`` is no duration, or the file would take the place of what it is read from.
        OSError: if it cannot be written.
        TraceFormatError: if the recording is damaged.

    >>> irqtrace.dump("traces/", "before-the-crash.parquet", last="10min")  # doctest: +SKIP
    """
    names = names_of(utf8_path(recording))
    target = utf8_path(path)
    if series_names(target):
        raise ValueError(f"{target}: segments of that name are there, and it would hide them; choose another name")
    return dump_opened(
        lambda: open_trace(recording, newest=True), path, [recording, *names], last=last, overwrite=overwrite
    )


def dump_opened(
    opened: Callable[[], Trace],
    path: str | Path,
    names: Sequence[str | Path] = (),
    *,
    last: Duration | None = None,
    overwrite: bool = False,
) -> Trace:
    """The same of what ``opened`` opens, again and again if need be. ``names`` are not to be written to either."""
    last_ns = None if last is None else positive_ns(last, "last")
    for left in reversed(range(TRIES)):
        try:
            trace = opened()
        except FileNotFoundError:
            if not left:
                raise
            continue
        sources = [os.path.realpath(file) for file in trace._paths]  # noqa: SLF001 - what it is read from may go
        if os.path.realpath(path) in (*sources, *map(os.path.realpath, names)):
            raise ValueError(f"{utf8_path(path)}: is a part of what is to be dumped; choose another name")
        try:
            part = trace if last_ns is None or last_ns >= trace.info.duration_ns else trace.slice(f"-{last_ns}ns")
            part._in_one_piece().write(path, overwrite=overwrite)  # noqa: SLF001 - a dump is no segment
            break
        except (FileNotFoundError, TraceFormatError):
            if not left or all(map(os.path.exists, sources)):
                raise
    return open_trace(path)
