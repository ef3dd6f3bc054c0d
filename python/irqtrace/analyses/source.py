"""What an analysis can be given, as traces."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

import polars as pl

from irqtrace import listing
from irqtrace.errors import IrqtraceError, IrqtraceWarning
from irqtrace.trace import Trace, open_files, open_trace

from .bare import bare_traces

__all__ = ["Source", "files_of", "traces_of"]


@runtime_checkable
class ArrowStream(Protocol):
    """What has Arrow data."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


Source = Trace | str | os.PathLike[str] | pl.DataFrame | pl.LazyFrame | ArrowStream | Iterable["Source"]
"""A trace; a trace file, a folder or a pattern of them; a flat table in Polars or Arrow; or several of these.

The segments of a recording are one trace."""


def traces_of(source: Source) -> Iterator[Trace]:
    """The traces that a source stands for, each opened when its turn comes.

    Of several files one that cannot be read is left out with a warning that names it; an error if that is so of all.

    Raises:
        TypeError: for what is no source.
        ValueError: for a table that lacks a column or has one of another type.
        FileNotFoundError: if there is no such file, or no file that the pattern matches.
    """
    if isinstance(source, Trace):
        yield source
    elif isinstance(source, str | bytes | os.PathLike):
        source = os.fsdecode(source)
        paths = files_of(source)
        if paths == [os.fspath(source)]:
            yield open_trace(paths[0])
        else:
            yield from _readable(paths)
    elif isinstance(source, pl.DataFrame | pl.LazyFrame):
        yield from bare_traces(source.lazy())
    elif isinstance(source, ArrowStream):
        yield from bare_traces(pl.DataFrame(source).lazy())
    # A Mapping is no Source, for those who have types.
    elif isinstance(source, Iterable) and not isinstance(source, Mapping):  # type: ignore[redundant-expr]
        yield from _of_several(source)
    else:
        raise TypeError(
            f"a {type(source).__name__} is nothing that can be analysed: give a Trace, the path of a trace file, a "
            f"folder or a pattern of such files, a flat table, or a list of these"
        )


def files_of(source: str | os.PathLike[str]) -> list[str]:
    """The files that a path stands for, by name: itself, those of a folder or a pattern, or a recording's segments.

    Raises:
        FileNotFoundError: if a folder or a pattern stands for none.
    """
    name = os.fspath(source)
    if listing.are_several(name):
        return listing.listed(name)
    return (not listing.is_there(name) and listing.series_names(name)) or [name]


def _of_several(sources: Iterable[Source]) -> Iterator[Trace]:
    paths: list[str] = []
    others = 0
    for source in sources:
        if isinstance(source, str | os.PathLike):
            paths += files_of(source)
            continue
        for trace in traces_of(source):
            others += 1
            yield trace
    if len(paths) == 1 and not others:
        yield open_trace(paths[0])
    else:
        yield from _readable(paths, others)


def _readable(paths: list[str], others: int = 0) -> Iterator[Trace]:
    opened, problem = 0, None
    recordings: set[str] = set()
    for names in listing.by_series(paths):
        try:
            traces = open_files(names)
        except (IrqtraceError, OSError) as error:
            problem = error
            warnings.warn(f"{error}: left out, and the others are analysed", IrqtraceWarning, stacklevel=4)
            continue
        for trace in traces:
            recording = trace._meta["recording"]  # noqa: SLF001 - whoever analyses a trace knows what it is made of
            # What was cut out of a recording that is there anyway.
            if recording in recordings and len(names) == 1:
                continue
            if recording is not None and len(names) > 1:
                recordings.add(recording)
            opened += 1
            yield trace
    if not opened and not others and problem is not None:
        raise problem
