"""A trace: what was measured, apart from what measured it."""

from __future__ import annotations

import json
import os
import warnings
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from . import files, frames, listing, segments, unfinished
from .backing import Flat, Memory, Segments, Unfinished
from .durations import duration_ns, duration_text
from .errors import IrqtraceWarning, TraceFormatError, in_words
from .gaps import spans_of
from .info import Mark, TraceInfo, TraceWarning, trace_info, trace_marks, trace_warnings
from .meta import Meta, parse_meta
from .slicing import cut

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from . import _core
    from .backing import Backing

__all__ = ["Instant", "Trace", "open_trace"]

Instant = datetime | timedelta | str
"""A point in time: absolute, or counted from a trace's begin, or if negative from its end."""


class Trace:
    """What was measured: counts that grew, the reads that saw it, and the lines they belong to.

    It comes from `record`, `open_trace`, a `Sampler`, or as a part of another by `slice`; nothing changes it. Frames
    are made when they are first asked for and kept. Anything that reads the Arrow C stream interface takes a trace as
    its frame `deltas`: ``pl.DataFrame(trace)``, ``pyarrow.table(trace)``, duckdb, pandas, nanoarrow.

    >>> trace = irqtrace.record("1s")  # doctest: +SKIP
    >>> trace.deltas.group_by("line").agg(pl.col("delta").sum())  # doctest: +SKIP
    """

    def __init__(self, backing: Backing) -> None:
        """Not for use from outside: a trace comes from a recording or a file."""
        self._backing = backing

    @cached_property
    def deltas(self) -> pl.DataFrame:
        """Growth of cells: sample, time (ns, UTC), read_ns, line (key into `lines`), cpu, delta.

        Only cells that grew have a row, and every cell in the first read of each epoch (a layout of lines and CPUs).
        A recording in memory shares its memory with the frame.
        """
        return self._backing.deltas()

    @cached_property
    def samples(self) -> pl.DataFrame:
        """One row per read: sample, time (ns, UTC), read_ns, kind, engine, late_ns (after the grid's point).

        The last is null where reads were due at no time, as in an imported trace.
        """
        return self._backing.samples()

    @cached_property
    def lines(self) -> pl.DataFrame:
        """One row per counter row, with its first and last sample; the last is null while it is present."""
        with files.reading(self._path):
            return frames.lines(self._meta)

    def frame(self) -> pl.DataFrame:
        """The flat table, one row per change with everything in it: the table that a trace file holds.

        What the trace knows besides is not in it: that segments are missing, say. An analysis takes the trace itself.
        """
        return files.collect(self._backing.whole(), self._path)

    def scan(self) -> pl.LazyFrame:
        """The flat table, lazily: a trace of 100 GB stays on disk."""
        return self._backing.flat()

    def to_arrow(self) -> pa.Table:
        """The flat table in Arrow, in exactly the types of the file."""
        return self._backing.arrow()

    @cached_property
    def info(self) -> TraceInfo:
        """Interval, begin, end and duration, the host, the groups, the sampler's settings and its cost."""
        return trace_info(self._meta, *self._backing.ends(), self._times())

    @cached_property
    def warnings(self) -> tuple[TraceWarning, ...]:
        """What a person must know: missed samples, resets, lines and CPUs that came or went, clock steps and more."""
        return trace_warnings(self._meta)

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """The instants that were named while recording."""
        return trace_marks(self._meta)

    def slice(self, start: Instant | None = None, end: Instant | None = None) -> Trace:
        """The reads whose grid point lies in ``[start, end)``, as a complete trace of its own.

        Of irregular reads, as an imported trace has them, those that began in it.

        A point in time is a ``datetime`` or its ISO text (UTC where it names no zone), or a duration from this trace's
        begin such as ``"1.5s"`` or a ``timedelta``; a negative duration counts from the end. None is the begin or the
        end. The part knows the read before it, so that nothing is lost at its edge. Warnings that reach into it are
        kept as they are, and what it cost to sample is not known for a part.

        Raises:
            ValueError: if the range is empty or lies outside the trace; the message names what there is.
        """
        info = self.info
        start_ns = info.begin_ns if start is None else _instant_ns(start, info, "start")
        end_ns = info.end_ns if end is None else _instant_ns(end, info, "end")
        if start_ns >= end_ns:
            raise ValueError(f"nothing lies between start {start!r} and end {end!r}: start is not before end")
        if start_ns >= info.end_ns or end_ns <= info.begin_ns:
            raise ValueError(
                f"nothing of the trace lies between {start!r} and {end!r}: it goes from {_iso(info.begin_ns)} to "
                f"{_iso(info.end_ns)}, which is {duration_text(info.duration_ns)}"
            )
        start_ns, end_ns = max(start_ns, info.begin_ns), min(end_ns, info.end_ns)
        first, after = (self._first_sample(ns) for ns in (start_ns, end_ns))
        with files.reading(self._path):
            flat, meta = cut(*self._backing.around(first, after), first, after)
        # A mark is set at any time: the parts at the ends of a trace have those beyond its samples too.
        lowest, highest = start_ns > info.begin_ns, end_ns < info.end_ns
        meta["marks"] = [
            mark
            for mark in meta["marks"]
            if (start_ns <= mark["time_ns"] or not lowest) and (mark["time_ns"] < end_ns or not highest)
        ]
        return Trace(self._backing.part(flat, meta))

    def write(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Writes the trace as a file that `open_trace` and any Parquet reader opens.

        The file appears under its name when it is complete.

        Raises:
            FileExistsError: if it exists and ``overwrite`` is false.
            OSError: if it cannot be written, with errno and the path as it was given.
            TraceFormatError: if the file that the trace is read from is damaged.
        """
        try:
            files.write(self._backing.arrow_stream(), json.dumps(self._meta), path, overwrite=overwrite)
        except TraceFormatError as error:
            if self._path is None:
                raise
            # What failed to be read comes through two layers of Arrow, with a traceback in its text.
            reason = str(error).partition(" Detail: ")[0].rpartition("Unknown error: ")[2]
            raise TraceFormatError(f"{self._path}: damaged: {reason}") from error

    def _in_one_piece(self) -> Trace:
        """The same, and no segment of a recording."""
        if self._meta["segment"] is None:
            return self
        return Trace(self._backing.part(self._backing.whole(), {**self._meta, "segment": None}))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The frame `deltas`, without a copy where the trace is in memory."""
        return self._backing.deltas_stream(self).__arrow_c_stream__(requested_schema)

    def __reduce__(self) -> tuple[type[Trace], tuple[Backing]]:
        # Frames that were made are made again. A trace in a file is pickled as the path of the file.
        return Trace, (self._backing,)

    def __repr__(self) -> str:
        from .display.trace import trace_text  # noqa: PLC0415 - how a trace looks is not needed to have one

        return trace_text(self)

    def _repr_html_(self) -> str:
        from .display.trace import trace_html  # noqa: PLC0415 - as above

        return trace_html(self)

    def _spans(self) -> list[tuple[int, int]]:
        """The samples that it is of, the first and the one after the last of each stretch without a gap."""
        return spans_of(self._meta, self._backing.ends)

    def _runs(self) -> list[Trace]:
        """The same without its gaps: itself, or a trace for each part between two of them."""
        runs = self._backing.runs()
        return [self] if len(runs) == 1 else [Trace(run) for run in runs]

    def _first_sample(self, ns: int) -> int:
        """The first sample at or after an instant: by its grid point, or where there is no grid by its read."""
        info = self.info
        if not info.irregular:
            return -((info.t0_ns - ns) // info.interval_ns)
        samples = self.samples
        later = samples.filter(pl.col("time").dt.epoch("ns") >= ns)["sample"]
        first = later.min() if len(later) else samples["sample"].max() + 1  # type: ignore[operator]
        return int(first)  # type: ignore[arg-type]

    def _times(self) -> tuple[int, int] | None:
        """Begin and end of reads without a grid."""
        if not self._meta["irregular"] or not len(self.samples):
            return None
        begin = pl.col("time").dt.epoch("ns")
        return self.samples.select(begin.min(), end=(begin + pl.col("read_ns")).max() + 1).row(0)

    @property
    def _meta(self) -> Meta:
        return self._backing.meta

    @property
    def _paths(self) -> tuple[str, ...]:
        """All files that it is read from; those of a recording under way are not among them, as they are open."""
        return self._backing.paths

    @property
    def _path(self) -> str | None:
        """The file that it is read from."""
        return self._backing.path


def open_trace(path: str | bytes | Path, *, newest: bool = False) -> Trace:
    """Opens a trace file. Only its end is read; the rest when it is asked for.

    A recording that is still under way, or was cut off, is opened up to its last flush, with a warning; nothing is
    changed. Such a trace stays what it was: opened again, there may be more of it. Its 64 oldest segments are kept
    open, and can still be read when the recorder removes them; where it has removed more since, reading them raises a
    FileNotFoundError that says so.

    The segments of one recording are opened as one trace. Where one of them is missing or damaged, a warning of type
    ``missing_segments`` tells of which time nothing is known, and both sides of it are read at once.

    Args:
        path: a file that `record` or `Trace.write` made, or will make; for segments, the name that the recording was
            given, their folder, or a pattern of their names.
        newest: whether of several recordings in segments the one that began last is taken, as where a recorder was
            started again; else they are an error.

    Raises:
        FileNotFoundError: if there is none.
        TraceFormatError: if it is no trace, is truncated or damaged, or has a newer schema; the message says which.
            Also if segments do not go together, or are of several recordings.
    """
    name = os.fsdecode(path)
    if listing.are_several(name):
        found = segments.found(name, newest=newest)
        if isinstance(found, segments.Series):
            return _of_segments(found)
        name = path = found
    while True:
        try:
            meta = files.read_footer(path)
        except (FileNotFoundError, TraceFormatError) as problem:
            if isinstance(problem, FileNotFoundError) and not unfinished.is_there(name):
                series = segments.of_name(name, newest=newest)
                if series is not None:
                    return _of_segments(series)
            trace = _unfinished(name, problem)
            if trace is not None:
                return trace
        else:
            break
    unfinished.tell_of_newer(name)
    table = files.scan_flat(os.path.abspath(name))  # noqa: PTH100 - a later chdir changes nothing
    return flat_trace(table, meta, name)


def open_found(found: segments.Series | str) -> Trace:
    """The trace of segments that were found, or of a file."""
    return _of_segments(found) if isinstance(found, segments.Series) else open_trace(found)


def open_files(list_names: Callable[[], list[str]]) -> Trace:
    """The trace of a recording's own files, listed again where some come and go.

    Raises:
        FileNotFoundError, TraceFormatError: if none of them can be read.
    """
    recordings, problems = segments.of_files(list_names)
    if not recordings:
        raise problems[0]
    for problem in problems:
        warnings.warn(f"{in_words(problem)}: left out, and the others are opened", IrqtraceWarning, stacklevel=3)
    return open_found(recordings[0][0])


def _of_segments(series: segments.Series) -> Trace:
    """The trace of a recording in segments, and what its files tell."""
    trace = Trace(Segments(series))
    for note in series.notes:
        warnings.warn(note, IrqtraceWarning, stacklevel=3)
    if series.tail is not None:
        unfinished.tell(series.parts[-1].path, series.tail, trace.info)
    return trace


def _unfinished(name: str, problem: FileNotFoundError | TraceFormatError) -> Trace | None:
    """The recording that is to become a file which has a problem; None if it has just become it.

    Raises:
        FileNotFoundError, TraceFormatError: the problem, if there is no such recording, or what is wrong with that.
    """
    try:
        recording = unfinished.find(name)
    except (TraceFormatError, OSError):
        if os.path.exists(name) and isinstance(problem, FileNotFoundError):  # noqa: PTH110 - a name of any kind
            return None
        if isinstance(problem, TraceFormatError) and not name.endswith(unfinished.SUFFIXES):
            raise problem from None
        raise
    if recording is None:
        if os.path.exists(name) and isinstance(problem, FileNotFoundError):  # noqa: PTH110 - as above
            return None
        raise problem
    meta = parse_meta(recording.meta, name)
    trace = Trace(Unfinished(unfinished.scan(recording, name), meta, name, recording=recording))
    unfinished.tell(name, recording, trace.info)
    return trace


def memory_trace(core: _core.Trace) -> Trace:
    """The trace that a core holds in memory."""
    return Trace(Memory(core))


def flat_trace(table: pl.LazyFrame, meta: Meta, path: str | None = None) -> Trace:
    """The trace of a flat table and its description, and the file that the table is read from."""
    return Trace(Flat(table, meta, path))


def _instant_ns(value: Instant, info: TraceInfo, what: str) -> int:
    if isinstance(value, str):
        try:
            return _instant_ns(datetime.fromisoformat(value), info, what)
        except ValueError:
            return _offset_ns(value, info, what)
    if isinstance(value, datetime):
        utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return (utc - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1_000
    return _offset_ns(value, info, what)


def _offset_ns(value: timedelta | str, info: TraceInfo, what: str) -> int:
    try:
        offset = duration_ns(value, what)
    except ValueError as error:
        raise ValueError(f"{error}, or a date and time as in {_iso(info.begin_ns)}") from None
    return (info.end_ns if offset < 0 else info.begin_ns) + offset


def _iso(time_ns: int) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=time_ns // 1_000)).isoformat()
