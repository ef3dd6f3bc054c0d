"""What an analysis can be given, as traces."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

import polars as pl

from irqtrace import listing, segments
from irqtrace.errors import IrqtraceError, IrqtraceWarning, in_words
from irqtrace.trace import Trace, open_found, open_trace

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
            yield from _readable(lambda: files_of(source))
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
    named: list[str | os.PathLike[str]] = []
    others = 0
    for source in sources:
        if isinstance(source, str | os.PathLike):
            named.append(source)
            continue
        for trace in traces_of(source):
            others += 1
            yield trace
    paths = [path for source in named for path in files_of(source)]
    _refuse_twice(paths)
    if len(paths) == 1 and not others:
        yield open_trace(paths[0])
    else:
        yield from _readable(lambda: [path for source in named for path in files_of(source)], others)


def _refuse_twice(paths: list[str]) -> None:
    """Raises ValueError if a file is given more than once, be it by another name."""
    known: set[str] = set()
    for path in paths:
        if (place := os.path.realpath(path)) in known:
            raise ValueError(f"two of the sources have reads in common: {path} is given twice; give each part once")
        known.add(place)


def _readable(list_paths: Callable[[], list[str]], others: int = 0) -> Iterator[Trace]:
    """The traces of some files. Of one recording no sample is told twice, though it may be in several of them."""
    recordings, problems = segments.of_files(list_paths)
    for problem in problems:
        _tell(problem)
    opened = 0
    for of_one in recordings:
        known: list[tuple[int, int]] = []
        for found in of_one:
            try:
                trace = open_found(found)
                parts = [trace] if len(of_one) == 1 else _not_known(trace, known)
            except (IrqtraceError, OSError) as problem:
                problems.append(problem)
                _tell(problem)
                continue
            opened += 1
            yield from parts
    if not opened and not others and problems:
        raise problems[0]


def _tell(problem: Exception) -> None:
    warnings.warn(f"{in_words(problem)}: left out, and the others are analysed", IrqtraceWarning, stacklevel=5)


def _not_known(trace: Trace, known: list[tuple[int, int]]) -> list[Trace]:
    """A trace without the samples that are known from others of its recording, to which its own are added."""
    own = trace._spans()  # noqa: SLF001 - whoever analyses a trace knows what it is made of
    new = own
    for low, after in known:
        pieces = (piece for first, end in new for piece in ((first, min(end, low)), (max(first, after), end)))
        new = [(first, end) for first, end in pieces if first < end]
    known += new
    if new == own:
        return [trace]
    info = trace.info
    return [
        trace.slice(*(f"{info.t0_ns + sample * info.interval_ns - info.begin_ns}ns" for sample in span)) for span in new
    ]
